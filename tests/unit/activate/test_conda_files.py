from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest
from packaging.version import Version

from conda_shells import make_conda_environment, make_prefix
from gpuenv.activate import (
    activate,
    conda_activation_line,
    conda_command_environment,
    deactivate_files,
    files,
)
from gpuenv.activate.conda import scripts, tool_links
from gpuenv.errors import GpuenvError, UsageError
from gpuenv.model import Built, CudaFiles, Variable
from gpuenv.stage import unstage
from real_shells import VARIABLES

CONDA = {"CONDA_EXE": "/opt/conda/bin/conda", "CONDA_SHLVL": "0"}


def content(prefix: Path) -> dict[str, bytes | str]:
    found = [path for path in sorted(prefix.rglob("*")) if not path.is_dir()]
    return {
        str(path.relative_to(prefix)): os.readlink(path) if path.is_symlink() else path.read_bytes() for path in found
    }


def directories(prefix: Path) -> list[Path]:
    return sorted(path for path in prefix.rglob("*") if path.is_dir() and "var" not in path.parts)


def cuda(built: Built) -> CudaFiles:
    return CudaFiles((), built.site_packages / "nvidia" / "cuda_nvcc")


def test_activate__conda_prefix__scripts_for_every_shell_and_undone(tmp_path: Path) -> None:
    built = make_prefix(tmp_path / "env")
    before, tree = content(built.prefix), directories(built.prefix)
    manifest = activate(built, VARIABLES, cuda(built))
    site_packages = built.site_packages.relative_to(built.prefix)
    pairs = [f"etc/conda/{name}.d/~~gpuenv." for name in ("activate", "deactivate")]
    assert [(file.path, file.kind) for file in manifest.files] == [
        *((pair + extension, "text") for extension in ("sh", "ps1", "fish", "csh") for pair in pairs),
        ("etc/gpuenv/activate.sh", "text"),
        ("etc/gpuenv/activate.fish", "text"),
        ("etc/gpuenv/activate.csh", "text"),
        ("etc/gpuenv/deactivate.csh", "text"),
        ("etc/gpuenv/driver-notice.sh", "text"),
        (f"{site_packages}/_gpuenv_startup.py", "text"),
        (f"{site_packages}/gpuenv-startup.pth", "text"),
        ("bin/ptxas", "symlink"),
    ]
    assert os.readlink(built.prefix / "bin" / "ptxas") == f"../{site_packages}/nvidia/cuda_nvcc/bin/ptxas"
    assert activate(built, VARIABLES, cuda(built)) == manifest
    assert unstage(built.prefix, manifest) == ()
    assert deactivate_files(built.prefix, manifest) == ()
    assert content(built.prefix) == before
    (built.prefix / "etc" / "gpuenv").rmdir()
    (built.prefix / "etc").rmdir()
    assert directories(built.prefix) == tree


def test_activate__conda_prefix_and_a_file_cannot_be_written__all_are_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = make_prefix(tmp_path / "env")
    before = content(built.prefix)

    def full(self: Path, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "symlink_to", full)
    with pytest.raises(GpuenvError, match="cannot write the activation scripts"):
        activate(built, VARIABLES, cuda(built))
    assert content(built.prefix) == before


