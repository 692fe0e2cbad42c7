from __future__ import annotations

import shutil
import subprocess
from pathlib import Path, PureWindowsPath

import pytest

from gpuenv.activate import as_conda_does, conda_line

PREFIX = Path("/envs/it's $HOME!")


def test_as_conda_does__linux__path_and_condas_variables() -> None:
    made = {"VIRTUAL_ENV": "/x", "VIRTUAL_ENV_PROMPT": "x", "PATH": f"{PREFIX}/bin:/usr/bin", "XLA_FLAGS": "--a"}
    assert as_conda_does(made, PREFIX, "linux-64") == {
        "PATH": f"{PREFIX}/bin:/usr/bin",
        "XLA_FLAGS": "--a",
        "CONDA_PREFIX": str(PREFIX),
        "CONDA_DEFAULT_ENV": "it's $HOME!",
        "CONDA_SHLVL": "1",
    }


def test_as_conda_does__windows__all_directories_of_conda() -> None:
    made = as_conda_does({"PATH": "C:\\Windows"}, PureWindowsPath("C:/envs/tf"), "win-64")  # type: ignore[arg-type]
    assert made["PATH"].split(";") == [
        "C:\\envs\\tf",
        "C:\\envs\\tf\\Library\\mingw-w64\\bin",
        "C:\\envs\\tf\\Library\\usr\\bin",
        "C:\\envs\\tf\\Library\\bin",
        "C:\\envs\\tf\\Scripts",
        "C:\\envs\\tf\\bin",
        "C:\\Windows",
    ]


def test_conda_line__conda_is_there__its_own_command() -> None:
    assert conda_line(Path("/envs/tf"), "bash", "linux-64", conda=True) == "conda activate /envs/tf"


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "fish", "tcsh"])
def test_conda_line__no_conda__real_shell_finds_the_prefix(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"install {shell} to run this")
    line = conda_line(PREFIX, shell, "linux-64", conda=False)
    show = "printenv CONDA_PREFIX; printenv PATH"
    argv = [shell, *(["-f"] if shell == "tcsh" else []), "-c", f"{line}; {show}" if shell != "tcsh" else show]
    if shell == "tcsh":  # `!` means history only where lines are typed or piped
        ended = subprocess.run([shell, "-f"], input=f"{line}\n{show}\n", capture_output=True, text=True, check=True)
    else:
        ended = subprocess.run(argv, capture_output=True, text=True, check=True)
    prefix, path = ended.stdout.splitlines()
    assert prefix == str(PREFIX)
    assert path.startswith(f"{PREFIX}/bin:/")
