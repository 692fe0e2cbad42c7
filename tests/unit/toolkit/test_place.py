from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpuenv.errors import ArchiveError, TargetError
from gpuenv.model import Extracted
from gpuenv.toolkit import place
from gpuenv.toolkit.ledger import read_ledger
from gpuenv.toolkit.place import Wanted, look, stage, unstage

Tree = Mapping[str, bytes]
CUDNN_804 = Wanted("cudnn", "8.0.4.30", "11.0", "cudnn-11.0-linux-x64-v8.0.4.30.tgz", "a" * 64)
CUDNN_805 = Wanted("cudnn", "8.0.5.39", "11.0", "cudnn-11.0-linux-x64-v8.0.5.39.tgz", "b" * 64)
FILES: Tree = {
    "include/cudnn.h": b"header",
    "lib64/libcudnn.so.8.0.4": b"library",
    "lib64/libcudnn.so.8": b"-> libcudnn.so.8.0.4",
}


def unpacking(files: Tree) -> Callable[[Path], Sequence[Extracted]]:
    """Write files as `gpuenv.archive.extract` does; content that begins with `-> ` is a link."""

    def unpack(target: Path) -> Sequence[Extracted]:
        done = []
        for name, content in files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256(content).hexdigest()
            if content.startswith(b"-> "):
                path.symlink_to(content[3:].decode())
                done.append(Extracted(name, digest, 0, content[3:].decode()))
            else:
                path.write_bytes(content)
                done.append(Extracted(name, digest, len(content)))
        return done

    return unpack


def tree(directory: Path) -> dict[str, object]:
    """Everything below a directory: contents, links, modes and times of files, and the directories."""
    found: dict[str, object] = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_dir():
            found[name] = "directory"
        else:
            at = path.stat()
            found[name] = (path.read_bytes(), stat.S_IMODE(at.st_mode), at.st_mtime_ns)
    return found


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    directory = tmp_path / "cuda-11.0"
    for name, content in {"include/cuda.h": b"cuda", "lib64/libcudart.so.11.0": b"runtime"}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


def test_stage__then_unstage__the_very_same_tree(toolkit: Path) -> None:
    (toolkit / "include" / "cudnn.h").write_bytes(b"an older header")
    os.utime(toolkit / "include" / "cudnn.h", (1, 1))
    before = tree(toolkit)
    staged, changed = stage(toolkit, CUDNN_804, unpacking(FILES))
    assert changed
    assert (toolkit / "include" / "cudnn.h").read_bytes() == b"header"
    assert os.readlink(toolkit / "lib64" / "libcudnn.so.8") == "libcudnn.so.8.0.4"
    assert read_ledger(toolkit).find("cudnn") == staged
    assert {file.path for file in staged.files if file.before is not None} == {"include/cudnn.h"}
    undone = unstage(toolkit, "cudnn")
    assert (undone.restored, undone.left) == (("include/cudnn.h",), ())
    assert tree(toolkit) == before


def test_stage__twice__nothing_is_done(toolkit: Path) -> None:
    stage(toolkit, CUDNN_804, unpacking(FILES))
    before = tree(toolkit)

    def unpack(target: Path) -> Sequence[Extracted]:
        raise AssertionError("it was unpacked again")

    _, changed = stage(toolkit, CUDNN_804, unpack)
    assert not changed
    assert tree(toolkit) == before


def test_stage__file_is_gone__put_there_again(toolkit: Path) -> None:
    before = tree(toolkit)
    stage(toolkit, CUDNN_804, unpacking(FILES))
    (toolkit / "lib64" / "libcudnn.so.8.0.4").unlink()
    _, changed = stage(toolkit, CUDNN_804, unpacking(FILES))
    assert changed
    assert set(look(toolkit, read_ledger(toolkit).archives[0]).values()) == {"ours"}
    unstage(toolkit, "cudnn")
    assert tree(toolkit) == before


def test_stage__another_version__refused_with_the_reason(toolkit: Path) -> None:
    stage(toolkit, CUDNN_804, unpacking(FILES))
    before = tree(toolkit)
    with pytest.raises(TargetError) as raised:
        stage(toolkit, CUDNN_805, unpacking({"lib64/libcudnn.so.8.0.5": b"new"}))
    assert "cudnn 8.0.4.30 for CUDA 11.0 is staged in" in raised.value.message
    assert any("gpuenv unstage cudnn" in hint.text for hint in raised.value.hints)
    assert tree(toolkit) == before


def test_stage__changed_since__refused_and_unstage_leaves_it(toolkit: Path) -> None:
    (toolkit / "include" / "cudnn.h").write_bytes(b"an older header")
    stage(toolkit, CUDNN_804, unpacking(FILES))
    (toolkit / "include" / "cudnn.h").write_bytes(b"somebody else's")
    with pytest.raises(TargetError, match=r"were changed since: `include/cudnn.h`"):
        stage(toolkit, CUDNN_804, unpacking(FILES))
    undone = unstage(toolkit, "cudnn")
    assert (toolkit / "include" / "cudnn.h").read_bytes() == b"somebody else's"
    (message,) = undone.left
    kept = Path(message.split("`")[-2])
    assert kept.read_bytes() == b"an older header"
    assert not (toolkit / "lib64" / "libcudnn.so.8").is_symlink()
    # What had to be left is not lost when it is staged again.
    stage(toolkit, CUDNN_804, unpacking(FILES))
    unstage(toolkit, "cudnn")
    assert kept.read_bytes() == b"an older header"


