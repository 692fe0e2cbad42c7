from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from gpuenv.activate import activation_line, command_environment
from gpuenv.errors import UsageError
from real_shells import VARIABLES


@pytest.mark.parametrize(
    ("shell", "prefix", "expected"),
    [
        ("bash", "/e/tf", "source /e/tf/bin/activate"),
        ("zsh", "/e/it's $x", "source '/e/it'\"'\"'s $x/bin/activate'"),
        ("dash", "/e/a b", ". '/e/a b/bin/activate'"),
        ("sh", "/e/tf", ". /e/tf/bin/activate"),
        ("fish", "/e/it's \\x", "source '/e/it\\'s \\\\x/bin/activate.fish'"),
        ("tcsh", "/e/it's!", "source '/e/it'\"'\"'s\\!/bin/activate.csh'"),
        ("pwsh", "/e/it's", "& '/e/it''s/bin/activate.ps1'"),
    ],
)
def test_activation_line__shell__quoted_for_it(shell: str, prefix: str, expected: str) -> None:
    assert activation_line(Path(prefix), shell, "linux-64") == expected


def test_activation_line__cmd__calls_the_batch_file() -> None:
    prefix = PureWindowsPath("C:\\my envs\\tf")
    expected = 'call "C:\\my envs\\tf\\Scripts\\activate.bat"'
    assert activation_line(prefix, "cmd", "win-64") == expected  # type: ignore[arg-type]


def test_activation_line__unknown_shell__usage_error() -> None:
    with pytest.raises(UsageError, match="`elvish`"):
        activation_line(Path("/e"), "elvish", "linux-64")


def test_command_environment__inside_another_venv__replaces_it_and_keeps_the_users_own() -> None:
    environ = {"PATH": "/other/bin:/usr/bin", "VIRTUAL_ENV": "/other", "PYTHONHOME": "/x", "CUDA_CACHE_PATH": "/mine"}
    made = command_environment(Path("/e/tf"), VARIABLES, Path("/cuda"), "linux-64", environ)
    assert made == {
        "PATH": "/e/tf/bin:/cuda/bin:/other/bin:/usr/bin",
        "VIRTUAL_ENV": "/e/tf",
        "VIRTUAL_ENV_PROMPT": "tf",
        "CUDA_MODULE_LOADING": "LAZY",
        "CUDA_CACHE_PATH": "/mine",
        "XLA_FLAGS": "--xla_gpu_cuda_data_dir=/cuda",
        "GPUENV_TEST_LIST": "/e/tf/opt/list",
    }
    assert command_environment(Path("/e/tf"), VARIABLES, Path("/cuda"), "linux-64", made) == made


def test_command_environment__no_path_at_all__only_ours() -> None:
    made = command_environment(Path("/e/tf"), {}, None, "linux-64", {})
    assert made == {"PATH": "/e/tf/bin", "VIRTUAL_ENV": "/e/tf", "VIRTUAL_ENV_PROMPT": "tf"}
