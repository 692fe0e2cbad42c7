from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from gpuenv.activate import render
from gpuenv.activate.render import with_blocks
from gpuenv.activate.script import insert, marked, without_blocks
from gpuenv.errors import UsageError
from gpuenv.model import Variable
from real_shells import VARIABLES, make_venv

PREFIX = PurePosixPath("/envs/tf")
SCRIPTS = ["activate", "activate.fish", "activate.csh", "activate.ps1", "activate.bat", "deactivate.bat"]


@pytest.fixture(scope="module", params=["uv", "venv"])
def scripts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of the two makers of virtual environments."""
    prefix = tmp_path_factory.mktemp("scripts") / "env"
    if request.param == "uv":
        return make_venv(prefix).prefix / "bin"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    return prefix / "bin"


@pytest.mark.parametrize("name", SCRIPTS)
def test_with_blocks__real_script__twice_is_once_and_undo_is_exact(scripts: Path, name: str) -> None:
    path = next((path for path in scripts.iterdir() if path.name.lower() == name), None)
    if path is None:
        assert name.endswith(".bat")  # Python's own venv writes those on Windows only
        return
    before = path.read_bytes().decode()
    blocks = render(VARIABLES, PREFIX, PREFIX / "cuda", "linux-64")
    after = with_blocks(name, before, blocks)
    assert after is not None
    assert with_blocks(name, after, blocks) == after
    assert after.count(">>> gpuenv >>>") == (1 if name == "deactivate.bat" else 2)
    assert without_blocks(after) == before
    assert after.count("\r\n") in (0, after.count("\n"))
    other = with_blocks(name, after, render({"ONLY": Variable(value="1")}, PREFIX, None, "linux-64"))
    assert other is not None
    assert "CUDA_CACHE_PATH" not in other


@pytest.mark.parametrize("name", SCRIPTS[:4])
def test_with_blocks__script_of_an_unknown_kind__none(name: str) -> None:
    assert with_blocks(name, "echo hello\n", render(VARIABLES, PREFIX, None, "linux-64")) is None


def test_render__windows__dlls_foremost_and_backslashes() -> None:
    prefix = PureWindowsPath("C:\\envs\\50% o'clock")
    blocks = render(VARIABLES, prefix, prefix / "nvcc", "win-64")
    lines = blocks["bat"].splitlines()
    assert '@set "CUDA_CACHE_PATH=C:\\envs\\50%% o\'clock\\var\\gpuenv\\compute-cache"' in lines
    assert [line for line in lines if line.startswith('@set "PATH=')] == [
        '@set "PATH=C:\\envs\\50%% o\'clock\\nvcc\\bin;%PATH%"',
        '@set "PATH=C:\\envs\\50%% o\'clock\\opt\\gpuenv\\bin;%PATH%"',
    ]
    assert "@('PATH', 'path', 'C:\\envs\\50% o''clock\\opt\\gpuenv\\bin')" in blocks["ps1"]
    assert "$(cygpath -u 'C:\\envs\\50% o'\"'\"'clock\\nvcc\\bin')" in blocks["sh"]
    assert 'PREFIX = "../.."' in blocks["startup"].replace("'", '"')


def test_render__no_cuda_tools__nothing_names_them() -> None:
    blocks = render(VARIABLES, PREFIX, None, "linux-64")
    assert all("XLA_FLAGS" not in text for shell, text in blocks.items() if shell != "startup")
    assert "CUDA_DIR = None" in blocks["startup"]


def test_render__cuda_tools_outside__absolute_in_the_startup_file() -> None:
    blocks = render(VARIABLES, PREFIX, PurePosixPath("/usr/local/cuda-11.0"), "linux-64")
    assert "CUDA_DIR = '/usr/local/cuda-11.0'" in blocks["startup"]
    inside = render(VARIABLES, PREFIX, PREFIX / "lib" / "nvcc", "linux-64")
    assert "CUDA_DIR = 'lib/nvcc'" in inside["startup"]


def test_render__curly_quote__is_doubled_for_powershell() -> None:
    blocks = render({"A": Variable(value="it\u2019s")}, PREFIX, None, "linux-64")
    assert "'it\u2019\u2019s'" in blocks["ps1"]


@pytest.mark.parametrize("name", ["A B", "A;id", "1A", "", "A-B", "$(id)", "VIRTUAL_ENV", "_GPUENV_OLD_A", "PS1"])
def test_render__name_that_cannot_be__usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="cannot set the environment variable") as caught:
        render({name: Variable(value="1")}, PREFIX, None, "linux-64")
    assert f"`{name}`" in caught.value.message


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_render__value_with_a_line_break__usage_error(value: str) -> None:
    with pytest.raises(UsageError, match="cannot set `A`"):
        render({"A": Variable(value=value)}, PREFIX, None, "linux-64")


def test_insert__script_without_a_last_line_end__gets_one() -> None:
    assert insert("a", marked("b\n")) == "a\n# >>> gpuenv >>>\nb\n# <<< gpuenv <<<\n"


def test_insert__no_line_matches__none() -> None:
    assert insert("a\n", "b\n", after="x") is None
    assert insert("a\n", "b\n", before="x") is None
