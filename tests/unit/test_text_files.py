from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from gpuenv.errors import TargetError
from gpuenv.text_files import typed, write_texts


def test_write_texts__directories_missing__are_made(tmp_path: Path) -> None:
    write_texts({tmp_path / "a" / "b" / "one.txt": "1", tmp_path / "two.txt": "zwölf"})
    assert (tmp_path / "a" / "b" / "one.txt").read_text("utf-8") == "1"
    assert (tmp_path / "two.txt").read_text("utf-8") == "zwölf"


def test_write_texts__one_cannot_be_written__none_is(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TargetError, match="cannot be written"):
        write_texts({tmp_path / "old.txt": "new", tmp_path / "file" / "x.txt": "x"})
    assert (tmp_path / "old.txt").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "old.txt"]


def test_write_texts__disk_is_full__says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str, encoding: str) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_texts({tmp_path / "x.yaml": "x"})
    assert caught.value.filename == str(tmp_path / "x.yaml")
    assert list(tmp_path.iterdir()) == []


def test_write_texts__file_system_is_read_only__names_the_file_not_its_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)  # as Linux does there, whether the file exists or not
    with pytest.raises(TargetError, match=r"x\.yaml` cannot be written") as caught:
        write_texts({tmp_path / "x.yaml": "x"})
    assert [hint.text for hint in caught.value.hints] == ["choose a directory that you may write to"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX quoting; run on Linux")
def test_typed__paths__as_somebody_would_type_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(tmp_path / "gpuenv.yaml") == "gpuenv.yaml"
    assert typed(tmp_path / "our recipes" / "x.yaml") == "'our recipes/x.yaml'"
    assert typed("/srv/x.yaml") == "/srv/x.yaml"
    assert typed("sub/x.yaml") == "sub/x.yaml"
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert typed("/srv/x.yaml") == "/srv/x.yaml"
