"""Where to look for archives, and how to fetch them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gpuenv.settings import Settings, cache_dir, data_dir, download_dir


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """Where to look and how to fetch.

    `cache_dir` is shared by all runs, and may be shared by users. `download_dirs` are searched by name and hash, for
    archives that a browser or a colleague put there. `given` says which file the user named for an archive, by the
    archive's name; it is taken as it is, because `gpuenv.archive.extract` hashes it in the pass in which it unpacks it.
    `mirrors` come before NVIDIA's own addresses: an address with `{name}` in it, or one to put in front of the path of
    NVIDIA's. `state_dir` holds the record of accepted licences; None does not ask for them.

    `jobs` archives are fetched at once. A failed attempt is repeated up to `retries` times without progress, after
    `backoff_s` seconds and then twice as many each time. A server that says nothing for `timeout_s` seconds counts as
    failed, one that asks for more than `patience_s` seconds of waiting as unwilling.
    """

    cache_dir: Path
    download_dirs: tuple[Path, ...] = ()
    given: Mapping[str, Path] = field(default_factory=dict)
    mirrors: tuple[str, ...] = ()
    state_dir: Path | None = None
    jobs: int = 4
    offline: bool = False
    retries: int = 4
    backoff_s: float = 0.5
    timeout_s: float = 30.0
    patience_s: float = 300.0


def options_from(
    settings: Settings, environ: Mapping[str, str], given: Mapping[str, Path] | None = None, *, offline: bool = False
) -> FetchOptions:
    """Return the options that this user's settings and environment ask for."""
    return FetchOptions(
        cache_dir=cache_dir(environ),
        download_dirs=(*(Path(directory) for directory in settings.archive_dirs), download_dir()),
        given=given or {},
        mirrors=tuple(settings.archive_mirrors),
        state_dir=data_dir(environ) / "state",
        offline=offline,
    )
