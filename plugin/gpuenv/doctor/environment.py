"""What an environment is made of, as rules see it: values only, read from files without running anything."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from packaging.version import InvalidVersion, Version

from gpuenv.binaries import GpuCodeSummary
from gpuenv.model import Gpu

# Distributions that bring TensorFlow; they write into the same directory.
TENSORFLOWS = ("tensorflow", "tensorflow-gpu", "tensorflow-cpu", "tensorflow-intel", "tf-nightly")


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed Python package, by its metadata. `requires` is read for frameworks only."""

    name: str
    version: str
    info_dir: Path
    installer: str = ""
    tag: str = ""
    requires: tuple[str, ...] = ()

    @property
    def parsed(self) -> Version:
        """Return the version as one that compares; an odd one is 0."""
        try:
            return Version(self.version)
        except InvalidVersion:
            return Version("0")


@dataclass(frozen=True, slots=True)
class Library:
    """A library that the framework opens, and what was found by that name. `path` is None when nothing was.

    `problem` says why the file cannot be loaded: `dangling` (a link to nowhere), `damaged`; None for a good one.
    `needs` are libraries that it needs and that are nowhere. `elsewhere` is a file of that name in the environment,
    where the framework does not look.
    """

    name: str
    path: Path | None
    later: bool = False
    problem: Literal["dangling", "damaged"] | None = None
    soname: str | None = None
    version: str | None = None
    needs: tuple[str, ...] = ()
    elsewhere: Path | None = None

    @property
    def usable(self) -> bool:
        """Say whether there is a file that can be loaded."""
        return self.path is not None and self.problem is None


@dataclass(frozen=True, slots=True)
class TensorFlow:
    """TensorFlow in an environment. `loader` is the file that opens libraries; `code` None when it was not read."""

    version: Version
    package: Path
    loader: Path | None
    search_kind: str | None = None
    libraries: tuple[Library, ...] = ()
    code: GpuCodeSummary | None = None


@dataclass(frozen=True, slots=True)
class Torch:
    """PyTorch in an environment, and whether it has its CUDA library."""

    version: str
    has_cuda: bool


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment as it lies on disk, with the variables and GPUs that its programs would meet.

    `variables` are the ones that matter to loaders. `receipt_links` are the links that gpuenv made and that are gone.
    `left_over` are what an interrupted pip leaves, `openmp` the copies of Intel's and LLVM's OpenMP runtime.
    `made_at` is the directory that its activation scripts name, None where they name none.
    """

    prefix: Path
    kind: Literal["gpuenv", "conda", "venv", "python"]
    platform: str
    python: Path
    python_version: str
    site_packages: tuple[Path, ...]
    python_works: bool = True
    made_at: Path | None = None
    distributions: tuple[Distribution, ...] = ()
    conda_packages: Mapping[str, str] = field(default_factory=dict)
    tensorflow: TensorFlow | None = None
    torch: Torch | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    shadowing: Mapping[str, Path] = field(default_factory=dict)
    driver_libraries: tuple[Path, ...] = ()
    openmp: tuple[Path, ...] = ()
    not_executable: tuple[Path, ...] = ()
    left_over: tuple[Path, ...] = ()
    user_site: tuple[Distribution, ...] = ()
    receipt_links: tuple[tuple[str, str], ...] = ()
    missing_startup: tuple[str, ...] = ()
    gpus: tuple[Gpu, ...] = ()

    @property
    def install(self) -> str:
        """Return the beginning of a command that installs packages; an environment that uv made has no pip."""
        python = shlex.quote(str(self.python)) if self.platform.startswith("linux") else str(self.python)
        return f"{python} -m pip install" if self.one("pip") else f"uv pip install --python {python}"

    def all(self, *names: str) -> list[Distribution]:
        """Return the installed distributions of these names."""
        return [it for it in self.distributions if it.name in names]

    def one(self, *names: str) -> Distribution | None:
        """Return the first installed distribution of these names."""
        return next(iter(self.all(*names)), None)
