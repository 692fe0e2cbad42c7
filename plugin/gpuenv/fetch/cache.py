"""The archives that were fetched, by what is in them.

<cache>/archives/<sha256>/<name>             whole; its hash was right when it was put there
<cache>/archives/<sha256>/<name>.part        begun; `<name>.part.json` says how to go on
<cache>/archives/<sha256>.lock               held by the gpuenv that downloads it
<cache>/quarantine/<found sha256>/<name>     was downloaded and is something else
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpuenv.errors import Hint, TargetError

PART = ".part"
META = ".part.json"
_CHUNK_BYTES = 1024 * 1024
_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of the cache; `sha256` is what it should have, for a quarantined one what it has."""

    name: str
    sha256: str
    size_bytes: int
    state: Literal["whole", "begun", "quarantined"]
    path: Path


class Cache:
    """A directory of archives. Looking needs no lock and no right to write; changing takes the archive's lock."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._archives = directory / "archives"
        self._quarantine = directory / "quarantine"

    def path(self, name: str, sha256: str) -> Path:
        """Return where an archive is or will be."""
        return self._archives / sha256 / name

    def find(self, name: str, sha256: str) -> Path | None:
        """Return the file with this content, under this name or another; None when it is not there."""
        exact = self.path(name, sha256)
        if exact.is_file():
            return exact
        others = sorted(path for path in exact.parent.glob("*") if _state(path) == "whole")
        return others[0] if others else None

    @contextmanager
    def locked(
        self, sha256: str, stop: threading.Event | None = None, waiting: Callable[[], None] | None = None
    ) -> Iterator[bool]:
        """Hold an archive's lock; with `stop` wait for it until that is set. Gives whether it is held.

        `waiting` is called when another process has it.

        Raises TargetError when the cache cannot be written.
        """
        from filelock import FileLock, Timeout

        try:
            self._archives.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._archives / f"{sha256}.lock", mode=0o666)
            held = False
            while not held:
                try:
                    lock.acquire(timeout=0.2)
                    held = True
                except Timeout:
                    if stop is None or stop.is_set():
                        break
                    if waiting is not None:
                        waiting()
        except OSError as err:
            raise self._unwritable(err) from err
        try:
            yield held
        finally:
            lock.release()

    def begin(self, name: str, sha256: str) -> Path:
        """Return the file to download into; its directory is there then. Raises TargetError when it cannot be."""
        path = self.path(name, sha256)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise self._unwritable(err) from err
        return path.with_name(path.name + PART)

    def keep(self, name: str, sha256: str) -> Path:
        """Take a download whose hash is right into the cache."""
        path = self.path(name, sha256)
        path.with_name(path.name + PART).replace(path)
        path.with_name(path.name + META).unlink(missing_ok=True)
        return path

    def quarantine(self, file: Path, found: str) -> Path:
        """Move a file that is not what its name says to where nobody takes it from, and return that place."""
        aside = self._quarantine / found / file.name.removesuffix(PART)
        aside.parent.mkdir(parents=True, exist_ok=True)
        file.replace(aside)
        file.with_name(file.name.removesuffix(PART) + META).unlink(missing_ok=True)
        return aside

    def list(self) -> tuple[Kept, ...]:
        """List what there is: whole archives, begun ones, quarantined ones, each by name."""
        found = []
        for directory, quarantined in ((self._archives, False), (self._quarantine, True)):
            for path in sorted(directory.glob("*/*")):
                state = "quarantined" if quarantined else _state(path)
                if state is not None and len(path.parent.name) == _SHA256_DIGITS:
                    name = path.name.removesuffix(PART) if state == "begun" else path.name
                    found.append(Kept(name, path.parent.name, path.stat().st_size, state, path))
        order = ("whole", "begun", "quarantined")
        return tuple(sorted(found, key=lambda one: (order.index(one.state), one.name)))

    def verify(self, kept: Kept) -> Kept:
        """Hash a whole archive anew; one that has changed is quarantined. Returns it as it is afterwards.

        Raises TargetError when the cache cannot be read or written.
        """
        try:
            found = hash_file(kept.path)
            if found == kept.sha256:
                return kept
            with self.locked(kept.sha256, threading.Event()):
                aside = self.quarantine(kept.path, found)
        except OSError as err:
            raise self._unwritable(err) from err
        return Kept(kept.name, found, kept.size_bytes, "quarantined", aside)

    def remove(self, kept: Kept) -> bool:
        """Delete one file; say whether it was: one that is being downloaded stays.

        Raises TargetError when the cache cannot be written.
        """
        try:
            if kept.state == "quarantined":
                shutil.rmtree(kept.path.parent)
                return True
            with self.locked(kept.sha256) as held:
                if held:
                    kept.path.unlink(missing_ok=True)
                    kept.path.with_name(kept.name + META).unlink(missing_ok=True)
                    if not any(kept.path.parent.iterdir()):
                        kept.path.parent.rmdir()
        except OSError as err:
            raise self._unwritable(err) from err
        return held

    def _unwritable(self, err: OSError) -> TargetError:
        return TargetError(
            f"the cache `{self.directory}` cannot be written",
            cause=str(err),
            hints=[Hint("cache.elsewhere", "set `GPUENV_CACHE_DIR` to a directory of your own")],
        )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _state(path: Path) -> Literal["whole", "begun"] | None:
    if path.name.endswith(META) or not path.is_file():
        return None
    return "begun" if path.name.endswith(PART) else "whole"
