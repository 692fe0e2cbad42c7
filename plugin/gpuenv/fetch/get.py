"""Bring archives, one after the other."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpuenv.errors import FetchError, Hint
from gpuenv.model import Archive, Detail, Reporter


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """Where to look and how to fetch.

    `cache_dir` is shared by all runs of this user. `download_dirs` are searched for archives by name and hash;
    `given` says which file the user named for an archive (by the archive's name); it is taken as it is, because
    `extract` hashes it in the same pass in which it unpacks it. `mirrors` come before NVIDIA's own addresses: an
    address with `{name}` in it, or one that is followed by the path of NVIDIA's address. `state_dir` holds the record
    of accepted licences; None does not look at licences.
    """

    cache_dir: Path
    download_dirs: tuple[Path, ...] = ()
    given: Mapping[str, Path] = field(default_factory=dict)
    mirrors: tuple[str, ...] = ()
    state_dir: Path | None = None
    jobs: int = 4
    offline: bool = False


def fetch(archives: Sequence[Archive], options: FetchOptions, report: Reporter) -> tuple[Path, ...]:
    """Return the files of the archives, in their order; what is not here yet is downloaded.

    Raises FetchError, with page and file name when only an account of NVIDIA's gets it.
    """
    return tuple(_one(archive, options, report) for archive in archives)


def _one(archive: Archive, options: FetchOptions, report: Reporter) -> Path:
    if archive.name in options.given:
        return options.given[archive.name]
    kept = options.cache_dir / (archive.sha256 or "unknown") / archive.name
    if kept.is_file():
        return kept
    for directory in options.download_dirs:
        path = directory / archive.name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == archive.sha256:
            report(Detail(f"found `{path}`"))
            return path
    if not archive.urls:
        raise FetchError(
            f"`{archive.name}` can only be downloaded with an account of NVIDIA's",
            hints=[
                Hint("fetch.login", f"download `{archive.name}` from {archive.page}, then run the same command again")
            ],
        )
    import requests

    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(f"{kept.name}.part")
    try:
        with requests.get(archive.urls[0], stream=True, timeout=30) as answer, part.open("wb") as file:
            answer.raise_for_status()
            shutil.copyfileobj(answer.raw, file)
    except requests.RequestException as err:
        raise FetchError(f"`{archive.name}` could not be downloaded", cause=str(err)) from err
    if hashlib.sha256(part.read_bytes()).hexdigest() != archive.sha256:
        part.unlink()
        raise FetchError(f"`{archive.name}` has the wrong hash", cause=f"expected SHA-256 `{archive.sha256}`")
    return part.replace(kept)
