"""Say which libraries that CUDA builds need are on a Windows machine: the Visual C++ runtime, and zlib for cuDNN."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gpuenv.model import Fact, Host, Overrides

# TensorFlow since 2.1 needs both (tensorflow.org/install/pip): msvcp140_1.dll came with Visual C++ 2019.
SYSTEM_DLLS = ("msvcp140.dll", "msvcp140_1.dll")
# cuDNN 8.3 and later on Windows loads it from PATH (NVIDIA's cuDNN installation guide).
PATH_DLLS = ("zlibwapi.dll",)


def run(host: Host, overrides: Overrides) -> Host:
    """Add the facts to the host, on Windows only."""
    if not host.platform.startswith("win-"):
        return host
    return replace(host, facts=(*host.facts, *dll_facts(os.environ)))


def dll_facts(environ: Mapping[str, str], *, separator: str = ";") -> Iterator[Fact]:
    """Say for each library whether it is there, as `dll:msvcp140.dll` True or False."""
    system = Path(environ.get("SystemRoot", r"C:\Windows"), "System32")
    for name in SYSTEM_DLLS:
        yield Fact(f"dll:{name}", (system / name).is_file(), str(system))
    directories = [Path(entry) for entry in environ.get("PATH", "").split(separator) if entry]
    for name in PATH_DLLS:
        found = next((directory for directory in directories if (directory / name).is_file()), None)
        yield Fact(f"dll:{name}", found is not None, str(found) if found is not None else "PATH")
