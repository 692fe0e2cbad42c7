"""Fake NVIDIA drivers, built from C when a test wants them: real shared libraries, loaded by the real child process."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gpuenv import process

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


@pytest.fixture(scope="session")
def answers() -> dict[object, process.Completed]:
    """What drivers have answered: the same library in the same environment says the same, so each is asked once."""
    return {}


@pytest.fixture
def asked_once(answers: dict[object, process.Completed], monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no second child that asks the same library; one that crashes, hangs or fails is asked each time."""
    really_run = process.run

    def run(argv: Sequence[str | Path], *, env: Mapping[str, str], **more: Any) -> process.Completed:
        if Path(argv[-3]).name != "ask_driver.py":
            return really_run(argv, env=env, **more)
        variables = tuple(
            sorted((name, value) for name, value in env.items() if name not in ("PATH", "LD_LIBRARY_PATH"))
        )
        question = (argv[-2], Path(argv[-1]).read_bytes(), variables)
        if question not in answers:
            done = really_run(argv, env=env, **more)
            if not done.ok:
                return done
            answers[question] = done
        return answers[question]

    monkeypatch.setattr(process, "run", run)


@pytest.fixture
def install_driver(build_driver: Build, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that puts such a library where the loader of a machine with root `tmp_path` looks."""

    def install(kind: str, *macros: str, into: str = "usr/lib/x86_64-linux-gnu") -> Path:
        place = tmp_path / into / PLACES[kind]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(build_driver(kind, *macros), place)
        return place

    return install
