"""Say which libraries that CUDA builds need are on a Windows machine: the Visual C++ runtime, and zlib for cuDNN."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gpuenv.model import Fact, Host, Overrides
from gpuenv.probe import visual_cpp
from gpuenv.registry import Registry, this_registry

# TensorFlow since 2.1 needs both (tensorflow.org/install/pip): msvcp140_1.dll came with Visual C++ 2019.
SYSTEM_DLLS = ("msvcp140.dll", "msvcp140_1.dll")
# cuDNN 8.3 and later on Windows loads it from PATH (NVIDIA's cuDNN installation guide).
PATH_DLLS = ("zlibwapi.dll",)


def run(host: Host, overrides: Overrides) -> Host:
    """Add the facts to the host, on Windows only."""
    if not host.platform.startswith("win-"):
        return host
    host = replace(host, facts=(*host.facts, *dll_facts(os.environ)))
    return with_runtime(host, this_registry(), system_dir(os.environ)) if os.name == "nt" else host


def with_runtime(host: Host, registry: Registry, system: Path) -> Host:
    """Add what there is of the Visual C++ runtime, and what is wrong with it."""
    found = tuple(visual_cpp.facts(registry, system))
    wrong = tuple(visual_cpp.notes(visual_cpp.registered(registry), visual_cpp.in_files(system)))
    return replace(host, facts=(*host.facts, *found), notes=(*host.notes, *wrong))


def system_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory of Windows' own libraries."""
    return Path(environ.get("SystemRoot", r"C:\Windows"), "System32")


def dll_facts(environ: Mapping[str, str], *, separator: str = ";") -> Iterator[Fact]:
    """Say for each library whether it is there, as `dll:msvcp140.dll` True or False."""
    system = system_dir(environ)
    for name in SYSTEM_DLLS:
        yield Fact(f"dll:{name}", (system / name).is_file(), str(system))
    directories = [Path(entry) for entry in environ.get("PATH", "").split(separator) if entry]
    for name in PATH_DLLS:
        found = next((directory for directory in directories if (directory / name).is_file()), None)
        yield Fact(f"dll:{name}", found is not None, str(found) if found is not None else "PATH")
