from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpuenv.model import Fact, Host, Overrides
from gpuenv.probe import search_path
from gpuenv.probe.search_path import copies, directories, facts, notes
from made_binaries import make_dll
from small_stack import compile_library


def dlls(directory: Path, *names: str, version: tuple[int, int, int, int] = (8, 0, 4, 30)) -> Path:
    for name in names:
        make_dll(directory / name, version=version)
    return directory


def test_directories__path__in_order_each_once_without_empty_ones() -> None:
    assert directories('C:/a;;"C:/b";C:/a', ";") == (Path("C:/a"), Path("C:/b"))


def test_notes__older_cudnn_comes_first__names_both_and_their_versions(tmp_path: Path) -> None:
    old = dlls(tmp_path / "v10", "cudnn64_8.dll", "CUDNN_ops_infer64_8.dll", version=(8, 0, 2, 39))
    new = dlls(tmp_path / "v11", "cudnn64_8.dll", "cudnn_ops_infer64_8.dll")
    found = copies([old, new], windows=True)
    (note,) = notes(found, "PATH")
    assert note.code == "path.shadow"
    assert note.message.startswith(f"`{old}` comes before `{new}` on PATH and hides `cudnn64_8.dll` (8.0.2 instead of")
    assert note.hint is not None
    assert str(new) in note.hint
    assert list(facts(found, "PATH")) == [
        Fact("cuda_libraries", f"{old} (cuDNN 8.0.2)", "PATH"),
        Fact("cuda_libraries", f"{new} (cuDNN 8.0.4)", "PATH"),
    ]


def test_notes__only_one_file_was_copied__the_mixture_names_the_files(tmp_path: Path) -> None:
    one = dlls(tmp_path / "one", "cudnn64_8.dll", version=(8, 1, 0, 77))
    rest = dlls(tmp_path / "rest", "cudnn_ops_infer64_8.dll", "cudnn_cnn_infer64_8.dll")
    (note,) = notes(copies([one, rest], windows=True), "PATH")
    assert note.code == "path.mixed-cudnn"
    assert f"`{one / 'cudnn64_8.dll'}` 8.1.0" in note.message
    assert f"`{rest / 'cudnn_ops_infer64_8.dll'}` 8.0.4" in note.message


def test_notes__same_library_twice__nothing_to_say(tmp_path: Path) -> None:
    one, two = dlls(tmp_path / "one", "cudnn64_8.dll"), dlls(tmp_path / "two", "cudnn64_8.dll")
    assert list(notes(copies([one, two], windows=True), "PATH")) == []


@pytest.mark.skipif("sys.platform == 'win32'", reason="makes links; run on Linux")
def test_copies__links_to_one_file__count_once(tmp_path: Path) -> None:
    real = dlls(tmp_path / "real", "cudart64_110.dll")
    (tmp_path / "link").symlink_to(real)
    (several,) = copies([tmp_path / "link", real, tmp_path / "nowhere"], windows=True).values()
    assert [one.path for one in several] == [tmp_path / "link" / "cudart64_110.dll"]


def test_copies__other_files__are_left_out(tmp_path: Path) -> None:
    dlls(tmp_path, "cudart64_110.dll", "kernel32.dll", "cudnn64_8.dll.bak", "mycudnn64_8.dll")
    assert set(copies([tmp_path], windows=True)) == {"cudart64_110.dll"}


@pytest.mark.skipif("sys.platform != 'linux'", reason="the libraries are ELF; run on Linux with gcc")
def test_run__linux__looks_at_ld_library_path_and_at_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    compile_library("int cuda(void) { return 1; }", one / "libcublas.so.11.5")
    compile_library("int cuda(void) { return 1; } char more[99999] = {1};", two / "libcublas.so.11")
    os.symlink("libcublas.so.11.5", one / "libcublas.so.11")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{one}:{two}")
    host = search_path.run(Host("linux-64"), Overrides())
    note = host.note("path.shadow")
    assert note is not None
    assert note.message == f"`{one}` comes before `{two}` on LD_LIBRARY_PATH and hides `libcublas.so.11` there"
    assert [fact.source for fact in host.facts] == ["LD_LIBRARY_PATH", "LD_LIBRARY_PATH"]


def test_run__nothing_set__says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH" if os.name == "nt" else "LD_LIBRARY_PATH", "")
    assert search_path.run(Host("linux-64"), Overrides()) == Host("linux-64")


def test_copies__no_library_in_it__stands_in_the_way_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "cudnn64_8.dll").write_bytes(b"not a DLL")
    dlls(tmp_path / "b", "cudnn64_8.dll")
    (note,) = notes(copies([tmp_path / "a", tmp_path / "b"], windows=True), "PATH")
    assert note.code == "path.shadow"
