"""Which GPUs of a machine code can be compiled for, and what compiled code is good for."""

from __future__ import annotations

from gpuenv.model import ComputeCapability, Gpu, Host, format_compute_capability, format_driver_version
from gpuenv.warm.record import Key


def can_warm(host: Host) -> bool:
    """Say whether this machine can compile for a GPU: it has a driver, and a GPU that was found and not only named."""
    return host.driver is not None and bool(real_gpus(host))


def keys_of(host: Host, cache_dir: str) -> tuple[Key, ...]:
    """Return what code has to be compiled for on this machine, once for each architecture; empty without a GPU."""
    return tuple(dict.fromkeys(key_of(gpu, host, cache_dir) for gpu in real_gpus(host) if host.driver is not None))


def key_of(gpu: Gpu, host: Host, cache_dir: str) -> Key:
    """Return what code is good for that is compiled on one of `real_gpus`."""
    found = host.driver.driver_version if host.driver else None
    driver = format_driver_version(found) if found else "unknown"
    return Key(format_compute_capability(capability_of(gpu)), driver, cache_dir)


def real_gpus(host: Host) -> list[Gpu]:
    """Return the GPUs that were found, not only named, and whose compute capability is known."""
    return [gpu for gpu in host.gpus if gpu.compute_capability is not None and gpu.source != "override"]


def capability_of(gpu: Gpu) -> ComputeCapability:
    """Return the compute capability of one of `real_gpus`."""
    assert gpu.compute_capability is not None, "only GPUs of a known capability are candidates"
    return gpu.compute_capability
