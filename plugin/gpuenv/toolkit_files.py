"""Prove without a GPU that a toolkit's shared libraries will find each other, and that cuDNN is of one version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gpuenv.binaries import library_version, read_elf, read_pe
from gpuenv.errors import GpuenvError

# What CUDA's libraries may need from outside: the driver, and the C and C++ runtimes of the system.
_DRIVER = re.compile(r"(libcuda\.so\.1|libnvidia-ml\.so\.1|nvcuda\.dll|nvml\.dll)", re.IGNORECASE)
# NVIDIA's own libraries. Whatever else a DLL names is Windows itself: hundreds of names that nobody can list elsewhere.
_OF_CUDA = re.compile(r"(cudart|cublas|cufft|curand|cusolver|cusparse|cudnn|nvrtc|nvjitlink|npp).*\.dll", re.IGNORECASE)


def problems(directory: Path, more: Iterable[Path] = (), *, windows: bool) -> tuple[str, ...]:
    """Say what is missing or mixed among the shared libraries of a toolkit directory; nothing when all is well.

    `more` are other directories that the loader searches. Links, names and versions are read from the binaries.
    """
    own = directory / ("bin" if windows else "lib64")
    libraries = _libraries(own, windows=windows)
    found = [*_dangling(own, windows=windows), *unmet(libraries, (own, *more), windows=windows)]
    return (*found, *mixed_cudnn(cudnn_versions(directory, windows=windows)))


def cudnn_versions(directory: Path, *, windows: bool) -> dict[str, str]:
    """Read the version of each library of cuDNN that tells it, by file name; links count for what they lead to."""
    own = directory / ("bin" if windows else "lib64")
    versions = {}
    for path in sorted(own.glob("cudnn*.dll" if windows else "libcudnn*.so.[0-9]*")):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            version = library_version(path)
        except GpuenvError:
            continue
        if version is not None:
            versions[path.name] = version.version
    return versions


def mixed_cudnn(versions: Mapping[str, str]) -> Iterator[str]:
    """Name the files when they are not all of one version, by their first three numbers."""
    releases = {name: ".".join(version.split(".")[:3]) for name, version in versions.items()}
    if len(set(releases.values())) > 1:
        shown = ", ".join(f"`{name}` {release}" for name, release in sorted(releases.items()))
        yield f"the files of cuDNN are of different versions ({shown}): convolutions will end the process"


def _libraries(directory: Path, *, windows: bool) -> dict[str, Path]:
    """List the shared libraries by name, each file once."""
    files = directory.glob("*.dll" if windows else "lib*.so*")
    return {path.name: path for path in sorted(files) if path.is_file() and not path.is_symlink()}


def _dangling(directory: Path, *, windows: bool) -> Iterator[str]:
    if not windows:
        for path in sorted(directory.glob("lib*.so*")):
            if path.is_symlink() and not path.exists():
                yield f"`{path.name}` is a link to `{os.readlink(path)}`, which is missing"


def unmet(libraries: Mapping[str, Path], places: Iterable[Path], *, windows: bool) -> Iterator[str]:
    """Look for everything that the libraries need of CUDA; of the system's own, the linker's cache knows."""
    directories = tuple(places)
    said: set[str] = set()
    for name, path in libraries.items():
        try:
            needed = read_pe(path).imports if windows else read_elf(path).needed
        except GpuenvError as err:
            yield f"`{name}` cannot be read: {err.cause}"
            continue
        for other in needed:
            if other in said or _DRIVER.fullmatch(other) or (windows and not _OF_CUDA.fullmatch(other)):
                continue
            if not _there(other, directories, windows=windows) and not (not windows and _of_system(other)):
                said.add(other)
                yield f"`{other}`, which `{name}` needs, is missing"


def _there(name: str, directories: Iterable[Path], *, windows: bool) -> bool:
    for directory in directories:
        if (directory / name).is_file():
            return True
        if windows and directory.is_dir() and any(path.name.lower() == name.lower() for path in directory.iterdir()):
            return True
    return False


def _of_system(name: str) -> bool:
    """Say whether a library is one of the C and C++ runtimes that every Linux with glibc has."""
    return re.match(r"(lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|gomp|z)\.so|ld-linux)", name) is not None
