"""Write what is taken out of an archive, and take it back when something goes wrong."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from gpuenv.archive.limits import MIB
from gpuenv.archive.member_names import Places, follow, key, printable
from gpuenv.errors import ArchiveError, TargetError
from gpuenv.model import Extracted

# From here on Windows wants another form of the path; a directory's limit is 248, a file's 260. Source: "Maximum Path
# Length Limitation" in Microsoft's documentation of Win32 files, read 2026-11.
_LONG_PATH = 240


class Writer:
    """Files below one directory. None of them may exist before; `undo` removes those that were made, and no other.

    Links are made last, so that no member is ever written through a link that came out of the archive. Several threads
    may write at once.
    """

    def __init__(self, target: Path, *, symlinks: bool = os.name != "nt") -> None:
        self._target = target
        self._symlinks = symlinks
        self._lock = threading.Lock()
        self._made: list[Path] = []
        self._places = Places()
        self._links: dict[PurePosixPath, str] = {}

    def reserve(self, path: PurePosixPath) -> None:
        """Keep a place for a file or link. Raises ArchiveError when it would land on another member."""
        self._places.take(path)

    def file(self, path: PurePosixPath, size: int, pieces: Iterable[bytes | memoryview], mode: int) -> Extracted:
        """Write one file, hashed on the way; `mode` says whether it can be executed.

        Raises TargetError when something is there already, and ArchiveError when the pieces are not `size` bytes.
        """
        digest, written = hashlib.sha256(), 0
        with self._open(path, 0o777 if mode & 0o111 else 0o666) as sink:
            for piece in pieces:
                written += len(piece)
                if written > size:
                    break
                digest.update(piece)
                sink.write(piece)
        if written != size:
            raise ArchiveError(
                f"it says that `{printable(str(path))}` has {size} bytes, which has "
                f"{'more' if written > size else written}"
            )
        return Extracted(str(path), digest.hexdigest(), size)

    def copy(self, path: PurePosixPath, source: PurePosixPath) -> Extracted:
        """Write a file again that was written before, at another place."""
        with self._place(source).open("rb") as file:
            status = os.fstat(file.fileno())
            return self.file(path, status.st_size, iter(lambda: file.read(MIB), b""), status.st_mode)

    def link_later(self, path: PurePosixPath, text: str) -> Extracted:
        """Make a symbolic link when all files are there."""
        self._links[path] = text
        return Extracted(str(path), hashlib.sha256(os.fsencode(text)).hexdigest(), 0, link_to=text)

    def finish_links(self) -> dict[str, Extracted]:
        """Make the links; where there are none (Windows), copies of what they lead to: those are returned by path.

        Raises ArchiveError when one leads out of the target or in a circle, or when a copy is wanted of what is not
        there; no link was made then.
        """
        texts = {key(path): text for path, text in self._links.items()}
        ends = {path: follow(path, texts) for path in self._links}
        if self._symlinks:
            for path, text in self._links.items():
                self._symlink(path, text)
            return {}
        for path, end in ends.items():
            if not self._place(end).is_file():
                raise ArchiveError(f"the link `{printable(str(path))}` leads to `{end}`, which is not there")
        return {str(path): self.copy(path, end) for path, end in ends.items()}

    def undo(self) -> None:
        """Remove what was made, links and files before the directories they are in."""
        for path in reversed(self._made):
            try:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            except OSError:  # gone already, or a directory into which somebody else has put something
                continue
        self._made.clear()

    def _open(self, path: PurePosixPath, permissions: int) -> BinaryIO:
        place = self._place(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with self._lock, self._making(place):
            handle = os.open(place, flags, permissions)
        return os.fdopen(handle, "wb")

    def _symlink(self, path: PurePosixPath, text: str) -> None:
        with self._making(self._target / path):
            (self._target / path).symlink_to(text)

    @contextmanager
    def _making(self, place: Path) -> Iterator[None]:
        """Note what is made before it is, so that Ctrl-C in between leaves nothing; refuse what is there already."""
        self._make_directory(place.parent)
        if os.path.lexists(place):
            raise _in_the_way(place)
        self._made.append(place)
        try:
            yield
        except FileExistsError as err:  # made by somebody else this very moment
            self._made.remove(place)
            raise _in_the_way(place) from err

    def _make_directory(self, directory: Path) -> None:
        missing = []
        while not directory.is_dir():
            if os.path.lexists(directory):
                raise _in_the_way(directory)
            missing.append(directory)
            directory = directory.parent
        for one in reversed(missing):
            self._made.append(one)
            one.mkdir()

    def _place(self, path: PurePosixPath) -> Path:
        return long_path(self._target / path, windows=os.name == "nt")


def long_path(path: Path, *, windows: bool) -> Path:
    r"""Return a path that Windows takes however long it is: `\\?\C:\...`, or `\\?\UNC\server\share\...`."""
    text = str(path)
    if not windows or len(text) < _LONG_PATH or text.startswith("\\\\?\\"):
        return path
    text = os.path.abspath(text) if os.name == "nt" else text
    return type(path)(f"\\\\?\\UNC\\{text[2:]}" if text.startswith("\\\\") else f"\\\\?\\{text}")


def _in_the_way(path: Path) -> TargetError:
    return TargetError(f"`{path}` is there already", cause="an archive is only unpacked to where nothing stands")