def test_stage__same_file_was_there__is_not_taken_away(toolkit: Path) -> None:
    (toolkit / "include" / "cudnn.h").write_bytes(FILES["include/cudnn.h"])
    before = tree(toolkit)
    stage(toolkit, CUDNN_804, unpacking(FILES))
    unstage(toolkit, "cudnn")
    assert tree(toolkit) == before


@pytest.mark.parametrize("at", range(5))
def test_stage__fails_at_a_move__everything_is_as_it_was(
    toolkit: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toolkit / "include" / "cudnn.h").write_bytes(b"an older header")
    (toolkit / "lib64" / "libcudnn.so.8").symlink_to("libcudnn.so.8.0.0")
    before = tree(toolkit)
    real, count = place._move, 0

    def move(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count == at + 1:
            raise PermissionError(13, "in use", str(target))
        real(source, target)

    monkeypatch.setattr(place, "_move", move)
    with pytest.raises(TargetError, match="may not be written"):
        stage(toolkit, CUDNN_804, unpacking(FILES))
    monkeypatch.undo()
    assert tree(toolkit) == before


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("kind", ["stage", "unstage"])
def test_held__run_before_was_killed__settled(
    toolkit: Path, at: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill leaves the journal and half of the moves; the next run undoes a staging and ends an unstaging."""
    (toolkit / "include" / "cudnn.h").write_bytes(b"an older header")
    (toolkit / "lib64" / "libcudnn.so.8").symlink_to("libcudnn.so.8.0.0")
    before = tree(toolkit)
    if kind == "unstage":
        stage(toolkit, CUDNN_804, unpacking(FILES))

    class Killed(BaseException):
        pass

    real, count = place._move, 0

    def move(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count == at + 1:
            raise Killed
        real(source, target)

    monkeypatch.setattr(place, "_move", move)
    monkeypatch.setattr(place, "recover", lambda directory: False)  # nobody cleans up after a kill
    if kind == "stage":
        with pytest.raises(Killed):
            stage(toolkit, CUDNN_804, unpacking(FILES))
    elif at < 2:  # as many moves as there are files to put back
        with pytest.raises(Killed):
            unstage(toolkit, "cudnn")
    else:
        unstage(toolkit, "cudnn")
    monkeypatch.undo()
    with place.held(toolkit):
        assert read_ledger(toolkit).archives == []
    assert tree(toolkit) == before


def test_stage__unpacking_fails__nothing_is_left(toolkit: Path) -> None:
    before = tree(toolkit)

    def unpack(target: Path) -> Sequence[Extracted]:
        unpacking(FILES)(target)
        raise ArchiveError("cut off")

    with pytest.raises(ArchiveError):
        stage(toolkit, CUDNN_804, unpack)
    assert tree(toolkit) == before


def test_stage__nothing_in_it__error(toolkit: Path) -> None:
    before = tree(toolkit)
    with pytest.raises(ArchiveError, match="has no files of cudnn"):
        stage(toolkit, CUDNN_804, lambda target: ())
    assert tree(toolkit) == before


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write everywhere")
def test_stage__no_right_to_write__says_so_and_offers_the_environment(toolkit: Path) -> None:
    toolkit.chmod(0o555)
    try:
        with pytest.raises(TargetError) as raised:
            stage(toolkit, CUDNN_804, unpacking(FILES))
    finally:
        toolkit.chmod(0o755)
    assert any("--into env" in hint.text for hint in raised.value.hints)


def test_stage__own_directory_cannot_be_made__says_so_and_offers_the_environment(
    toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(TargetError) as raised:
        stage(toolkit, CUDNN_804, unpacking(FILES))
    assert "may not be written" in raised.value.message
    assert any("--into env" in hint.text for hint in raised.value.hints)


def test_unstage__nothing_staged__error_and_no_trace(toolkit: Path) -> None:
    before = tree(toolkit)
    with pytest.raises(TargetError, match="no cudnn is staged"):
        unstage(toolkit, "cudnn")
    assert tree(toolkit) == before


def test_stage__ledger_is_damaged__nothing_is_changed(toolkit: Path) -> None:
    stage(toolkit, CUDNN_804, unpacking(FILES))
    (toolkit / ".gpuenv" / "staged.json").write_text("{")
    before = tree(toolkit)
    with pytest.raises(TargetError, match="cannot be read"):
        unstage(toolkit, "cudnn")
    assert tree(toolkit) == before


names = st.sampled_from(["a", "b", "c", "include/a", "include/b", "lib64/a", "lib64/b", "lib64/deep/a", "bin/a"])
contents = st.sampled_from([b"one", b"two", b"-> a", b"-> b"])
trees = st.dictionaries(names, contents, max_size=7)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(there=trees, first=trees.filter(bool), second=trees.filter(bool))
def test_stage__any_trees__unstaged_in_any_order_gives_the_very_same(
    tmp_path: Path, there: Tree, first: Tree, second: Tree
) -> None:
    directory = tmp_path / "toolkit"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    unpacking(there)(directory)
    before = tree(directory)
    only_second = {name: content for name, content in second.items() if name not in first}
    stage(directory, CUDNN_804, unpacking(first))
    if only_second:
        stage(directory, Wanted("libcublas", "11", "11.0", "x", "c" * 64), unpacking(only_second))
    for name, content in first.items():
        path = directory / name
        found = f"-> {os.readlink(path)}".encode() if path.is_symlink() else path.read_bytes()
        assert found == content
    unstage(directory, "cudnn")
    if only_second:
        unstage(directory, "libcublas")
    assert tree(directory) == before
