"""The batch files of a conda prefix, under Wine; conda's own part is emulated (`_conda_activate.bat` of conda 26.7)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath

import pytest
from test_activation_cmd import OWN_VALUES, RECIPE, recipe_part, run_cmd, wine_environ

from gpuenv.activate import conda_command_environment
from gpuenv.activate.conda import scripts
from gpuenv.model import Variable

__all__ = ["wine_environ"]
pytestmark = [
    pytest.mark.shell("cmd"),
    pytest.mark.skipif(shutil.which("wine") is None, reason="install wine to run this"),
]
DIRECTORIES = ("", "\\Library\\mingw-w64\\bin", "\\Library\\usr\\bin", "\\Library\\bin", "\\Scripts", "\\bin")


def make_prefix(prefix: Path, variables: Mapping[str, Variable] = RECIPE) -> PureWindowsPath:
    windows = PureWindowsPath("Z:" + str(prefix).replace("/", "\\"))
    for name, text in scripts(variables, windows, windows / "cuda", "win-64").items():
        path = prefix / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return windows


def activate(prefix: PureWindowsPath, level: int) -> list[str]:
    """Do what conda does for an activation on top of whatever is active."""
    path = ";".join(f"{prefix}{directory}" for directory in DIRECTORIES)
    below = [f'set "CONDA_PREFIX_{level - 1}=%CONDA_PREFIX%"'] if level > 1 else []
    named = [*below, f'set "PATH={path};%PATH%"', f'set "CONDA_PREFIX={prefix}"', f'set "CONDA_SHLVL={level}"']
    return [*named, f'call "{prefix}\\etc\\conda\\activate.d\\~~gpuenv.bat"']


def deactivate(prefix: PureWindowsPath) -> list[str]:
    return [f'call "{prefix}\\etc\\conda\\deactivate.d\\~~gpuenv.bat"']


def end() -> list[str]:
    return [f'set "{name}="' for name in ("CONDA_PREFIX", "CONDA_SHLVL", "CONDA_PREFIX_1")]


def without_prefix(path: str, prefix: PureWindowsPath) -> str:
    """Take a prefix out of PATH as conda does: from its first directory to its last, with what is between."""
    entries = path.split(";")
    first, last = (entries.index(f"{prefix}{directory}") for directory in (DIRECTORIES[0], DIRECTORIES[-1]))
    return ";".join(entries[:first] + entries[last + 1 :])


def without_path(dump: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in dump.items() if name != "PATH"}


@pytest.mark.parametrize("own", OWN_VALUES.values(), ids=OWN_VALUES)
def test_conda_activate_bat__then_deactivate__environment_is_as_before(
    wine_environ: dict[str, str], tmp_path: Path, own: dict[str, str]
) -> None:
    prefix = make_prefix(tmp_path / "env")
    again = f'call "{prefix}\\etc\\conda\\activate.d\\~~gpuenv.bat"'
    steps = ["dump", *activate(prefix, 1), "dump", again, "dump", *deactivate(prefix), *end(), "dump"]
    before, active, twice, after = run_cmd(steps, {**wine_environ, **own}, tmp_path)
    expected = conda_command_environment(prefix, RECIPE, prefix / "cuda", "win-64", before)  # type: ignore[arg-type]
    if '"' in own.get("XLA_FLAGS", ""):  # cmd cannot add to it safely; the start-up file does
        expected["XLA_FLAGS"] = own["XLA_FLAGS"]
    assert recipe_part(active) == recipe_part(expected)
    assert active["PATH"].split(";")[:3] == [str(prefix), f"{prefix}\\opt\\gpuenv\\bin", f"{prefix}\\cuda\\bin"]
    assert without_prefix(active["PATH"], prefix) == before["PATH"]
    assert twice == active
    assert without_path(after) == without_path(before)


@pytest.mark.parametrize("name", ["a b", "it's (x86)", "it's", "a&b", "hey!you"])
def test_conda_activate_bat__odd_prefix__values_are_right_and_undone(
    wine_environ: dict[str, str], tmp_path: Path, name: str
) -> None:
    """No `%`, which Wine expands twice, and nothing beyond ASCII, which it reads in the machine's code page."""
    prefix = make_prefix(tmp_path / name)
    steps = ["dump", *activate(prefix, 1), "dump", *deactivate(prefix), *end(), "dump"]
    before, active, after = run_cmd(steps, wine_environ, tmp_path)
    expected = conda_command_environment(prefix, RECIPE, prefix / "cuda", "win-64", before)  # type: ignore[arg-type]
    if "'" in name and " " in name:
        del expected["XLA_FLAGS"]  # left to the start-up file
    assert recipe_part(active) == recipe_part(expected)
    assert without_path(after) == without_path(before)


def test_conda_activate_bat__stacked_and_popped__restored_in_order(
    wine_environ: dict[str, str], tmp_path: Path
) -> None:
    first = make_prefix(tmp_path / "first")
    second = make_prefix(tmp_path / "second", {"A_VALUE": Variable(value="1"), **RECIPE})
    steps = ["dump", *activate(first, 1), "dump", *activate(second, 2), "dump", *deactivate(second)]
    steps += ['set "CONDA_PREFIX_1="', f'set "CONDA_PREFIX={first}"', 'set "CONDA_SHLVL=1"']
    steps += [f'call "{first}\\etc\\conda\\activate.d\\~~gpuenv.bat"', "dump", *deactivate(first), *end(), "dump"]
    before, one, both, popped, after = run_cmd(steps, {**wine_environ, **OWN_VALUES["values"]}, tmp_path)
    assert both["_GPUENV_PREFIX_1"] == str(first)
    assert both["_GPUENV_PREFIX_2"] == str(second)
    assert without_prefix(both["PATH"], second) == one["PATH"]
    assert without_path(popped) == without_path(one)
    assert without_path(after) == without_path(before)


def test_alone_bat__activate_twice_and_deactivate__as_before(wine_environ: dict[str, str], tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "it is" / "tf")
    for name in ("1.bat", "2.bat"):
        for directory in ("activate.d", "deactivate.d"):
            (tmp_path / "it is/tf/etc/conda" / directory / name).write_bytes(
                b'@set "CUDA_ORDER=%CUDA_ORDER%' + name[:1].encode() + b'"\r\n'
            )
    line = f'call "{prefix}\\etc\\gpuenv\\activate.bat"'
    undo = f'call "{prefix}\\etc\\gpuenv\\deactivate.bat"'
    steps = ["dump", line, "dump", line, "dump", undo, "dump"]
    before, active, twice, after = run_cmd(steps, wine_environ, tmp_path)
    assert (active["CONDA_PREFIX"], active["CONDA_SHLVL"]) == (str(prefix), "1")
    assert (active["CUDA_ORDER"], twice["CUDA_ORDER"], after["CUDA_ORDER"]) == ("12", "122112", "12211221")
    expected = conda_command_environment(prefix, RECIPE, prefix / "cuda", "win-64", before)  # type: ignore[arg-type]
    assert recipe_part(active) == recipe_part(expected)
    assert without_prefix(active["PATH"], prefix) == before["PATH"]
    assert {**twice, "CUDA_ORDER": ""} == {**active, "CUDA_ORDER": ""}
    assert {**after, "CUDA_ORDER": ""} == {**before, "CUDA_ORDER": ""}
