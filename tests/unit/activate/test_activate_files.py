from __future__ import annotations

import os
from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.activate import activate, deactivate_files, files
from gpuenv.errors import GpuenvError
from gpuenv.model import Built, CudaFiles, Manifest, StagedFile, Variable
from real_shells import VARIABLES, make_venv


@pytest.fixture
def built(tmp_path: Path) -> Built:
    return make_venv(tmp_path / "env")


def cuda(built: Built) -> CudaFiles:
    return CudaFiles((), built.site_packages / "nvidia" / "cuda_nvcc")


def content(prefix: Path) -> dict[str, bytes]:
    found = [path for path in sorted(prefix.rglob("*")) if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(prefix)): path.read_bytes() for path in found}


def test_activate__real_venv__all_scripts_and_undone_to_the_byte(built: Built) -> None:
    before = content(built.prefix)
    manifest = activate(built, VARIABLES, cuda(built))
    site_packages = built.site_packages.relative_to(built.prefix)
    assert [file.path for file in manifest.files] == [
        "bin/activate",
        "bin/activate.bat",
        "bin/activate.csh",
        "bin/activate.fish",
        "bin/activate.ps1",
        "bin/deactivate.bat",
        f"{site_packages}/_gpuenv_startup.py",
        f"{site_packages}/gpuenv-startup.pth",
    ]
    assert (built.prefix / "var" / "gpuenv" / "compute-cache").is_dir()
    assert [file.original is None for file in manifest.files] == [False] * 6 + [True] * 2
    assert deactivate_files(built.prefix, manifest) == ()
    assert content(built.prefix) == before


def test_activate__twice__same_files_and_same_manifest(built: Built) -> None:
    first = activate(built, VARIABLES, cuda(built))
    after = content(built.prefix)
    assert activate(built, VARIABLES, cuda(built)) == first
    assert content(built.prefix) == after


def test_activate__script_is_a_hard_link__the_other_name_keeps_its_content(built: Built, tmp_path: Path) -> None:
    script = built.prefix / "bin" / "activate"
    cached = tmp_path / "cached"
    os.link(script, cached)
    before = cached.read_bytes()
    activate(built, VARIABLES, cuda(built))
    assert cached.read_bytes() == before
    assert script.read_bytes() != before
    assert script.stat().st_mode == cached.stat().st_mode


def test_activate__script_is_gone__the_others_are_written(built: Built) -> None:
    (built.prefix / "bin" / "activate.fish").unlink()
    manifest = activate(built, VARIABLES, cuda(built))
    assert "bin/activate.fish" not in [file.path for file in manifest.files]
    assert not (built.prefix / "bin" / "activate.fish").exists()


def test_activate__windows_layout__where_windows_looks(tmp_path: Path) -> None:
    prefix = make_venv(tmp_path / "env").prefix
    (prefix / "bin").rename(prefix / "Scripts")
    site_packages = prefix / "Lib" / "site-packages"
    site_packages.mkdir(parents=True)
    built = Built(prefix, prefix / "Scripts" / "python.exe", Version("3.8"), site_packages, "win-64")
    assert [file.path for file in activate(built, VARIABLES, cuda(built)).files] == [
        "Scripts/activate",
        "Scripts/activate.bat",
        "Scripts/activate.ps1",
        "Scripts/deactivate.bat",
        "Lib/site-packages/_gpuenv_startup.py",
        "Lib/site-packages/gpuenv-startup.pth",
    ]


def test_activate__a_file_cannot_be_written__all_are_as_before(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(built.prefix)
    real = os.replace

    def full(source: str, target: Path) -> None:
        if Path(target).suffix == ".pth":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(GpuenvError, match="cannot write the activation scripts") as caught:
        activate(built, VARIABLES, cuda(built))
    assert "No space left" in str(caught.value.cause)
    assert content(built.prefix) == before


def test_deactivate_files__edited_outside_the_block__edit_is_kept(built: Built) -> None:
    script = built.prefix / "bin" / "activate"
    original = script.read_text()
    manifest = activate(built, VARIABLES, cuda(built))
    script.write_text("# mine\n" + script.read_text() + "# mine too\n")
    [message] = deactivate_files(built.prefix, manifest)
    assert "`bin/activate` was changed" in message
    assert script.read_text() == "# mine\n" + original + "# mine too\n"


def test_deactivate_files__startup_file_was_edited__left_with_a_message(built: Built) -> None:
    manifest = activate(built, VARIABLES, cuda(built))
    (built.site_packages / "gpuenv-startup.pth").write_text("import mine\n")
    [message] = deactivate_files(built.prefix, manifest)
    assert "gpuenv-startup.pth` is no longer" in message
    assert (built.site_packages / "gpuenv-startup.pth").read_text() == "import mine\n"


def test_deactivate_files__twice_or_gone__nothing_to_say(built: Built) -> None:
    manifest = activate(built, {"A": Variable(value="1")}, cuda(built))
    (built.prefix / "bin" / "activate.csh").unlink()
    assert deactivate_files(built.prefix, manifest) == ()
    before = content(built.prefix)
    assert deactivate_files(built.prefix, manifest) == ()
    assert content(built.prefix) == before


def test_deactivate_files__manifest_names_a_file_outside__not_touched(built: Built, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    manifest = Manifest((StagedFile("../outside", "text"), StagedFile(str(outside), "text")))
    assert deactivate_files(built.prefix, manifest) == ()
    assert outside.read_text() == "mine"
