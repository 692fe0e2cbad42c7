"""Decompress a stream in a thread of its own while another one hashes what is read: one pass over the file.

zlib, lzma and hashlib let other threads run while they work, so that reading, decompressing, hashing the archive, and
hashing and writing the members take as long as the slowest of them alone.
"""

from __future__ import annotations

import hashlib
import lzma
import queue
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from gpuenv.archive.limits import MIB, Limits
from gpuenv.errors import ArchiveError

CHUNK_BYTES = MIB
OUT_BYTES = 4 * MIB
# The most memory that an .xz file may ask for; `xz -9`, which asks for the most of all presets, needs 65 MiB to unpack.
# Source: xz(1), table of presets, read 2026-11.
_XZ_MEMORY_BYTES = 512 * MIB
T = TypeVar("T")


class Worker(Generic[T]):
    """A thread that gives what an iterator yields, a few items ahead; its error is raised where the items are taken."""

    def __init__(self, items: Iterator[T], ahead: int = 8) -> None:
        self._queue: queue.Queue[T | _End] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(items,), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        """Give the items as they come."""
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def close(self) -> None:
        """Let the thread end, wherever it is, and wait for it."""
        self._stopped.set()
        self._thread.join()

    def _run(self, items: Iterator[T]) -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not self._put(item):
                    return
        except BaseException as err:
            error = err
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


class _End:
    """The end of a worker's items."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Hasher:
    """SHA-256 in a thread of its own."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | None] = queue.Queue(8)
        self._digest = hashlib.sha256()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def update(self, data: bytes) -> None:
        """Add data; it is hashed soon, or never when this was closed meanwhile."""
        while not self._closed.is_set():
            try:
                self._queue.put(data, timeout=0.1)
            except queue.Full:
                continue
            return

    def hexdigest(self) -> str:
        """Return the hash of everything; nothing can be added after this."""
        if not self._closed.is_set():
            self._queue.put(None)
            self._thread.join()
            self._closed.set()
        return self._digest.hexdigest()

    def close(self) -> None:
        """End the thread, and let nobody wait who still adds data."""
        self._closed.set()
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            pass
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                data = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if data is None:
                return
            self._digest.update(data)


def read(path: Path, seen: Callable[[bytes], None] | None = None) -> Iterator[bytes]:
    """Read a file in pieces, and show each to `seen`."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(CHUNK_BYTES):
            if seen is not None:
                seen(piece)
            yield piece


def decompressor(kind: str) -> Callable[[], Any]:
    """Return what makes a decompressor for `gzip`, `deflate` or `xz`."""
    if kind == "xz":
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
    return lambda: zlib.decompressobj(31 if kind == "gzip" else -15)


def decompressed(pieces: Iterator[bytes], make: Callable[[], Any], limits: Limits) -> Iterator[bytes]:
    """Decompress a stream, or several one behind the other, as gzip and xz allow; zeros may fill it up.

    What comes out at once is bounded, however little goes in. Raises ArchiveError for a stream that is damaged or cut
    off, or beyond the limits.
    """
    packed = unpacked = 0
    current: Any = make()
    for piece in pieces:
        packed += len(piece)
        while piece:
            current = current or make()
            for out in bounded(current, piece):
                unpacked += len(out)
                limits.check(unpacked, packed)
                yield out
            piece, current = (current.unused_data.lstrip(b"\0"), None) if current.eof else (b"", current)
    if current is not None:
        raise ArchiveError("it is cut off", cause=f"it ends after {packed} bytes, in the middle of the data")


def bounded(current: Any, data: bytes) -> Iterator[bytes]:
    """Feed data to a decompressor and give what comes out, a bounded piece at a time."""
    try:
        while True:
            out = current.decompress(data, OUT_BYTES)
            if out:
                yield out
            if current.eof:
                return
            if isinstance(current, lzma.LZMADecompressor):
                data, more = b"", not current.needs_input
            else:
                data, more = current.unconsumed_tail, bool(current.unconsumed_tail) or len(out) == OUT_BYTES
            if not more:
                return
    except (zlib.error, lzma.LZMAError) as err:
        raise ArchiveError("it is damaged", cause=f"it cannot be decompressed: {err}") from err
