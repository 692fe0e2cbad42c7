"""Fake NVIDIA drivers, built from C when a test wants them: real shared libraries, loaded by the real child process."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLACES = {"nvml": "libnvidia-ml.so.1", "libcuda": "libcuda.so.1"}

Build = Callable[..., Path]


@pytest.fixture(scope="session")
def build_driver(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a function that builds `nvml` or `libcuda` with the given macros, once a session."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or os.name == "nt":
        pytest.skip("needs a C compiler on Linux: `sudo apt install gcc`")
    folder = tmp_path_factory.mktemp("drivers")

    def build(kind: str, *macros: str) -> Path:
        library = folder / f"{kind}-{'-'.join(macros).replace('=', '')}.so"
        if not library.exists():
            defines = [f"-D{macro}" for macro in macros]
            source = HERE / f"fake_{kind}.c"
            subprocess.run([compiler, "-shared", "-fPIC", "-w", *defines, "-o", library, source], check=True)
        return library

    return build


@pytest.fixture
def install_driver(build_driver: Build, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that puts such a library where the loader of a machine with root `tmp_path` looks."""

    def install(kind: str, *macros: str, into: str = "usr/lib/x86_64-linux-gnu") -> Path:
        place = tmp_path / into / PLACES[kind]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(build_driver(kind, *macros), place)
        return place

    return install
