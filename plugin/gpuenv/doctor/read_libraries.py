"""Follow TensorFlow's loader: which file it would open by each name, and whether that file can be loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from gpuenv.binaries import dlopened_names, library_version, read_elf
from gpuenv.binaries.search import expanded, system_dirs
from gpuenv.doctor.environment import Library
from gpuenv.doctor.releases import built, cudnn_parts
from gpuenv.errors import GpuenvError

_DRIVER_LIBRARIES = frozenset({"libcuda.so.1", "libnvidia-ml.so.1"})
_NVIDIA = ("libcu", "libnv")


def libraries_of(
    tensorflow: Version,
    loader: Path,
    prefix: Path,
    site_packages: Sequence[Path],
    environ: Mapping[str, str],
) -> tuple[str | None, tuple[Library, ...]]:
    """Return the kind of the loader's search path, and every library that it and cuDNN open.

    A build for the processor opens none.
    """
    try:
        info = read_elf(loader)
        opened = dlopened_names(loader) or _known(tensorflow, loader)
    except GpuenvError:
        return None, ()
    directories = search_path(info.search_path, info.search_kind, loader, prefix, environ)
    own = [prefix / "lib", *(path for site in site_packages for path in sorted(site.glob("nvidia/*/lib")))]
    names = [(name, False) for name in opened] + [(name, True) for name in cudnn_parts(opened)]
    return info.search_kind, tuple(_library(name, directories, own, later=later) for name, later in names)


def search_path(
    entries: Sequence[str], kind: str | None, loader: Path, prefix: Path, environ: Mapping[str, str]
) -> tuple[Path, ...]:
    """Return the directories in which the dynamic linker looks, in its order (ld.so(8)).

    DT_RPATH, with that of the program itself, goes before LD_LIBRARY_PATH, DT_RUNPATH behind it. conda's python
    has an RPATH to the environment's `lib`.
    """
    own = expanded(entries, loader.parent)
    variable = tuple(Path(it) for it in environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if it)
    if kind == "RPATH":
        program = (prefix / "lib",) if (prefix / "conda-meta").is_dir() else ()
        return (*own, *program, *variable, *system_dirs())
    return (*variable, *own, *system_dirs())


def shadowing(prefix: Path, environ: Mapping[str, str]) -> dict[str, Path]:
    """Return the CUDA libraries, and the C++ library, that LD_LIBRARY_PATH finds outside of the environment."""
    found: dict[str, Path] = {}
    for entry in environ.get("LD_LIBRARY_PATH", "").split(os.pathsep):
        directory = Path(entry)
        if not entry or directory.is_relative_to(prefix) or not directory.is_dir():
            continue
        for path in sorted(directory.iterdir()):
            name = path.name
            if (
                ".so." in name and (name.startswith(("libcud", "libcub", "libcuf", "libcur", "libcus", "libnvJ")))
            ) or name == "libstdc++.so.6":
                found.setdefault(name, path)
    found.pop("libcuda.so.1", None)
    return found


def _known(tensorflow: Version, loader: Path) -> tuple[str, ...]:
    """Return the names from the table, for a build with CUDA."""
    known = built(tensorflow)
    return known.libraries if known is not None and _has_cuda(loader) else ()


def _has_cuda(loader: Path) -> bool:
    """Say whether TensorFlow was built with CUDA, by its own `build_info.py`."""
    text = _read(loader.parent / "python" / "platform" / "build_info.py")
    return "cuda_version" in text or "'is_cuda_build': True" in text or '"is_cuda_build": True' in text


def _library(name: str, directories: Iterable[Path], own: Sequence[Path], *, later: bool) -> Library:
    directories = tuple(directories)
    path = next((place / name for place in directories if os.path.lexists(place / name)), None)
    elsewhere = next((found for place in own if (found := place / name).is_file()), None) or _alias(name, own)
    if path is None:
        return Library(name, None, later, elsewhere=elsewhere)
    if not path.is_file():
        return Library(name, path, later, problem="dangling", elsewhere=elsewhere)
    try:
        info, version = read_elf(path), library_version(path)
    except GpuenvError:
        return Library(name, path, later, problem="damaged", elsewhere=elsewhere)
    places = (
        *expanded(info.search_path, path.parent),
        *expanded(info.search_path, path.resolve().parent),
        *directories,
    )
    return Library(
        name,
        path,
        later,
        soname=info.soname,
        version=version.version if version is not None else None,
        needs=tuple(_unmet(info.needed, (*places, path.parent, path.resolve().parent))),
    )


def _alias(name: str, own: Sequence[Path]) -> Path | None:
    """Return cuSOLVER 11 for 10, which serves TensorFlow 2.4 (measured on an H100)."""
    if name != "libcusolver.so.10":
        return None
    return next((path for place in own if (path := place / "libcusolver.so.11").is_file()), None)


def _unmet(needed: Iterable[str], places: Sequence[Path]) -> list[str]:
    """Return NVIDIA's libraries that a library needs and that are nowhere; the system's own are not looked for."""
    wanted = [name for name in needed if name.startswith(_NVIDIA) and name not in _DRIVER_LIBRARIES]
    return [name for name in wanted if not any((place / name).is_file() for place in places)]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
