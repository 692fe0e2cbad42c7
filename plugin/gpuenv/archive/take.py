"""Take the wanted members out of an archive, all of them or none."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from gpuenv.archive import tar, zip
from gpuenv.archive.limits import Limits
from gpuenv.archive.member_names import safe_path
from gpuenv.archive.unpack import Hasher, Worker, decompressed, decompressor, read
from gpuenv.archive.write import Writer
from gpuenv.errors import ArchiveError, FetchError, GpuenvError, Hint, TargetError
from gpuenv.model import Extracted, Progress, Reporter, silent

Place = Callable[[str], PurePosixPath | None]
Seen = Callable[[bytes], None]

_REPORT_EVERY_S = 1.0


def extract(
    archive: Path,
    place: Place,
    target: Path,
    limits: Limits | None = None,
    *,
    sha256: str | None,
    report: Reporter = silent,
) -> tuple[Extracted, ...]:
    """Write the wanted members of an archive under `target`, in one pass over it; say what was written, in its order.

    `place` is called once for each member that is no directory, with its name (without `./`), and says where it goes
    under `target`, or None when it is not wanted. Links keep their text, so that two members in one directory must stay
    in one. Nothing that stands there already is overwritten, and directories are made as needed.

    With `sha256` the archive is hashed while it is unpacked; `report` hears how far it is, from a thread. Whatever
    goes wrong, Ctrl-C included, what was written is removed again. Raises FetchError for the wrong hash, ArchiveError
    (a FetchError too) for an archive that is damaged, cut off or made to do harm, TargetError when something is in the
    way or may not be written, GpuenvError when the disk is full.
    """
    limits = limits or Limits()
    writer = Writer(target, symlinks=not limits.windows)
    hasher = Hasher()
    try:
        seen = _watched(archive, hasher, report)
        done = _take(archive, _checked(place, writer, limits), writer, limits, seen)
        found = hasher.hexdigest()
        if sha256 is not None and found != sha256.lower():
            raise _wrong_hash(archive, sha256, found)
        copies = writer.finish_links()
    except BaseException as err:
        hasher.close()
        writer.undo()
        if isinstance(err, OSError):
            raise _system_error(err, archive, target) from err
        if isinstance(err, ArchiveError):
            raise _refused(err, archive) from err
        raise
    return tuple(copies.get(one.path, one) for one in done)


def names(archive: Path, limits: Limits | None = None) -> tuple[str, ...]:
    """List the members that are no directories, in the archive's order; a tar archive is unpacked for that.

    Raises ArchiveError for an archive that is damaged, cut off or made to do harm, GpuenvError for one that cannot be
    read.
    """
    limits = limits or Limits()
    try:
        if kind_of(archive) == "zip":
            found = [info.filename for info in zip.members(archive, limits)]
        else:
            with _stream(archive, limits) as stream:
                found = [member.name for member in tar.members(stream, limits)]
    except ArchiveError as err:
        raise _refused(err, archive) from err
    except OSError as err:
        raise GpuenvError(f"`{archive}` cannot be read", cause=str(err)) from err
    return tuple(str(safe_path(name, windows=limits.windows)) for name in found)


def kind_of(archive: Path) -> str:
    """Say what an archive is by how it begins: `gzip`, `xz`, `tar` or `zip`.

    Raises ArchiveError for what is none; a page that asks for a login, kept under the archive's name, is told apart.
    """
    with archive.open("rb") as file:
        start = file.read(512)
    for kind, at, magic in _MAGIC:
        if start[at : at + len(magic)] == magic:
            return kind
    what = "it is empty" if not start else f"it begins with {start[:16]!r}"
    if start.lstrip()[:1] == b"<":
        what = "it is a page for a browser, perhaps the one that asks for a login"
    raise ArchiveError("it is no zip, tar.gz or tar.xz archive", cause=what)


# Source: APPNOTE.TXT (zip), RFC 1952 (gzip), the .xz file format, POSIX.1 pax; the second number is the offset.
_MAGIC = (
    ("zip", 0, b"PK\x03\x04"),
    ("zip", 0, b"PK\x05\x06"),
    ("gzip", 0, b"\x1f\x8b"),
    ("xz", 0, b"\xfd7zXZ\x00"),
    ("tar", 257, b"ustar"),
)


def _take(archive: Path, place: tar.Placing, writer: Writer, limits: Limits, seen: Seen) -> tuple[Extracted, ...]:
    if kind_of(archive) == "zip":
        with ThreadPoolExecutor(max_workers=1) as pool:
            hashing = pool.submit(lambda: [None for _ in read(archive, seen)])
            done = zip.extract_zip(archive, place, writer, limits)
            hashing.result()
        return done
    with _stream(archive, limits, seen) as stream:
        done = tuple(tar.extract_tar(stream, place, writer, limits))
        stream.drain()
    return done


@contextmanager
def _stream(archive: Path, limits: Limits, seen: Seen | None = None) -> Iterator[tar.Forward]:
    """Open a tar archive; it is read and decompressed in a thread, which ends with the block."""
    pieces, kind = read(archive, seen), kind_of(archive)
    worker = Worker(pieces if kind == "tar" else decompressed(pieces, decompressor(kind), limits))
    try:
        yield tar.Forward(iter(worker))
    finally:
        worker.close()


def _watched(archive: Path, hasher: Hasher, report: Reporter) -> Seen:
    """Return what is called with each piece of the archive that is read: it is hashed, and progress is told."""
    total, done, told = archive.stat().st_size, 0, time.monotonic()

    def seen(piece: bytes) -> None:
        nonlocal done, told
        hasher.update(piece)
        done += len(piece)
        if time.monotonic() - told >= _REPORT_EVERY_S:
            told = time.monotonic()
            report(Progress("stage", done, total, "bytes", f"unpacking {archive.name}"))

    return seen


def _checked(place: Place, writer: Writer, limits: Limits) -> tar.Placing:
    """Ask where a member goes, and see to it that the answer is below the target and not taken."""

    def checked(member: PurePosixPath) -> PurePosixPath | None:
        path = place(str(member))
        if path is not None:
            path = safe_path(str(path), windows=limits.windows)
            writer.reserve(path)
        return path

    return checked


def _wrong_hash(archive: Path, expected: str, found: str) -> FetchError:
    return FetchError(
        f"`{archive}` is not the file that NVIDIA gave out, nothing of it was kept",
        cause=f"expected SHA-256 `{expected}`, found `{found}`",
        hints=[
            Hint("archive.hash", "run `gpuenv cache verify`, which puts it aside if it is kept there, or download it")
        ],
    )


def _refused(err: ArchiveError, archive: Path) -> ArchiveError:
    return ArchiveError(
        f"`{archive}` was not unpacked: {err.message}",
        cause=err.cause,
        hints=[Hint("archive.again", "nothing of it was kept: delete it, and run the same command again")],
    )


def _system_error(err: OSError, archive: Path, target: Path) -> GpuenvError:
    if isinstance(err, PermissionError):
        return TargetError(f"`{archive.name}` cannot be unpacked to `{target}`", cause=str(err))
    full = err.errno == errno.ENOSPC
    hints = [Hint("disk.full", "make room there, then run the same command again")] if full else []
    message = f"`{archive.name}` was not unpacked to `{target}`, nothing of it was kept"
    return GpuenvError(message, cause=str(err), hints=hints)
