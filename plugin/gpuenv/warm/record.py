"""What was compiled ahead in an environment, so that a second run knows in no time that there is nothing to do.

The driver's cache itself cannot be asked: its format is not documented, and loading a module that is in it takes a
GPU. So gpuenv writes down, in `var/gpuenv/warm.json`, which fat binaries it had the driver compile, for which GPU
architecture, driver and cache, from files of which size and time. What does not fit any more does not count. To compile
what is in the cache already costs milliseconds, so an entry too few is no matter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

RECORD_VERSION = "1"


class Key(msgspec.Struct, frozen=True):
    """What compiled code is good for: `gpu` is a compute capability (`9.0`), `driver` the driver's version."""

    gpu: str
    driver: str
    cache_dir: str


class Entry(msgspec.Struct, frozen=True):
    """What was compiled for one key.

    `libraries` are all files that were looked at, with their state; `modules` how many fat binaries in them need
    compiling; `done` the offsets of those that were, by file. `cache_bytes` is the size of the cache afterwards.
    """

    key: Key
    libraries: dict[str, str]
    modules: int
    done: dict[str, list[int]]
    cache_bytes: int

    @property
    def complete(self) -> bool:
        """Say whether nothing is left to compile."""
        return sum(map(len, self.done.values())) == self.modules


class Record(msgspec.Struct, frozen=True):
    """The file: an entry a key."""

    gpuenv_warm_version: str = RECORD_VERSION
    entries: tuple[Entry, ...] = ()

    def entry(self, key: Key) -> Entry | None:
        """Return what was compiled for a key; None when nothing was, or the cache has since been emptied."""
        found = next((entry for entry in self.entries if entry.key == key), None)
        return found if found is not None and cache_bytes(Path(key.cache_dir)) >= found.cache_bytes else None


def read_record(path: Path) -> Record:
    """Read the record; one that is missing, damaged or of another version is empty."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return Record()
    return record if record.gpuenv_warm_version == RECORD_VERSION else Record()


def write_entry(path: Path, entry: Entry) -> None:
    """Put an entry in the place of the one with the same key."""
    others = tuple(it for it in read_record(path).entries if it.key != entry.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(Record(entries=(*others, entry))), indent=2) + b"\n")
    os.replace(temporary, path)


def still_done(entry: Entry | None, libraries: Mapping[str, str]) -> dict[str, list[int]]:
    """Return what is done in the files that are as they were."""
    if entry is None:
        return {}
    return {
        path: offsets for path, offsets in entry.done.items() if libraries.get(path) == entry.libraries.get(path, "")
    }


def cache_bytes(directory: Path) -> int:
    """Add up the files of a compute cache; one that does not exist is empty."""
    sizes = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                sizes += os.stat(os.path.join(parent, name)).st_size
            except OSError:  # the driver replaces files
                continue
    return sizes
