"""What can be brought: an archive of NVIDIA's, and the files that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ArchiveKind = Literal["cudnn", "cuda-component", "cuda-installer"]


@dataclass(frozen=True, slots=True)
class Archive:
    """One file of NVIDIA's, by its exact name.

    `component` is `cudnn`, `cuda`, or a part of the toolkit (`libcublas`, `cuda_nvcc`); `version` is the component's
    own and `cuda` the CUDA it is for, as NVIDIA writes it: `11.0` or only `11`. `platform` is a conda subdir. `sha256`
    is hex, None for a file that nobody has a hash of; `size_bytes` is None where no source tells. `urls` can be fetched
    by anybody; `page` is where a person finds the file. With `needs_login` NVIDIA gives it out to accounts only, and
    an address in `urls` may be refused. `licence` is a key of `gpuenv.facts.licences`; `sources` say where the row is
    from.
    """

    name: str
    kind: ArchiveKind
    component: str
    version: str
    cuda: str
    platform: str
    sha256: str | None = None
    size_bytes: int | None = None
    urls: tuple[str, ...] = ()
    page: str | None = None
    licence: str | None = None
    needs_login: bool = False
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What the user says about NVIDIA's files: which archive, which toolkit.

    `check_hash` is off when the user takes an archive whose hash is not NVIDIA's, knowing it.
    """

    archive: Path | None = None
    toolkit_dir: Path | None = None
    check_hash: bool = True


NO_ARTIFACTS = Artifacts()


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms that a file comes under: a key, NVIDIA's name for them, and where they are."""

    key: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """One file that was taken out of an archive: its path relative to the target, with `/`.

    `size` is in bytes. A link has the text it says in `link_to`, relative to its own directory, and neither hash nor
    size of its own: those are the SHA-256 of that text and 0.
    """

    path: str
    sha256: str
    size: int
    link_to: str | None = None
