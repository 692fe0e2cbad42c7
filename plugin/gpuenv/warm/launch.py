"""How a worker is started, and how many the machine's cores can serve."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from gpuenv.extension import CheckContext
from gpuenv.process import Child

_WORKER = Path(__file__).with_name("warm_worker.py")
# The greatest size that the driver takes (CUDA C++ Programming Guide, "CUDA Environment Variables").
_CACHE_MAX_BYTES = 4 * 2**30
# What would hide GPUs, keep the driver from compiling or caching, or make it compile what needs no compiling.
_DISTURBING = (
    "CUDA_VISIBLE_DEVICES",
    "CUDA_CACHE_DISABLE",
    "CUDA_DISABLE_PTX_JIT",
    "CUDA_DISABLE_JIT",
    "CUDA_FORCE_PTX_JIT",
    "CUDA_FORCE_JIT",
)


def start_worker(context: CheckContext, libcuda: Path, index: int) -> Child:
    """Start a worker for a GPU, counted as the probe counts; its full output is added to `warm.log`."""
    argv: list[str | Path] = [sys.executable, "-I", "-S", _WORKER, libcuda, str(index)]
    return Child(argv, env=_worker_environment(context.environment), log=context.log_dir / "warm.log")


def _worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a worker: those of the environment, with a driver that compiles everything it loads."""
    kept = {name: value for name, value in environment.items() if name not in _DISTURBING}
    return {
        **kept,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as the probe counts them
        "CUDA_MODULE_LOADING": "EAGER",
        "CUDA_CACHE_MAXSIZE": str(_CACHE_MAX_BYTES),
    }


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may use: by its affinity, and by the limit of its container.

    Sample of `cpu.max` (control groups, version 2): `400000 100000`, that is 4 cores; `max 100000` is no limit.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores
