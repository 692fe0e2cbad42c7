from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from pathlib import Path, PurePosixPath

import pytest

from gpuenv.archive import Limits, extract, names
from gpuenv.errors import ArchiveError, FetchError, GpuenvError, TargetError
from gpuenv.model import Event, Progress
from made_archives import CUDNN, FORMATS, LIBRARY, make, sha256


def all_of_cuda(name: str) -> PurePosixPath | None:
    """Take everything but static libraries, without the top folder."""
    return None if name.endswith(".a") else PurePosixPath(*PurePosixPath(name).parts[1:])


def tree(directory: Path) -> dict[str, bytes | str]:
    """Read a directory: files, and the texts of links."""
    return {
        path.relative_to(directory).as_posix(): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in directory.rglob("*")
        if path.is_symlink() or path.is_file()
    }


WANTED = {name.removeprefix("cuda/"): content for name, content in CUDNN.items() if not name.endswith(".a")}


@pytest.mark.parametrize("suffix", FORMATS)
def test_extract__every_format__only_what_is_wanted_with_its_hashes(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"cudnn.{suffix}", CUDNN)
    done = extract(archive, all_of_cuda, tmp_path / "to" / "there", sha256=sha256(archive))
    assert tree(tmp_path / "to" / "there") == WANTED
    assert [one.path for one in done] == list(WANTED)
    for one in done:
        content = WANTED[one.path]
        if isinstance(content, str):
            assert (one.link_to, one.size, one.sha256) == (content, 0, hashlib.sha256(content.encode()).hexdigest())
        else:
            assert (one.link_to, one.size, one.sha256) == (None, len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("suffix", FORMATS)
def test_names__every_format__in_order_without_directories(tmp_path: Path, suffix: str) -> None:
    assert names(make(tmp_path / f"cudnn.{suffix}", CUDNN)) == tuple(CUDNN)


@pytest.mark.parametrize("suffix", FORMATS)
def test_extract__wrong_hash__nothing_stays(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"cudnn.{suffix}", CUDNN)
    with pytest.raises(FetchError) as caught:
        extract(archive, all_of_cuda, tmp_path / "to", sha256="0" * 64)
    assert sha256(archive) in (caught.value.cause or "")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("suffix", FORMATS)
def test_extract__hash_in_capitals__is_the_same(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"cudnn.{suffix}", CUDNN)
    assert extract(archive, all_of_cuda, tmp_path / "to", sha256=sha256(archive).upper())


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.999], ids=["empty", "first bytes", "a third", "almost all"])
def test_extract__cut_off__is_refused_and_nothing_stays(tmp_path: Path, suffix: str, kept: float) -> None:
    archive = make(tmp_path / f"cudnn.{suffix}", CUDNN)
    data = archive.read_bytes()
    # A tar archive ends in up to 10 KiB of zeros, which may be missing.
    end = len(data.rstrip(b"\0")) if suffix == "tar" else len(data)
    archive.write_bytes(data[: int(end * kept)])
    with pytest.raises(ArchiveError) as caught:
        extract(archive, all_of_cuda, tmp_path / "to", sha256=None)
    assert str(archive) in caught.value.message
    assert caught.value.exit_code == 6
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("suffix", ["tgz", "txz", "zip"])
def test_extract__damaged_in_the_middle__is_refused_without_a_hash_too(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"cudnn.{suffix}", CUDNN)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(ArchiveError):
        extract(archive, lambda name: PurePosixPath(name), tmp_path / "to", sha256=None)
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        pytest.param(b"\n<!DOCTYPE html><title>Log in</title>", "asks for a login", id="login page"),
        pytest.param(b"MZ\x90", "begins with", id="installer"),
        pytest.param(b"", "empty", id="empty"),
    ],
)
def test_extract__no_archive__says_what_it_is(tmp_path: Path, content: bytes, cause: str) -> None:
    (tmp_path / "cudnn.zip").write_bytes(content)
    with pytest.raises(ArchiveError) as caught:
        extract(tmp_path / "cudnn.zip", all_of_cuda, tmp_path / "to", sha256=None)
    assert cause in (caught.value.cause or "")


@pytest.mark.parametrize("suffix", FORMATS)
def test_extract__something_in_the_way__stays_as_it_is(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"cudnn.{suffix}", CUDNN)
    (tmp_path / "to" / "lib64").mkdir(parents=True)
    (tmp_path / "to" / "lib64" / "libcudnn.so.8.0.4").write_text("mine")
    with pytest.raises(TargetError, match=r"libcudnn\.so\.8\.0\.4"):
        extract(archive, all_of_cuda, tmp_path / "to", sha256=None)
    assert tree(tmp_path / "to") == {"lib64/libcudnn.so.8.0.4": b"mine"}
    assert not (tmp_path / "to" / "include").exists()


def test_extract__link_in_the_way__is_not_followed(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.tar", {"file": b"new"})
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "file").symlink_to(tmp_path / "outside")
    with pytest.raises(TargetError):
        extract(archive, PurePosixPath, tmp_path / "to", sha256=None)
    assert not (tmp_path / "outside").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="runs on Linux or macOS as a user who is not root")
def test_extract__no_right_to_write__is_a_target_error(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.tar", CUDNN)
    (tmp_path / "to").mkdir(mode=0o500)
    with pytest.raises(TargetError):
        extract(archive, all_of_cuda, tmp_path / "to", sha256=None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="runs where /dev/full is, on Linux")
@pytest.mark.parametrize("suffix", FORMATS)
def test_extract__disk_full__says_so_and_nothing_stays(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make(tmp_path / f"cudnn.{suffix}", CUDNN)
    real = os.open

    def full(path: Path, flags: int, mode: int = 0o777) -> int:
        handle = real(path, flags, mode)
        if str(path).endswith(".so.8.0.4"):
            os.close(handle)
            return real("/dev/full", os.O_WRONLY)
        return handle

    monkeypatch.setattr("gpuenv.archive.write.os.open", full)
    with pytest.raises(GpuenvError) as caught:
        extract(archive, all_of_cuda, tmp_path / "to", sha256=None)
    assert "No space left" in (caught.value.cause or "")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("suffix", FORMATS)
def test_extract__caller_fails__nothing_stays_and_no_thread_either(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"cudnn.{suffix}", CUDNN)
    before = threading.active_count()

    def place(name: str) -> PurePosixPath:
        if name.endswith("libcudnn_static.a"):
            raise ZeroDivisionError
        return PurePosixPath(name)

    with pytest.raises(ZeroDivisionError):
        extract(archive, place, tmp_path / "to", sha256=None)
    assert not (tmp_path / "to").exists()
    assert threading.active_count() == before


@pytest.mark.skipif(os.name == "nt", reason="runs where a process can send itself Ctrl-C: on Linux or macOS")
@pytest.mark.parametrize("suffix", ["tgz", "zip"])
def test_extract__ctrl_c__nothing_stays(tmp_path: Path, suffix: str) -> None:
    big = {f"f{number}": bytes(8 * 1024 * 1024) for number in range(3)}
    archive = make(tmp_path / f"big.{suffix}", big)
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        while True:  # until the signal comes
            extract(archive, PurePosixPath, tmp_path / f"to-{time.monotonic_ns()}", sha256=None)
    timer.join()
    left = [path for path in tmp_path.iterdir() if path.name.startswith("to-") and len(tree(path)) != len(big)]
    assert left == []


def test_extract__several_streams_in_one_file__are_read_on(tmp_path: Path) -> None:
    """`pigz` and `xz -T` may write several streams, and tape padding follows."""
    first = make(tmp_path / "a.tgz", CUDNN).read_bytes()
    import gzip

    data = gzip.decompress(first)
    half = len(data) // 2
    path = tmp_path / "b.tgz"
    path.write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]) + bytes(1000))
    extract(path, all_of_cuda, tmp_path / "to", sha256=sha256(path))
    assert tree(tmp_path / "to") == WANTED


def test_extract__executable__stays_so(tmp_path: Path) -> None:
    import tarfile

    from made_archives import tar_with

    program, library = tarfile.TarInfo("ptxas"), tarfile.TarInfo("lib.so")
    program.mode, library.mode = 0o755, 0o644
    program.size = library.size = 4
    extract(tar_with(tmp_path / "a.tar", program, library, data=b"data"), PurePosixPath, tmp_path / "to", sha256=None)
    assert os.access(tmp_path / "to" / "ptxas", os.X_OK)
    assert not (tmp_path / "to" / "lib.so").stat().st_mode & 0o111


def test_extract__name_with_dot_slash__is_given_without(tmp_path: Path) -> None:
    asked: list[str] = []

    def place(name: str) -> None:
        asked.append(name)

    assert extract(make(tmp_path / "a.tgz", {"./cuda/include/cudnn.h": b""}), place, tmp_path, sha256=None) == ()
    assert asked == ["cuda/include/cudnn.h"]


def test_extract__windows__links_become_copies(tmp_path: Path) -> None:
    archive = make(tmp_path / "cudnn.tgz", CUDNN)
    done = extract(archive, all_of_cuda, tmp_path / "to", Limits(windows=True), sha256=None)
    found = tree(tmp_path / "to")
    assert {found[f"lib64/libcudnn.so{end}"] for end in ("", ".8", ".8.0.4")} == {LIBRARY}
    assert all(one.link_to is None for one in done)
    by_path = {one.path: one for one in done}
    assert by_path["lib64/libcudnn.so"].sha256 == hashlib.sha256(LIBRARY).hexdigest()
    assert by_path["lib64/libcudnn.so"].size == len(LIBRARY)


def test_extract__windows_link_to_what_is_not_wanted__is_refused(tmp_path: Path) -> None:
    def links_only(name: str) -> PurePosixPath | None:
        return PurePosixPath(name) if name.endswith((".so", ".8")) else None

    with pytest.raises(ArchiveError, match="which is not there"):
        extract(make(tmp_path / "a.tgz", CUDNN), links_only, tmp_path / "to", Limits(windows=True), sha256=None)
    assert not (tmp_path / "to").exists()


def test_extract__memory__does_not_grow_with_the_archive(tmp_path: Path) -> None:
    """A queue without an end, or a file read whole, would show here."""
    import tracemalloc

    archive = make(tmp_path / "big.tgz", {"big": bytes(64 * 1024 * 1024)})
    tracemalloc.start()
    extract(archive, PurePosixPath, tmp_path / "to", sha256=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 56 * 1024 * 1024


def test_extract__archive_is_not_there__is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(GpuenvError, match="was not unpacked"):
        extract(tmp_path / "no.tgz", all_of_cuda, tmp_path / "to", sha256=None)
    with pytest.raises(GpuenvError, match="cannot be read"):
        names(tmp_path / "no.tgz")


def test_extract__long_one__tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpuenv.archive.take._REPORT_EVERY_S", 0.0)
    archive = make(tmp_path / "a.tar", {"a": bytes(3 * 1024 * 1024)})
    events: list[Event] = []
    extract(archive, PurePosixPath, tmp_path / "to", sha256=None, report=events.append)
    told = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in told] == [1 << 20, 2 << 20, 3 << 20, archive.stat().st_size]
    assert {(event.total, event.unit, event.detail) for event in told} == {
        (archive.stat().st_size, "bytes", "unpacking a.tar")
    }
