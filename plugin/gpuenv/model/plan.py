"""What shall be done: the request, the choice among recipes, and the plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.version import Version

from gpuenv.model.artifact import NO_ARTIFACTS, Artifacts
from gpuenv.model.host import ComputeCapability, Host, PythonInterpreter
from gpuenv.model.recipe import LoadedRecipe, Recipe, Source, Variable

GpuCode = Literal["native", "ptx", "unknown"]


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for; None means "gpuenv chooses".

    `channels` are conda channels that come before the recipe's, or with `override_channels` instead of them. `onto` is
    an environment that is there already: the stack is added to it, or to a clone of it. `artifacts` matter to sources
    that take NVIDIA's own files.
    """

    recipe: str | None = None
    framework: str | None = None
    framework_version: str | None = None
    python: str | None = None
    cuda_from: str | None = None
    platform: str | None = None
    allow_cpu: bool = False
    channels: tuple[str, ...] = ()
    override_channels: bool = False
    onto: Path | None = None
    artifacts: Artifacts = NO_ARTIFACTS


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a recipe, or one of its sources, does not fit: a stable code, a sentence, the smallest change that helps."""

    code: str
    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A recipe that does not fit, with every reason; `source` is None when no source of it could help."""

    recipe: str
    source: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class GpuService:
    """How one GPU is served: by machine code in the framework, or by compiling its PTX at first use."""

    index: int
    name: str | None
    compute_capability: ComputeCapability
    code: GpuCode


@dataclass(frozen=True, slots=True)
class Choice:
    """The recipe that fits, by which source, on which Python; and every other with the reasons it was rejected.

    `python` is None when no installed Python fits: the engine then has to bring `python_version`.
    """

    loaded: LoadedRecipe
    source_name: str
    python_version: str
    python: PythonInterpreter | None
    gpus: tuple[GpuService, ...]
    rejected: tuple[Rejection, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """Return the chosen recipe itself."""
        return self.loaded.recipe

    @property
    def source(self) -> Source:
        """Return the chosen source of the recipe."""
        return self.loaded.recipe.sources[self.source_name]


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned package of a lock; `hashes` are `sha256:...` texts."""

    name: str
    version: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """One conda package of a lock: which file of which channel, with the hashes that its repodata gives (hex).

    `channel` is the channel's name, or its address where it has no name; never with a token in it. `requested` says
    that the recipe asks for it, others are there because one needs them. `size_bytes` is that of the file.
    """

    name: str
    version: str
    build: str
    channel: str
    subdir: str
    file_name: str
    sha256: str | None = None
    md5: str | None = None
    size_bytes: int | None = None
    requested: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an engine shall solve. With `measure` it also installs once, to learn the size on disk.

    `requirements` are the Python packages; when there are none, a lock has them already and only the conda part is to
    be solved. `conda_specs` are conda packages, Python among them, from `channels` (first wins); an engine that does
    not install conda packages leaves them alone. `cuda_driver_api` is what the driver of the machine that the
    environment is for knows (conda's `__cuda`), None when it has none. `python` is an installed interpreter of that
    version, for what has to be built to be looked at; None without one. `onto` is an environment whose own packages
    stay: then the conda packages are its own, with what is added. `glibc_min` is the oldest glibc to serve on Linux,
    None for that of the engine.
    """

    requirements: tuple[str, ...]
    platform: str
    python_version: str
    measure: bool = False
    conda_specs: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    cuda_driver_api: Version | None = None
    python: str | None = None
    onto: Path | None = None
    glibc_min: str | None = None


@dataclass(frozen=True, slots=True)
class Solved:
    """What an engine's solver found: a requirements text with hashes, the solver's name and version, sizes in bytes.

    The sizes are those of the Python packages; conda packages carry their own.
    """

    text: str
    tool: str
    download_bytes: int | None = None
    installed_bytes: int | None = None
    conda_packages: tuple[CondaPackage, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """Hash-pinned packages for one recipe, source, platform and Python.

    `text` is a requirements file with no index address in it; conda packages are comments there. Sizes are in bytes,
    None when the index did not tell; `installed_bytes` leaves conda packages out. `origin` is the file it was read
    from, or `solved` when it was made just now. `conda_packages` are empty where no engine has solved them yet.
    """

    text: str
    packages: tuple[Package, ...]
    origin: str
    pypi_bytes: int | None = None
    installed_bytes: int | None = None
    conda_packages: tuple[CondaPackage, ...] = ()

    @property
    def conda_bytes(self) -> int | None:
        """Return the size of all conda packages' files in bytes, None when that of one is not known."""
        sizes = [package.size_bytes for package in self.conda_packages]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def download_bytes(self) -> int | None:
        """Return what may have to be downloaded, Python and conda packages together."""
        pypi, conda = self.pypi_bytes, self.conda_bytes
        return None if pypi is None or conda is None else pypi + conda


@dataclass(frozen=True, slots=True)
class Change:
    """A Python package of an environment that is there already, and the version that the stack puts in its place."""

    name: str
    installed: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything `create` is going to do, before it does any of it.

    `name` is None for an environment given by path. `checks` are the names to run after building, in order.
    `environment` is the recipe's and the source's variables together, still with `{prefix}` and `{cuda_dir}` in them.
    `onto` is the environment that is added to: at `prefix`, or cloned to there first; `changes` are what is replaced.
    """

    host: Host
    choice: Choice
    lock: Lock
    engine: str
    prefix: Path
    name: str | None
    platform: str
    checks: tuple[str, ...]
    onto: Path | None = None
    changes: tuple[Change, ...] = ()
    artifacts: Artifacts = NO_ARTIFACTS

    @property
    def adds(self) -> bool:
        """Say whether the stack goes into an environment that is there already and stays."""
        return self.onto == self.prefix

    @property
    def environment(self) -> dict[str, Variable]:
        """Return the variables of recipe and source, the source's winning."""
        return self.choice.recipe.variables(self.choice.source_name)


@dataclass(frozen=True, slots=True)
class Built:
    """An environment as an engine leaves it; all paths are absolute. `conda` says that it is a conda prefix."""

    prefix: Path
    python: Path
    python_version: Version
    site_packages: Path
    platform: str
    conda: bool = False


@dataclass(frozen=True, slots=True)
class CudaFiles:
    """Where a source's CUDA and cuDNN libraries lie; `cuda_dir` holds `bin/ptxas` and `nvvm/libdevice`, or is None."""

    library_dirs: tuple[Path, ...]
    cuda_dir: Path | None
