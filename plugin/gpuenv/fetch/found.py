"""Find archives that somebody downloaded with a browser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gpuenv.fetch.cache import hash_file
from gpuenv.model import Archive, Detail, Reporter, Warned

# What browsers call a file that is not all there yet: Chrome and Edge, Firefox, Safari, Opera.
_UNFINISHED = (".crdownload", ".part", ".download", ".opdownload")


def find_downloaded(archive: Archive, directories: Iterable[Path], report: Reporter) -> Path | None:
    """Return a file with the archive's name and hash, None when there is none.

    Browsers put a number into the name of a second copy: `cudnn-11.0-windows-x64-v8.0.4.30 (1).zip`. A file with the
    name and another hash is reported, and so is a download that has not ended.
    """
    for path in _candidates(archive.name, directories):
        if path.name.endswith(_UNFINISHED):
            report(Warned(f"`{path}` is not downloaded to its end; run the same command again when it is"))
        elif archive.size_bytes is not None and path.stat().st_size != archive.size_bytes:
            report(Warned(f"`{path}` was not taken: expected {archive.size_bytes} bytes, found {path.stat().st_size}"))
        elif (found := hash_file(path)) != archive.sha256:
            report(Warned(f"`{path}` was not taken: expected SHA-256 `{archive.sha256}`, found `{found}`"))
        else:
            report(Detail(f"found `{path}`"))
            return path
    return None


def _candidates(name: str, directories: Iterable[Path]) -> Iterator[Path]:
    """Give the files that may be a download of that name, the exact one first."""
    stem, dot, suffix = name.partition(".tar.") if ".tar." in name else name.rpartition(".")
    copies = rf"{re.escape(stem)}( ?\(\d+\)|-\d+|_\d+)?{re.escape(dot)}{re.escape(suffix)}"
    if dot == ".tar.":
        copies += rf"|{re.escape(stem)}\.tar( ?\(\d+\)|-\d+)\.{re.escape(suffix)}"
    pattern = re.compile(rf"(?:{copies})(?:{'|'.join(map(re.escape, _UNFINISHED))})?", re.IGNORECASE)
    for directory in directories:
        try:
            files = [path for path in directory.iterdir() if pattern.fullmatch(path.name) and path.is_file()]
        except OSError:
            continue
        yield from sorted(files, key=lambda path: (path.name.lower() != name.lower(), path.name))