def test_activate__windows_conda_prefix__batch_files_with_windows_line_ends(tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    site_packages = prefix / "Lib" / "site-packages"
    site_packages.mkdir(parents=True)
    built = Built(prefix, prefix / "python.exe", Version("3.8"), site_packages, "win-64", conda=True)
    manifest = activate(built, VARIABLES, CudaFiles((), site_packages / "nvidia" / "cuda_nvcc"))
    paths = [file.path for file in manifest.files]
    assert "etc/conda/activate.d/~~gpuenv.bat" in paths
    assert {Path(path).suffix for path in paths} == {".sh", ".ps1", ".bat", ".py", ".pth"}
    for path in (prefix / "etc").rglob("*.bat"):
        text = path.read_bytes()
        assert text.count(b"\n") == text.count(b"\r\n") > 3


def test_tool_links__a_package_has_the_tool__left_to_it(tmp_path: Path) -> None:
    built = make_prefix(tmp_path / "env")
    (built.prefix / "bin" / "ptxas").write_text("of a package")
    assert tool_links(built.prefix, cuda(built).cuda_dir, "linux-64") == ()
    manifest = activate(built, VARIABLES, cuda(built))
    assert [file for file in manifest.files if file.kind != "text"] == []
    assert (built.prefix / "bin" / "ptxas").read_text() == "of a package"


@pytest.mark.parametrize("inside", [True, False], ids=["the prefix itself", "a toolkit outside"])
def test_tool_links__tools_elsewhere__none_to_itself_and_absolute_outside(tmp_path: Path, *, inside: bool) -> None:
    built = make_prefix(tmp_path / "env")
    tools = built.prefix if inside else tmp_path / "cuda-11.0"
    (tools / "bin").mkdir(exist_ok=True, parents=True)
    shutil.copy(built.site_packages / "nvidia/cuda_nvcc/bin/ptxas", tools / "bin" / "ptxas")
    (tools / "bin" / "nvlink").write_text("not a program")
    found = tool_links(built.prefix, tools, "linux-64")
    assert [(link.path, link.target) for link in found] == ([] if inside else [("bin/ptxas", f"{tools}/bin/ptxas")])
    assert tool_links(built.prefix, None, "linux-64") == ()


def test_scripts__recipe_sets_path__usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot set the environment variable `PATH`"):
        scripts({"PATH": Variable(value="{prefix}/x", mode="path")}, tmp_path, None, "linux-64")


@pytest.mark.parametrize("name", ["A B", "VIRTUAL_ENV", "_GPUENV_OLD_A"])
def test_scripts__name_that_cannot_be__usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot set the environment variable"):
        scripts({name: Variable(value="1")}, tmp_path, None, "linux-64")


def test_scripts__no_cuda_tools__nothing_names_them(tmp_path: Path) -> None:
    texts = scripts(VARIABLES, tmp_path, None, "linux-64")
    assert all("XLA_FLAGS" not in text for text in texts.values())
    assert any("CUDA_CACHE_PATH" in text for text in texts.values())


def test_scripts__windows__path_behind_conda_s_first_directory() -> None:
    prefix = PureWindowsPath("C:\\envs\\tf")
    texts = scripts(VARIABLES, prefix, prefix / "Lib" / "nvcc", "win-64")
    batch = texts["etc/conda/activate.d/~~gpuenv.bat"]
    wanted = "%CONDA_PREFIX%;%CONDA_PREFIX%\\opt\\gpuenv\\bin;%CONDA_PREFIX%\\Lib\\nvcc\\bin;%PATH%"
    assert f'@set "PATH={wanted}"\r\n' in batch
    powershell = texts["etc/conda/activate.d/~~gpuenv.ps1"]
    assert (
        "$env:PATH = (@($env:CONDA_PREFIX, ($env:CONDA_PREFIX + '\\opt\\gpuenv\\bin'), "
        "($env:CONDA_PREFIX + '\\Lib\\nvcc\\bin'), $env:PATH) -join ';')"
    ) in powershell
    assert "driver.txt" not in powershell
    assert "driver.txt" not in batch


@pytest.mark.parametrize("platform", ["linux-64", "win-64"])
def test_scripts__powershell__every_bracket_is_closed(platform: str) -> None:
    """PowerShell could not be had here: at least its brackets are in pairs, one row or several."""
    prefix = PureWindowsPath("C:\\envs\\tf")
    for variables in (VARIABLES, {"ONLY": Variable(value="it's")}):
        for name, text in scripts(variables, prefix, prefix / "nvcc", platform).items():
            if name.endswith(".ps1"):
                bare = "\n".join(line for line in text.splitlines() if "-notmatch" not in line)
                assert [bare.count(left) - bare.count(right) for left, right in ("()", "{}", "[]")] == [0, 0, 0]


def test_startup__conda_prefix_and_its_copy__values_of_each(tmp_path: Path) -> None:
    """With the real Python of this test in the place of conda's: the start-up file is found in its site-packages."""
    environment = make_conda_environment(tmp_path / "envs" / "a b")
    (environment.prefix / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix, 'bin')}\n")
    environment.built.python.symlink_to(os.path.realpath(sys.executable))
    copy = tmp_path / "copy"
    shutil.copytree(environment.prefix, copy, symlinks=True)
    for prefix in (environment.prefix, copy):
        code = "import os; print(os.environ['CUDA_CACHE_PATH'], os.environ['XLA_FLAGS'], sep='\\n')"
        command = [str(prefix / "bin" / "python"), "-c", code]
        ended = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
        cache, flags = ended.stdout.splitlines()
        assert cache == f"{prefix}/var/gpuenv/compute-cache"
        assert f"{prefix}/lib/" in flags


