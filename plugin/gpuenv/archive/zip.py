"""Read a zip archive, several members at once."""

from __future__ import annotations

import os
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath

from gpuenv.archive.limits import Limits
from gpuenv.archive.member_names import printable, safe_path
from gpuenv.archive.unpack import CHUNK_BYTES, bounded, decompressor
from gpuenv.archive.write import Writer
from gpuenv.errors import ArchiveError
from gpuenv.model import Extracted

_LOCAL_HEADER = struct.Struct("<4s22xHH")


def members(path: Path, limits: Limits) -> tuple[zipfile.ZipInfo, ...]:
    """List the members that are no directories.

    Raises ArchiveError for a damaged archive, an unsafe name, an encrypted member, two members that share their data,
    or more than the limits allow.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as err:
        raise ArchiveError("it is damaged or cut off", cause=str(err)) from err
    packed = path.stat().st_size
    limits.check(sum(info.file_size for info in found), packed, len(found))
    end = 0
    for info in sorted(found, key=lambda one: one.header_offset):
        safe_path(info.filename, windows=limits.windows)
        if info.header_offset < end:
            raise ArchiveError("it is made to do harm", cause="two members share their data")
        end = info.header_offset + info.compress_size
        if info.flag_bits & 0x1:
            raise ArchiveError(f"it holds `{printable(info.filename)}`, which is encrypted")
    return tuple(info for info in found if not info.is_dir())


def extract_zip(
    path: Path, place: Callable[[PurePosixPath], PurePosixPath | None], writer: Writer, limits: Limits
) -> tuple[Extracted, ...]:
    """Write the wanted members, the largest first, in as many threads as there are cores."""
    wanted: list[tuple[zipfile.ZipInfo, PurePosixPath]] = []
    for info in members(path, limits):
        to = place(safe_path(info.filename, windows=limits.windows))
        if to is not None:
            wanted.append((info, to))
    stop = threading.Event()

    def take(info: zipfile.ZipInfo, to: PurePosixPath) -> Extracted:
        mode = info.external_attr >> 16
        if stat.S_ISLNK(mode):
            text = b"".join(_data(path, info, stop))
            return writer.link_later(to, text.decode("utf-8", "surrogateescape"))
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise ArchiveError(f"it holds `{printable(info.filename)}`, which is no file and no link")
        return writer.file(to, info.file_size, _data(path, info, stop), mode)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        try:
            order = sorted(wanted, key=lambda one: -one[0].file_size)
            running = {info.filename: pool.submit(take, info, to) for info, to in order}
            wait(running.values(), return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    for future in running.values():
        if not future.cancelled() and not isinstance(future.exception(), _Stopped):
            future.result()
    return tuple(running[info.filename].result() for info, _ in wanted)


class _Stopped(Exception):
    """Another member failed."""


def _data(path: Path, info: zipfile.ZipInfo, stop: threading.Event) -> Iterator[bytes]:
    """Give the data of one member, and check its length and its checksum at the end."""
    checksum = unpacked = 0
    for piece in _unpacked(path, info):
        if stop.is_set():
            raise _Stopped
        unpacked += len(piece)
        if unpacked > info.file_size:
            raise ArchiveError(f"`{printable(info.filename)}` is longer than it says, {info.file_size} bytes")
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if checksum != info.CRC:
        raise ArchiveError(
            f"`{printable(info.filename)}` is damaged",
            cause=f"expected CRC-32 `{info.CRC:08x}`, found `{checksum:08x}`",
        )


def _unpacked(path: Path, info: zipfile.ZipInfo) -> Iterator[bytes]:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveError(
            f"`{printable(info.filename)}` cannot be unpacked", cause=f"it is packed with method {info.compress_type}"
        )
    current = decompressor("deflate")() if info.compress_type == zipfile.ZIP_DEFLATED else None
    for piece in _packed(path, info):
        if current is None:
            yield piece
        else:
            yield from bounded(current, piece)
    if current is not None and not current.eof:
        raise ArchiveError(f"`{printable(info.filename)}` is cut off")


def _packed(path: Path, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Give the compressed data, which begins behind a header of the member's own (APPNOTE.TXT, section 4.3.7)."""
    with path.open("rb", buffering=0) as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER.size) or b""
        if len(header) != _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise ArchiveError(f"`{printable(info.filename)}` is not where it says")
        _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        file.seek(name_bytes + extra_bytes, os.SEEK_CUR)
        left = info.compress_size
        while left > 0:
            piece = file.read(min(CHUNK_BYTES, left)) or b""
            if not piece:
                raise ArchiveError("it is cut off", cause=f"`{printable(info.filename)}` is not all there")
            left -= len(piece)
            yield piece
