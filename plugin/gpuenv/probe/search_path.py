"""Look through the directories that the loader searches: which copy of a CUDA library comes first, and what it hides.

On Windows that is PATH, which TensorFlow depends on; on Linux LD_LIBRARY_PATH, which comes before what a library of a
wheel says itself (RUNPATH).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gpuenv.binaries import library_version
from gpuenv.errors import GpuenvError
from gpuenv.model import Fact, Host, Note, Overrides

_DLL = re.compile(r"(cudart|cublas|cublasLt|cufft|curand|cusolver|cusparse)64_\d+\.dll|cudnn\w*64_\d+\.dll", re.I)
# By the names that are opened (`libcudnn.so.8`); what stands behind a link is the same file.
_SO = re.compile(r"lib(cudart|cublas|cublasLt|cufft|curand|cusolver|cusparse|cudnn\w*)\.so\.(\d+|\d+\.\d)")


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a library: its path, its size in bytes, and its version where it tells."""

    path: Path
    size_bytes: int
    version: str | None

    @property
    def release(self) -> str | None:
        """Return the first three numbers of the version."""
        return ".".join(self.version.split(".")[:3]) if self.version is not None else None


def run(host: Host, overrides: Overrides) -> Host:
    """Add a fact for each directory with CUDA libraries, and a note for each that hides another."""
    windows = os.name == "nt"
    variable = "PATH" if windows else "LD_LIBRARY_PATH"
    found = copies(directories(os.environ.get(variable, ""), os.pathsep), windows=windows)
    return replace(host, facts=(*host.facts, *facts(found, variable)), notes=(*host.notes, *notes(found, variable)))


def directories(value: str, separator: str) -> tuple[Path, ...]:
    """Split a search path into directories, each once; an empty entry is none of the user's meaning."""
    return tuple(dict.fromkeys(Path(entry.strip('"')) for entry in value.split(separator) if entry.strip('"')))


def copies(places: Iterable[Path], *, windows: bool) -> dict[str, tuple[Copy, ...]]:
    """Find every copy of a CUDA library by name, in the order of the search; links to one file count once."""
    found: dict[str, dict[Path, Path]] = {}
    for place in places:
        for path in _listed(place):
            name = path.name.lower() if windows else path.name
            if (_DLL if windows else _SO).fullmatch(name):
                found.setdefault(name, {}).setdefault(path.resolve(), path)
    return {name: tuple(_copy(path) for path in paths.values() if path.is_file()) for name, paths in found.items()}


def facts(found: Mapping[str, tuple[Copy, ...]], variable: str) -> Iterator[Fact]:
    """Name the directories that have CUDA libraries, with the version of the cuDNN in them."""
    cudnn: dict[Path, str | None] = {}
    for name, several in found.items():
        for copy in several:
            known = cudnn.setdefault(copy.path.parent, None)
            cudnn[copy.path.parent] = known or (copy.release if "cudnn" in name else None)
    for place, version in cudnn.items():
        yield Fact("cuda_libraries", f"{place}{f' (cuDNN {version})' if version else ''}", variable)


def notes(found: Mapping[str, tuple[Copy, ...]], variable: str) -> Iterator[Note]:
    """Say which copies are hidden by others that differ, and when the cuDNN that is found first is a mixture. Pure."""
    hidden: dict[tuple[Path, Path], list[str]] = {}
    for name, several in sorted(found.items()):
        for other in several[1:]:
            if _differ(several[0], other):
                hidden.setdefault((several[0].path.parent, other.path.parent), []).append(
                    f"`{name}`{_against(several[0], other)}"
                )
    for (first, second), names in hidden.items():
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        message = f"`{first}` comes before `{second}` on {variable} and hides {', '.join(names[:2])}{more} there"
        yield Note("path.shadow", message, f"take `{first}` off {variable}, or put it behind `{second}`")
    chosen = {name: several[0] for name, several in found.items() if "cudnn" in name and several}
    if len({copy.release for copy in chosen.values() if copy.release is not None}) > 1:
        shown = ", ".join(f"`{copy.path}` {copy.release}" for copy in chosen.values() if copy.release is not None)
        message = f"the files of cuDNN that {variable} leads to are of different versions ({shown})"
        yield Note("path.mixed-cudnn", message + ": convolutions will end the process", f"leave one on {variable}")


def _differ(one: Copy, other: Copy) -> bool:
    """Say whether two copies are different libraries; where a version is not known, by their sizes."""
    if one.version is not None and other.version is not None:
        return one.release != other.release
    return one.size_bytes != other.size_bytes


def _against(first: Copy, other: Copy) -> str:
    return f" ({first.release} instead of {other.release})" if first.release and other.release else ""


def _listed(place: Path) -> list[Path]:
    """List a directory; one that is not there, or may not be read, has nothing for the loader either."""
    try:
        return sorted(place.iterdir())
    except OSError:
        return []


def _copy(path: Path) -> Copy:
    try:
        version = library_version(path)
    except GpuenvError:  # no library at all: it still stands in the way of one
        version = None
    return Copy(path, path.stat().st_size, version.version if version is not None else None)
