"""What is here: the machine as the probes found it."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version

ComputeCapability = tuple[int, int]


def parse_compute_capability(text: str) -> ComputeCapability:
    """Read `8.6` into `(8, 6)`.

    Raises ValueError when the text is not two numbers joined by a dot.
    """
    major, dot, minor = text.strip().partition(".")
    if not (dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise ValueError(f"expected a compute capability such as `8.6`, found `{text}`")
    return int(major), int(minor)


def format_compute_capability(capability: ComputeCapability) -> str:
    """Print `(8, 6)` as `8.6`."""
    return f"{capability[0]}.{capability[1]}"


def format_driver_version(version: Version) -> str:
    """Print a driver version as NVIDIA does, with two digits behind each dot: `470.57.02`, not `470.57.2`."""
    return ".".join([str(version.major), *(f"{number:02d}" for number in version.release[1:])])


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU. What a source could not tell is None, never a guess."""

    index: int
    name: str | None
    compute_capability: ComputeCapability | None
    memory_bytes: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Driver:
    """The NVIDIA driver: its own version, and the CUDA driver API that `cuDriverGetVersion` reports."""

    driver_version: Version | None
    cuda_driver_api: Version | None
    source: str


@dataclass(frozen=True, slots=True)
class PythonInterpreter:
    """An installed Python; `source` says who installed or named it (`pyenv`, `conda`, `uv`, `path`, ...)."""

    path: str
    version: Version
    source: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something else that a probe found, by name: `os`, `glibc`, `wsl`, `container`, `shell`, `disk_free_bytes`, ..."""

    name: str
    value: str | int | bool
    source: str


@dataclass(frozen=True, slots=True)
class Toolkit:
    """An installed CUDA Toolkit: its directory, its version, and which file told it.

    `cudnn_header` is the version of the cuDNN headers in it, `cudnn_files` that of each library of cuDNN that tells it.
    """

    path: str
    version: str
    source: str
    cudnn_header: str | None = None
    cudnn_files: tuple[tuple[str, str], ...] = ()

    @property
    def cudnn(self) -> str | None:
        """Return the one version of cuDNN in it, of its libraries before its headers; None without, or with several."""
        versions = {".".join(version.split(".")[:3]) for _, version in self.cudnn_files}
        if versions:
            return versions.pop() if len(versions) == 1 else None
        return self.cudnn_header


@dataclass(frozen=True, slots=True)
class Note:
    """Something in the way, or odd, that a probe noticed: a stable code, one sentence, and what to do."""

    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the user says the machine has, instead of what it has (`--gpu 8.6 --driver 460.89`, `CONDA_OVERRIDE_*`).

    `gpus` holds compute capabilities; None means "not overridden", an empty tuple "pretend there is no GPU".
    `source` is the option or variable the values came from.
    """

    gpus: tuple[ComputeCapability, ...] | None = None
    driver_version: Version | None = None
    cuda_driver_api: Version | None = None
    source: str = "override"


@dataclass(frozen=True, slots=True)
class Host:
    """The machine. `platform` is a conda subdir (`linux-64`, `win-64`, `linux-aarch64`, ...)."""

    platform: str
    gpus: tuple[Gpu, ...] = ()
    driver: Driver | None = None
    pythons: tuple[PythonInterpreter, ...] = ()
    facts: tuple[Fact, ...] = ()
    notes: tuple[Note, ...] = ()

    def fact(self, name: str) -> str | int | bool | None:
        """Return the value of the first fact of that name, or None when nobody found it."""
        return next((fact.value for fact in self.facts if fact.name == name), None)

    def note(self, code: str) -> Note | None:
        """Return the note of that code, or None."""
        return next((note for note in self.notes if note.code == code), None)
