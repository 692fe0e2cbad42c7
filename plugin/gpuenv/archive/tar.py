"""Read a tar archive from front to back, whatever it is compressed with."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, cast

from gpuenv.archive.limits import MIB, Limits
from gpuenv.archive.member_names import printable, safe_path
from gpuenv.archive.write import Writer
from gpuenv.errors import ArchiveError
from gpuenv.model import Extracted

Placing = Callable[[PurePosixPath], PurePosixPath | None]

# What a tar header may announce as its own size: names and attributes, a few hundred bytes with NVIDIA.
_HEADER_BYTES = MIB


class Forward(io.RawIOBase):
    """A stream that only goes forward, over pieces that come from elsewhere; `tarfile` reads the headers from it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._position = 0
        self.header = b""

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Skip to an offset from the start. Raises ArchiveError for one that is behind, which only damage asks for."""
        if whence != 0 or offset < self._position:
            raise ArchiveError("it is damaged", cause="a member begins before the end of the one before it")
        for _ in self.pieces(offset - self._position):
            pass
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read a header. Raises ArchiveError for one that would fill the memory."""
        if not 0 <= size <= _HEADER_BYTES:
            raise ArchiveError("it is damaged", cause=f"a header says that it has {size} bytes")
        self.header = b"".join(self.pieces(size))
        return self.header

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Give the next `size` bytes as they come, fewer at the end of the stream."""
        while size > 0:
            if not self._piece:
                self._piece = memoryview(next(self._pieces, b""))
                if not self._piece:
                    return
            taken, self._piece = self._piece[:size], self._piece[size:]
            self._position += len(taken)
            size -= len(taken)
            yield taken

    def drain(self) -> None:
        """Read on to the end of the stream, so that all of the archive is hashed."""
        self._piece = memoryview(b"")
        for _ in self._pieces:
            pass


def members(stream: Forward, limits: Limits) -> Iterator[tarfile.TarInfo]:
    """Give the members that are no directories; the stream then stands where the member's data begins.

    Raises ArchiveError for a damaged archive, an unsafe name, a device, a pipe, or more than the limits allow.
    """
    declared = 0
    try:
        tar = tarfile.TarFile(fileobj=cast(IO[bytes], stream), mode="r")
        count = 0
        while (member := tar.next()) is not None:
            count += 1
            declared += member.size
            limits.check(declared, declared, count)
            safe_path(member.name, windows=limits.windows)
            if member.isdir():
                continue
            if not (member.isreg() or member.issym() or member.islnk()) or member.issparse():
                raise ArchiveError(
                    f"it holds `{printable(member.name)}`, which is no file and no link",
                    cause=f"its type is `{printable(member.type.decode('latin-1'))}`, as of a device or a pipe",
                )
            yield member
        if stream.header.strip(b"\0"):
            # tarfile takes a header that it cannot read for the end.
            raise ArchiveError("it is damaged", cause=f"after {count} members comes something that is no member")
    except (tarfile.TarError, EOFError, ValueError) as err:
        raise ArchiveError("it is damaged or cut off", cause=str(err)) from err


def extract_tar(stream: Forward, place: Placing, writer: Writer, limits: Limits) -> Iterator[Extracted]:
    """Write the wanted members, as they come."""
    placed: dict[PurePosixPath, Extracted] = {}
    for member in members(stream, limits):
        path = place(safe_path(member.name, windows=limits.windows))
        if path is None:
            continue
        if member.issym():
            made = writer.link_later(path, member.linkname)
        elif member.islnk():
            source = placed.get(safe_path(member.linkname, windows=limits.windows))
            if source is None or source.link_to is not None:
                raise ArchiveError(
                    f"it holds `{printable(member.name)}`, the same file as `{printable(member.linkname)}`",
                    cause="that one does not come before it, or was not asked for",
                )
            made = writer.copy(path, PurePosixPath(source.path))
        else:
            made = writer.file(path, member.size, stream.pieces(member.size), member.mode)
        placed[safe_path(member.name, windows=limits.windows)] = made
        yield made
