"""Which GPU code of an environment has to be compiled for a GPU: read from the libraries, with no GPU needed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from gpuenv.binaries import FatBinary, fat_binaries
from gpuenv.errors import GpuenvError
from gpuenv.extension import CheckContext
from gpuenv.gpu_code import service_of
from gpuenv.model import ComputeCapability

# libcufft.so.10, _pywrap_tensorflow_internal.so, cudnn64_8.dll, _pywrap_tensorflow_internal.pyd
_LIBRARY = re.compile(r"\.(?:so(?:\.[\d.]+)?|dll|pyd)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Library:
    """A library file of the environment; `state` changes when the file does."""

    path: Path
    state: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """A library with the fat binaries in it that the driver can load."""

    library: Library
    fat_binaries: tuple[FatBinary, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """A fat binary that the driver has to compile; `ptx_bytes` is how much of it, as stored in the file."""

    library: Path
    offset: int
    ptx_bytes: int


def find_libraries(context: CheckContext) -> tuple[Library, ...]:
    """List the framework's own libraries and those of CUDA, each file once; links are passed over."""
    framework, platform = context.recipe.framework, context.built.platform
    files = [paths[platform] for paths in (framework.gpu_code, framework.loader) if platform in paths]
    packages = dict.fromkeys(context.built.site_packages / file.split("/")[0] for file in files)
    found = [path for top in (*packages, *context.cuda.library_dirs) for path in _files_below(top)]
    return tuple(_library(path) for path in sorted(dict.fromkeys(found)))


def scan(libraries: Iterable[Library]) -> tuple[tuple[Scanned, ...], tuple[str, ...]]:
    """Read the fat binaries of libraries; return those that have some, and a sentence on each that is damaged."""
    scanned, problems = [], []
    for library in libraries:
        try:
            found = fat_binaries(library.path)
        except GpuenvError as err:
            problems.append(f"{err.message}: {err.cause}")
            continue
        if found:
            scanned.append(Scanned(library, found))
    return tuple(scanned), tuple(problems)


def plan_modules(
    scanned: Iterable[Scanned],
    capability: ComputeCapability,
    done: Collection[tuple[Path, int]] = (),
) -> tuple[Module, ...]:
    """Choose the fat binaries that a GPU can only run by compiling, but for those that are `done`; largest PTX first.

    The largest take longest (53 of 55 s for one of TensorFlow 2.4.0's on an H100), so whatever else is compiled has to
    be compiled beside them and not after them.
    """
    modules = (
        Module(it.library.path, region.offset, region.ptx_bytes)
        for it in scanned
        for region in it.fat_binaries
        if service_of(capability, region.machine_code, region.ptx) == "ptx"
        and (it.library.path, region.offset) not in done
    )
    return tuple(sorted(modules, key=lambda module: (-module.ptx_bytes, module.library, module.offset)))


def _files_below(top: Path) -> list[Path]:
    found = [
        os.path.join(directory, name) for directory, _, names in os.walk(top) for name in names if _LIBRARY.search(name)
    ]
    return [Path(path) for path in found if not os.path.islink(path) and _is_library(path)]


def _is_library(path: str) -> bool:
    """Say whether a file is ELF or PE by its first bytes; a linker script is called `.so` too."""
    try:
        with open(path, "rb") as file:
            head = file.read(6)
    except OSError:
        return False
    return head == b"\x7fELF\x02\x01" or head[:2] == b"MZ"


def _library(path: Path) -> Library:
    status = path.stat()
    return Library(path, f"{status.st_size}-{status.st_mtime_ns}")