@pytest.mark.parametrize(
    ("shell", "prefix", "expected"),
    [
        ("bash", "/e/a b", "source '/e/a b/etc/gpuenv/activate.sh'"),
        ("zsh", "/e/tf", "source /e/tf/etc/gpuenv/activate.sh"),
        ("dash", "/e/it's", "_GPUENV_ENV='/e/it'\"'\"'s'; . '/e/it'\"'\"'s/etc/gpuenv/activate.sh'"),
        ("fish", "/e/it's", "source '/e/it\\'s/etc/gpuenv/activate.fish'"),
        ("tcsh", "/e/a!b", "set _gpuenv_env = '/e/a\\!b'; source '/e/a\\!b/etc/gpuenv/activate.csh'"),
    ],
)
def test_conda_activation_line__no_conda__gpuenv_s_own_script(shell: str, prefix: str, expected: str) -> None:
    assert conda_activation_line(Path(prefix), shell, "linux-64", {}) == expected
    only_installed = {"CONDA_EXE": "/opt/conda/bin/conda"}  # without its hook `conda activate` fails
    assert conda_activation_line(Path(prefix), shell, "linux-64", only_installed) == expected


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        ("bash", "conda activate '/e/a b'"),
        ("fish", "conda activate '/e/a b'"),
        ("tcsh", "conda activate '/e/a b'"),
        ("pwsh", "conda activate '/e/a b'"),
        ("cmd", 'conda activate "/e/a b"'),
    ],
)
def test_conda_activation_line__conda_is_set_up__conda_activate(shell: str, expected: str) -> None:
    assert conda_activation_line(Path("/e/a b"), shell, "linux-64", CONDA) == expected


def test_conda_activation_line__windows_without_conda__batch_file_or_what_to_do_instead() -> None:
    prefix = PureWindowsPath("C:\\envs\\tf")
    line = conda_activation_line(prefix, "cmd", "win-64", {})  # type: ignore[arg-type]
    assert line == 'call "C:\\envs\\tf\\etc\\gpuenv\\activate.bat"'
    with pytest.raises(UsageError, match="`powershell`") as caught:
        conda_activation_line(prefix, "powershell", "win-64", {})  # type: ignore[arg-type]
    assert "gpuenv run -p C:\\envs\\tf -- powershell" in caught.value.hints[0].text
    with pytest.raises(UsageError) as caught:
        conda_activation_line(prefix / "my env", "powershell", "win-64", {})  # type: ignore[arg-type]
    assert 'gpuenv run -p "C:\\envs\\tf\\my env" -- powershell' in caught.value.hints[0].text


def test_conda_command_environment__switch_from_another__as_conda_does() -> None:
    environ = {
        "PATH": "/opt/conda/envs/other/bin:/opt/conda/condabin:/usr/bin",
        "CONDA_PREFIX": "/opt/conda/envs/other",
        "CONDA_SHLVL": "2",
        "CONDA_PREFIX_1": "/opt/conda",
        "CUDA_CACHE_PATH": "/mine",
        "PYTHONHOME": "/x",
        "VIRTUAL_ENV": "/venv",
    }
    made = conda_command_environment(Path("/e/envs/tf"), VARIABLES, Path("/cuda"), "linux-64", environ)
    assert made == {
        "PATH": "/e/envs/tf/bin:/opt/conda/condabin:/usr/bin",
        "CONDA_PREFIX": "/e/envs/tf",
        "CONDA_SHLVL": "3",
        "CONDA_PREFIX_1": "/opt/conda",
        "CONDA_PREFIX_2": "/opt/conda/envs/other",
        "CONDA_DEFAULT_ENV": "tf",
        "CONDA_PROMPT_MODIFIER": "(tf) ",
        "CUDA_MODULE_LOADING": "LAZY",
        "CUDA_CACHE_PATH": "/mine",
        "XLA_FLAGS": "--xla_gpu_cuda_data_dir=/cuda",
        "GPUENV_TEST_LIST": "/e/envs/tf/opt/list",
    }
    assert conda_command_environment(Path("/e/envs/tf"), VARIABLES, Path("/cuda"), "linux-64", made) == made


def test_conda_command_environment__windows__conda_s_directories_with_ours_behind_the_first() -> None:
    prefix = PureWindowsPath("C:\\tf")
    made = conda_command_environment(prefix, {}, prefix / "nvcc", "win-64", {"PATH": "C:\\w"})  # type: ignore[arg-type]
    directories = ["", "\\opt\\gpuenv\\bin", "\\nvcc\\bin", "\\Library\\mingw-w64\\bin", "\\Library\\usr\\bin"]
    directories += ["\\Library\\bin", "\\Scripts", "\\bin"]
    assert made["PATH"].split(";") == [*(f"C:\\tf{directory}" for directory in directories), "C:\\w"]
    assert made["CONDA_DEFAULT_ENV"] == "C:\\tf"
