"""What was done and what was proven: staged files, check results, the receipt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from gpuenv.model.host import ComputeCapability

CheckStatus = Literal["ok", "failed", "not run"]
FileKind = Literal["symlink", "hardlink", "copy", "text"]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file gpuenv put into an environment; paths are relative to the prefix, with `/`.

    `target` is what a link points to (relative to the prefix when inside it). `sha256` is of a text file's content.
    `original` is the text that a changed file had before, None for a new file.
    """

    path: str
    kind: FileKind
    target: str | None = None
    sha256: str | None = None
    original: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Every file that staging and activation made or changed, in the order they were made."""

    files: tuple[StagedFile, ...] = ()

    def __add__(self, other: Manifest) -> Manifest:
        """Return one manifest with the files of both."""
        return Manifest(self.files + other.files)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. `activated` says whether it ran in an activated shell; None where that makes no difference.

    `message` is one line for people; `cause` names the fact in the way, `hint` the command that helps; `evidence` is
    numbers, versions and the paths of the libraries that were really mapped.
    """

    check: str
    status: CheckStatus
    message: str
    activated: bool | None = None
    elapsed_s: float = 0.0
    cause: str | None = None
    hint: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailedModule:
    """A module of GPU code that was not compiled: the library, the offset in it in bytes, and why."""

    library: str
    offset: int
    reason: str
    elapsed_s: float


GpuReadiness = Literal["native", "warm", "cold", "unknown"]


@dataclass(frozen=True, slots=True)
class Shared:
    """A compute cache that was written to a file or taken from one; sizes in bytes.

    `compiled_for` names GPU architectures with their drivers: `9.0 with driver 580.159.04`.
    """

    file: str
    file_bytes: int
    cache_bytes: int
    compiled_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Warmed:
    """What was compiled ahead for one GPU.

    `modules` is what it has no machine code for; of these `known` were compiled earlier and `compiled` now, and `left`
    were not tried when the time was up. `failed` are those whose worker died, hung or lost the GPU: another try may
    succeed. `refused` are those that the driver itself has no use for on this GPU. `summed_s` adds up the seconds of
    the single modules. The sizes are those of the compute cache, in bytes. `nothing` says why there was nothing to do,
    None when there was.
    """

    gpu_index: int
    gpu_name: str | None
    compute_capability: ComputeCapability
    modules: int
    known: int
    elapsed_s: float
    cache_dir: str
    cache_before_bytes: int
    cache_after_bytes: int
    compiled: int = 0
    left: int = 0
    failed: tuple[FailedModule, ...] = ()
    refused: tuple[FailedModule, ...] = ()
    workers: int = 0
    summed_s: float = 0.0
    longest_s: float = 0.0
    longest: str | None = None
    nothing: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What gpuenv did in an environment, in `etc/gpuenv/receipt.json`; the field order is the file's order.

    `entries` are the paths in the prefix that gpuenv and its engine made; `remove` keeps everything else.
    `conda_packages` are `channel/subdir/file`. `gpu_code` says whether the framework's GPU code was ready for this
    machine's GPUs: machine code (`native`), compiled ahead (`warm`), or to be compiled at first use (`cold`).
    """

    gpuenv_receipt_version: str
    gpuenv_version: str
    created: str
    name: str | None
    prefix: str
    recipe: str
    recipe_origin: str
    framework: str
    framework_version: str
    source: str
    cuda_toolkit: str
    cudnn: str
    platform: str
    python_version: str
    python_base: str
    engine: str
    lock_origin: str
    lock_sha256: str
    packages: tuple[str, ...]
    gpus: tuple[str, ...]
    driver_version: str | None
    entries: tuple[str, ...]
    checks: tuple[CheckResult, ...]
    manifest: Manifest
    warnings: tuple[str, ...] = ()
    conda_packages: tuple[str, ...] = ()
    gpu_code: GpuReadiness = "unknown"
