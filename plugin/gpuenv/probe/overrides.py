"""What the user says the machine has: options `--gpu` and `--driver`, variables `CONDA_OVERRIDE_CUDA[_ARCH]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gpuenv.errors import UsageError
from gpuenv.model import ComputeCapability, Driver, Gpu, Host, Note, Overrides
from gpuenv.probe.override_values import (
    ARCH_VARIABLE,
    CUDA_VARIABLE,
    GPU_EXAMPLES,
    capability,
    cuda_driver_api,
    driver_version,
    gpu,
)

SOURCE = "override"


def overrides_from(gpus: Sequence[str], driver: str | None, environ: Mapping[str, str]) -> Overrides:
    """Read the options `--gpu` (each value) and `--driver`, and conda's variables; options win over variables.

    `--gpu` is a compute capability (`8.6`), a product (`RTX 3080`) or `none`. `CONDA_OVERRIDE_CUDA` is the CUDA driver
    API as conda's `__cuda`; empty means "no driver at all", as it does to conda, which then has no `__cuda`. It
    takes the place of what the driver says, in both directions. `CONDA_OVERRIDE_CUDA_ARCH` is the lowest compute
    capability of all GPUs as conda's `__cuda_arch`, taken as one GPU; empty means "no GPU".

    Raises UsageError for a value that is none of these.
    """
    cuda, arch = environ.get(CUDA_VARIABLE), environ.get(ARCH_VARIABLE)
    if cuda is not None and not cuda.strip() and not gpus and driver is None:
        return Overrides(gpus=(), source=CUDA_VARIABLE)
    capabilities = version = api = None
    sources: list[str] = []
    if gpus:
        capabilities = _gpus(gpus)
        sources.append("--gpu")
    elif arch is not None:
        capabilities = (capability(arch.strip(), ARCH_VARIABLE),) if arch.strip() else ()
        sources.append(ARCH_VARIABLE)
    if driver is not None:
        version = driver_version(driver)
        sources.append("--driver")
    elif cuda is not None and cuda.strip():
        api = cuda_driver_api(cuda.strip())
        sources.append(CUDA_VARIABLE)
    return Overrides(capabilities, version, api, ", ".join(sources) or SOURCE)


def run(host: Host, overrides: Overrides) -> Host:
    """Put what the user said over what was found. GPUs get no name and no memory; notes on the real ones go."""
    if overrides.gpus is not None:
        host = _with_gpus(host, overrides.gpus, overrides.source)
    if overrides.driver_version is not None or overrides.cuda_driver_api is not None:
        host = replace(host, driver=_driver(host.driver, overrides))
    return host


def _with_gpus(host: Host, gpus: Sequence[ComputeCapability], source: str) -> Host:
    notes = tuple(note for note in host.notes if not note.code.startswith("gpu."))
    if not gpus:
        none = Note("gpu.none", f"no NVIDIA GPU is assumed, as `{source}` says", f"leave out `{source}`")
        return replace(host, gpus=(), driver=None, notes=(*notes, none))
    described = tuple(Gpu(index, None, capability, None, SOURCE) for index, capability in enumerate(gpus))
    return replace(host, gpus=described, notes=notes)


def _driver(found: Driver | None, overrides: Overrides) -> Driver:
    """Return the driver the user named. What they left out stays only where it belongs to the same driver."""
    if overrides.driver_version is None:
        same = found is not None and found.cuda_driver_api == overrides.cuda_driver_api
        return Driver(found.driver_version if found and same else None, overrides.cuda_driver_api, SOURCE)
    api = overrides.cuda_driver_api
    if api is None and found is not None and found.driver_version == overrides.driver_version:
        api = found.cuda_driver_api
    return Driver(overrides.driver_version, api, SOURCE)


def _gpus(values: Sequence[str]) -> tuple[ComputeCapability, ...]:
    if any(value.strip().lower() == "none" for value in values):
        if len(values) > 1:
            raise UsageError("`--gpu none` cannot be combined with another `--gpu`", hints=[GPU_EXAMPLES])
        return ()
    return tuple(gpu(value.strip()) for value in values)
