"""Whether the GPU code of an environment is ready for this machine's GPUs."""

from __future__ import annotations

from pathlib import Path

from gpuenv.gpu_code import service_of
from gpuenv.model import GpuReadiness, Host, Recipe, parse_compute_capability
from gpuenv.paths import warm_record_path
from gpuenv.warm.gpus import keys_of
from gpuenv.warm.record import Key, read_record


def readiness(prefix: Path, recipe: Recipe, cache_dir: str | None, host: Host) -> GpuReadiness:
    """Say `native`, `warm` or `cold`, the worst of all GPUs; `unknown` without a GPU, or for one that nothing fits.

    Takes milliseconds: what was written down is believed, and no library is read.
    """
    machine_code = [parse_compute_capability(code) for code in recipe.gpu.machine_code]
    ptx = [parse_compute_capability(recipe.gpu.ptx)] if recipe.gpu.ptx else []
    record = read_record(warm_record_path(prefix))
    states: set[GpuReadiness] = set()
    for key in keys_of(host, cache_dir or ""):
        service = service_of(parse_compute_capability(key.gpu), machine_code, ptx)
        if service == "native":
            states.add("native")
        elif service == "ptx" and cache_dir:
            entry = record.entry(Key(key.gpu, key.driver, cache_dir))
            states.add("warm" if entry is not None and entry.complete else "cold")
        else:
            states.add("unknown" if service is None else "cold")
    order: tuple[GpuReadiness, ...] = ("unknown", "cold", "warm", "native")
    return next((state for state in order if state in states), "unknown")
