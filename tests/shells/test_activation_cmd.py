from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path, PureWindowsPath

import pytest

from gpuenv.activate import command_environment, render
from gpuenv.activate.line import activation_line
from gpuenv.activate.render import with_blocks
from gpuenv.model import Variable
from real_shells import VARIABLES, make_venv

pytestmark = [
    pytest.mark.shell("cmd"),
    pytest.mark.skipif(shutil.which("wine") is None, reason="install wine to run this"),
]

RECIPE = {name: variable for name, variable in VARIABLES.items() if name != "GPUENV_TEST_LIST"}
RECIPE["GPUENV_TEST_LIST"] = Variable(value="{prefix}/opt/list", mode="path")
WANTED = re.compile(r"CONDA_|XLA_|CUDA_|GPUENV|_GPUENV|VIRTUAL_ENV|PATH$|PROMPT|PYTHONHOME|_OLD")

OWN_VALUES: dict[str, dict[str, str]] = {
    "nothing": {},
    "values": {
        "CUDA_MODULE_LOADING": "EAGER",
        "CUDA_CACHE_PATH": "D:\\my own\\cache",
        "XLA_FLAGS": "--xla_dump_to=C:\\d",
        "GPUENV_TEST_LIST": "C:\\a;C:\\b c",
    },
    "the same flag": {"XLA_FLAGS": "--xla_dump_to=C:\\d --xla_gpu_cuda_data_dir=C:\\cuda"},
    "a file with flags": {"XLA_FLAGS": "C:\\flags.txt"},
    "quotes": {"XLA_FLAGS": '--xla_dump_to="C:\\a & b"'},
    # No `%`: Wine expands the result of an expansion again, which Windows does not.
    "odd characters": {"XLA_FLAGS": "--b=^& --c=!x!", "GPUENV_TEST_LIST": "C:\\a (x86);C:\\&b"},
}


@pytest.fixture(scope="module")
def wine_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Windows of the tests' own, kept running between them."""
    home = tmp_path_factory.mktemp("wine")
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "WINEDEBUG": "-all", "LANG": "C.UTF-8"}
    environ |= {"WINEPREFIX": str(home / "prefix"), "WINEDLLOVERRIDES": "mscoree,mshtml=", "DISPLAY": ""}
    subprocess.run(["wine", "cmd", "/c", "exit"], env=environ, check=True, capture_output=True, timeout=120)
    server = shutil.which("wineserver") or "/usr/lib/wine/wineserver"
    subprocess.run([server, "-p600"], env=environ, check=True)
    yield environ
    subprocess.run([server, "-k"], env=environ, check=False)


def make_windows_scripts(prefix: Path, variables: Mapping[str, Variable] = RECIPE) -> PureWindowsPath:
    """Lay uv's own batch files out as on Windows, with gpuenv's blocks in them."""
    scripts = make_venv(prefix).prefix / "bin"
    scripts = scripts.rename(prefix / "Scripts")
    windows = PureWindowsPath("Z:" + str(prefix).replace("/", "\\"))
    texts = render(variables, windows, windows / "cuda", "win-64")
    for name in ("activate.bat", "deactivate.bat"):
        script = (scripts / name).read_bytes().decode()
        script = script.replace(str(prefix), str(windows)).replace("%\\bin;", "%\\Scripts;")
        edited = with_blocks(name, script, texts)
        assert edited is not None
        (scripts / name).write_bytes(edited.encode())
    return windows


def run_cmd(lines: list[str], environ: Mapping[str, str], directory: Path) -> list[dict[str, str]]:
    """Run a batch file; each line `dump` gives one environment."""
    text = "@echo off\n"
    for number, line in enumerate(lines):
        text += (f"echo dump {number}\nset" if line == "dump" else line) + "\n"
    script = directory / "session.bat"
    script.write_bytes(text.replace("\n", "\r\n").encode())
    # Into a file: Windows' services, started on the way, keep a pipe open.
    with (directory / "stdout").open("wb") as file:
        command = ["wine", "cmd", "/c", "Z:" + str(script).replace("/", "\\")]
        subprocess.run(command, env=environ, stdout=file, stderr=file, timeout=120, check=True)
    said = (directory / "stdout").read_bytes().decode("utf-8", "replace")
    parts = re.split(r"^dump \d+\r?\n", said, flags=re.MULTILINE)
    pairs = [[line.partition("=") for line in part.splitlines()] for part in parts[1:]]
    return [{name.upper(): value for name, _, value in part if WANTED.match(name.upper())} for part in pairs]


def recipe_part(dump: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in dump.items() if name in RECIPE}


@pytest.mark.parametrize("own", OWN_VALUES.values(), ids=OWN_VALUES)
def test_activate_bat__then_deactivate__environment_is_as_before(
    wine_environ: dict[str, str], tmp_path: Path, own: dict[str, str]
) -> None:
    prefix = make_windows_scripts(tmp_path / "env")
    line = activation_line(Path(prefix), "cmd", "win-64").replace("/", "\\")
    steps = ["dump", line, "dump", line, "dump", f'call "{prefix}\\Scripts\\deactivate.bat"', "dump"]
    before, active, twice, after = run_cmd(steps, {**wine_environ, **own}, tmp_path)
    expected = command_environment(prefix, RECIPE, prefix / "cuda", "win-64", before)  # type: ignore[arg-type]
    if '"' in own.get("XLA_FLAGS", ""):  # cmd cannot add to it safely; the start-up file does
        expected["XLA_FLAGS"] = own["XLA_FLAGS"]
    assert recipe_part(active) == recipe_part(expected)
    assert active["PATH"].split(";")[:3] == [
        f"{prefix}\\opt\\gpuenv\\bin",
        f"{prefix}\\cuda\\bin",
        f"{prefix}\\Scripts",
    ]
    assert twice == active
    assert after == before


@pytest.mark.parametrize("name", ["a b", "it's (x86)", "a&b", "hey!you", "a^b"])
def test_activate_bat__odd_prefix__values_are_right_and_undone(
    wine_environ: dict[str, str], tmp_path: Path, name: str
) -> None:
    prefix = make_windows_scripts(tmp_path / name)
    steps = [
        "dump",
        f'call "{prefix}\\Scripts\\activate.bat"',
        "dump",
        "call deactivate.bat",
        "dump",
    ]
    before, active, after = run_cmd(steps, wine_environ, tmp_path)
    expected = command_environment(prefix, RECIPE, prefix / "cuda", "win-64", before)  # type: ignore[arg-type]
    assert recipe_part(active) == recipe_part(expected)
    assert after == before


def test_activate_bat__over_another__only_the_second_and_then_none(
    wine_environ: dict[str, str], tmp_path: Path
) -> None:
    first = make_windows_scripts(tmp_path / "first")
    second = make_windows_scripts(tmp_path / "second", {"XLA_FLAGS": RECIPE["XLA_FLAGS"]})
    steps = ["dump", *(f'call "{prefix}\\Scripts\\activate.bat"' for prefix in (first, second)), "dump"]
    before, active, after = run_cmd([*steps, "call deactivate.bat", "dump"], wine_environ, tmp_path)
    assert recipe_part(active) == {"XLA_FLAGS": f"--xla_gpu_cuda_data_dir={second}\\cuda"}
    assert after == before
