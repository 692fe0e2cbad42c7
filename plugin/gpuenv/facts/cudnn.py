"""Which archives NVIDIA has of cuDNN and of the parts of CUDA (`nvidia_archives.csv`, `cudnn_files.json`)."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from packaging.version import InvalidVersion, Version

from gpuenv.model import Archive, ArchiveKind, Licence

_TABLE = Path(__file__).with_name("nvidia_archives.csv")
_FILES = Path(__file__).with_name("cudnn_files.json")

# Where a person finds an archive. Source of all addresses: NVIDIA's sites, as linked from the cuDNN and CUDA
# installation guides (docs.nvidia.com), read 2026-11.
_PAGES = {
    "cudnn": "https://developer.nvidia.com/rdp/cudnn-archive",
    "cuda-component": "https://developer.download.nvidia.com/compute/cuda/redist/",
    "cuda-installer": "https://developer.nvidia.com/cuda-toolkit-archive",
}
LICENCES = {
    "cudnn": Licence(
        "cudnn",
        "Software License Agreement for NVIDIA cuDNN",
        "https://docs.nvidia.com/deeplearning/cudnn/sla/index.html",
    ),
    "cuda": Licence(
        "cuda",
        "End User License Agreement of the NVIDIA CUDA Toolkit",
        "https://docs.nvidia.com/cuda/eula/index.html",
    ),
}


@dataclass(frozen=True, slots=True)
class CudnnFiles:
    """What a cuDNN archive holds: names in the archive, `exact` when somebody has listed it, and who says so."""

    names: tuple[str, ...]
    exact: bool
    source: str


def archive_named(name: str) -> Archive | None:
    """Find an archive by its exact file name, in upper or lower case; None for one that the table does not have.

    A browser's `cudnn-11.0-windows-x64-v8.0.4.30 (1).zip` is not that name: see `gpuenv.fetch.find_downloaded`.
    """
    return _by_name().get(name.lower())


def cudnn_archives(version: str, cuda: str, platform: str) -> tuple[Archive, ...]:
    """List the cuDNN archives that fit, the newest first.

    `version` may be shorter than NVIDIA's: `8.0.4` means 8.0.4.30. `cuda` is a toolkit as 11.0 or 11.0.3; an archive
    for all of CUDA 11 fits it too, but comes after one for 11.0 itself. `platform` is a conda subdir. Empty for what
    the table does not have.
    """
    found = [
        archive
        for archive in _by_name().values()
        if archive.kind == "cudnn"
        and archive.platform == platform
        and _begins(archive.version, version)
        and _begins(cuda, archive.cuda)
    ]
    return tuple(sorted(found, key=lambda one: (Version(one.version), Version(one.cuda)), reverse=True))


def cuda_components(cuda: str, platform: str) -> tuple[Archive, ...]:
    """List the parts of a CUDA toolkit (`11.8` or `11.8.0`) that NVIDIA gives out as archives, by component."""
    found = [
        archive
        for archive in _by_name().values()
        if archive.kind == "cuda-component" and archive.platform == platform and _begins(archive.cuda, cuda)
    ]
    return tuple(sorted(found, key=lambda one: (one.component, Version(one.version))))


def cuda_installers(cuda: str, platform: str) -> tuple[Archive, ...]:
    """List NVIDIA's installers of a CUDA toolkit (`11.0` or `11.0.3`), the newest first."""
    found = [
        archive
        for archive in _by_name().values()
        if archive.kind == "cuda-installer" and archive.platform == platform and _begins(archive.version, cuda)
    ]
    return tuple(sorted(found, key=lambda one: Version(one.version), reverse=True))


def cudnn_files(name: str) -> CudnnFiles | None:
    """Return what a cuDNN archive holds, by its file name; None for one that no source lists."""
    row = _file_lists()["archives"].get(name)
    return None if row is None else CudnnFiles(tuple(row["files"]), row["exact"], row["source"])


def licence(key: str) -> Licence:
    """Return the terms of a key in `Archive.licence`. Raises KeyError for a key that no archive has."""
    return LICENCES[key]


def _begins(version: str, start: str) -> bool:
    """Say whether a version is another one or a more exact form of it: 8.0.4.30 begins with 8.0.4, not with 8.0.40."""
    try:
        whole, part = Version(version).release, Version(start).release
    except InvalidVersion:
        return False
    return whole[: len(part)] == part


@lru_cache(maxsize=1)
def _by_name() -> dict[str, Archive]:
    """Read the table.

    Sample line::

        cudnn-11.0-linux-x64-v8.0.4.30.tgz,cudnn,cudnn,8.0.4.30,11.0,linux-64,38a81a28...,,https://...,no,spack/...
    """
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return {row["name"].lower(): _archive(row) for row in csv.DictReader(file)}


def _archive(row: dict[str, str]) -> Archive:
    return Archive(
        name=row["name"],
        kind=cast(ArchiveKind, row["kind"]),
        component=row["component"],
        version=row["version"],
        cuda=row["cuda"],
        platform=row["platform"],
        sha256=row["sha256"] or None,
        size_bytes=int(row["size_bytes"]) if row["size_bytes"] else None,
        urls=tuple(row["urls"].split("|")) if row["urls"] else (),
        page=_PAGES[row["kind"]],
        licence="cudnn" if row["kind"] == "cudnn" else "cuda",
        needs_login=row["login"] == "yes",
        sources=tuple(row["sources"].split("|")),
    )


@lru_cache(maxsize=1)
def _file_lists() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(_FILES.read_text("utf-8")))
