"""The conda that tests run against: named by GPUENV_TEST_CONDA, else the one on PATH."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

SKIP = "set GPUENV_TEST_CONDA to a conda, or put one on PATH, to run this"


@dataclass(frozen=True)
class Said:
    """How a run of conda ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


@dataclass(frozen=True)
class RealConda:
    """A conda with settings, environments and package cache of the test's own."""

    program: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: object, **variables: str) -> Said:
        ended = subprocess.run(
            [str(self.program), *map(str, arguments)],
            env={**os.environ, **self.variables, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return Said(ended.returncode, ended.stdout, ended.stderr)

    @property
    def version(self) -> Version:
        return Version(self("--version").out.split()[-1])

    @property
    def envs(self) -> Path:
        return self.home / "envs"


def find_conda() -> Path:
    """Return the conda to test with, or skip."""
    found = os.environ.get("GPUENV_TEST_CONDA") or shutil.which("conda")
    if not found:
        pytest.skip(SKIP)
    return Path(found)


def make_conda(home: Path, channel: str) -> RealConda:
    """Keep the user's settings away, and name the test's channel; the solver stays the one that this conda has."""
    program = find_conda()
    solver = subprocess.run(
        [program, "config", "--show", "solver", "--json"], capture_output=True, text=True, check=False
    )
    settings = {"channels": [channel], "envs_dirs": [str(home / "envs")], "pkgs_dirs": [str(home / "pkgs")]}
    settings |= json.loads(solver.stdout) if solver.returncode == 0 else {}
    home.mkdir()
    condarc = home / "condarc.yaml"
    condarc.write_text(json.dumps(settings))
    variables = {
        "CONDARC": str(condarc),
        "CONDA_ENVS_DIRS": str(home / "envs"),
        "CONDA_PKGS_DIRS": str(home / "pkgs"),
        "CONDA_ADD_PIP_AS_PYTHON_DEPENDENCY": "false",
        "CONDA_OVERRIDE_CUDA": "11.0",
        "CONDA_REGISTER_ENVS": "true",
        "HOME": str(home),
    }
    return RealConda(program, home, variables)
