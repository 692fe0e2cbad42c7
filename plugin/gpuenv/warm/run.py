"""The step `warm`: find what to compile for a GPU, have it compiled, and write down what was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from gpuenv.errors import GpuenvError, Hint, NoGpuError, UsageError
from gpuenv.extension import CheckContext
from gpuenv.model import (
    Gpu,
    Host,
    Progress,
    Reporter,
    Warmed,
    Warned,
    format_compute_capability,
)
from gpuenv.paths import warm_record_path
from gpuenv.warm.crew import Crew, Limits
from gpuenv.warm.gpus import capability_of, key_of, real_gpus
from gpuenv.warm.launch import start_worker, usable_cores
from gpuenv.warm.modules import Module, Scanned, find_libraries, plan_modules, scan
from gpuenv.warm.options import WarmOptions
from gpuenv.warm.record import Entry, Key, cache_bytes, read_record, still_done, write_entry

# The longest module of TensorFlow 2.4.0 took 61 s on an H100's machine; five times that on a slow one is no hang.
_MODULE_S = 300.0
_REPORT_EVERY_S = 2.0


def compile_all(context: CheckContext, libcuda: Path | None, options: WarmOptions, report: Reporter) -> Warmed:
    """Compile what a GPU lacks machine code for; see `gpuenv.warm.warm`."""
    started = time.monotonic()
    gpus = _candidates(context.host, options.gpu_index)
    if libcuda is None:
        raise NoGpuError("the CUDA driver library was not found", cause="nothing can be compiled without the driver")
    cache_dir = cache_dir_of(context)
    libraries = {str(it.path): it for it in find_libraries(context)}
    states = {path: library.state for path, library in libraries.items()}
    record = read_record(warm_record_path(context.built.prefix))
    keys = [(gpu, key_of(gpu, context.host, cache_dir)) for gpu in gpus]
    known = {key: record.entry(key) for _, key in keys}
    fresh = [
        (gpu, entry) for gpu, key in keys if (entry := known[key]) and entry.complete and entry.libraries == states
    ]
    if len(fresh) == len(gpus):
        gpu, entry = next((it for it in fresh if it[1].modules), fresh[0])
        return _nothing(gpu, entry, started)
    scanned, problems = scan(libraries.values())
    for problem in problems:
        report(Warned(problem))
    gpu, key, todo = _first_to_compile(keys, known, scanned, states)
    entry = Entry(key, states, len(plan_modules(scanned, capability_of(gpu))), still_done(known[key], states), 0)
    if not todo:
        _write(context, entry, entry.done)
        return _nothing(gpu, entry, started)
    crew = Crew(todo, partial(start_worker, context, libcuda, gpu.index), _limits(options))
    crew.on_change = _reporting(report)
    return _compile(context, gpu, entry, crew, started)


def _compile(context: CheckContext, gpu: Gpu, entry: Entry, crew: Crew, started: float) -> Warmed:
    """Let the crew work; whatever ends it, Ctrl-C too, what is done is written down."""
    cache_dir = Path(entry.key.cache_dir)
    before = cache_bytes(cache_dir)
    cache_dir.mkdir(parents=True, exist_ok=True)
    context.log_dir.mkdir(parents=True, exist_ok=True)
    (context.log_dir / "warm.log").write_bytes(b"")
    try:
        crew.work()
    finally:
        _write(context, entry, _done(entry, crew))
    if crew.stopped is not None and not crew.most_at_once:
        raise GpuenvError(
            f"no GPU code could be compiled for GPU {gpu.index} `{gpu.name}`",
            cause=crew.stopped,
            hints=[Hint("warm.info", "run `gpuenv info` to see what it finds of the driver")],
            log_path=str(context.log_dir / "warm.log"),
        )
    longest = max(crew.compiled, key=lambda it: it.elapsed_s, default=None)
    return replace(
        _result(gpu, entry, started),
        compiled=len(crew.compiled),
        left=crew.left,
        failed=tuple(crew.failed),
        refused=tuple(crew.refused),
        workers=crew.most_at_once,
        summed_s=round(sum(it.elapsed_s for it in crew.compiled), 3),
        longest_s=longest.elapsed_s if longest else 0.0,
        longest=f"{longest.module.library.name} at {longest.module.offset:#x}" if longest else None,
        cache_before_bytes=before,
    )


def _done(entry: Entry, crew: Crew) -> dict[str, list[int]]:
    """Add what a crew did to what was done; what the driver refuses, it will refuse again, so that counts as done."""
    done = {path: list(offsets) for path, offsets in entry.done.items()}
    compiled = [(str(it.module.library), it.module.offset) for it in crew.compiled]
    for path, offset in (*compiled, *((it.library, it.offset) for it in crew.refused)):
        done.setdefault(path, []).append(offset)
    return done


def _nothing(gpu: Gpu, entry: Entry, started: float) -> Warmed:
    """Make the result of a run that found nothing to compile."""
    capability = format_compute_capability(capability_of(gpu))
    reason = f"machine code for {capability} is in the framework"
    if entry.modules:
        reason = f"all {entry.modules} modules are compiled for {capability} with driver {entry.key.driver}"
    return replace(_result(gpu, entry, started), nothing=reason)


def _result(gpu: Gpu, entry: Entry, started: float) -> Warmed:
    size = cache_bytes(Path(entry.key.cache_dir))
    return Warmed(
        gpu_index=gpu.index,
        gpu_name=gpu.name,
        compute_capability=capability_of(gpu),
        modules=entry.modules,
        known=sum(map(len, entry.done.values())),
        elapsed_s=round(time.monotonic() - started, 3),
        cache_dir=entry.key.cache_dir,
        cache_before_bytes=size,
        cache_after_bytes=size,
    )


def _write(context: CheckContext, entry: Entry, done: dict[str, list[int]]) -> None:
    size = cache_bytes(Path(entry.key.cache_dir))
    write_entry(warm_record_path(context.built.prefix), Entry(entry.key, entry.libraries, entry.modules, done, size))


def _first_to_compile(
    keys: list[tuple[Gpu, Key]],
    known: Mapping[Key, Entry | None],
    scanned: tuple[Scanned, ...],
    states: Mapping[str, str],
) -> tuple[Gpu, Key, tuple[Module, ...]]:
    """Return the first GPU that something is left to compile for, or else the first, with its modules."""
    plans = []
    for gpu, key in keys:
        done = {(Path(path), at) for path, offsets in still_done(known[key], states).items() for at in offsets}
        plans.append((gpu, key, plan_modules(scanned, capability_of(gpu), done)))
    return next((plan for plan in plans if plan[2]), plans[0])


def _candidates(host: Host, index: int | None) -> list[Gpu]:
    """Return the GPUs to look at, one of each architecture. Raises NoGpuError or UsageError when there is none."""
    gpus = real_gpus(host)
    if host.driver is None or not gpus:
        raise NoGpuError(
            "no NVIDIA GPU and driver were found to compile for",
            cause="the driver compiles, for the GPU that is there",
            hints=[Hint("warm.there", "run `gpuenv warm` on the machine with the GPU")],
        )
    if index is None:
        return list({gpu.compute_capability: gpu for gpu in reversed(gpus)}.values())[::-1]
    chosen = [gpu for gpu in gpus if gpu.index == index]
    if not chosen:
        there = ", ".join(str(gpu.index) for gpu in gpus)
        raise UsageError(f"there is no GPU {index}, found {there}", hints=[Hint("warm.gpu", "run `gpuenv info`")])
    return chosen


def cache_dir_of(context: CheckContext) -> str:
    """Return the compute cache of an environment's processes. Raises UsageError for a recipe without one."""
    found = context.environment.get("CUDA_CACHE_PATH")
    if not found:
        raise UsageError(
            f"the recipe `{context.recipe.name}` gives its environments no compute cache",
            cause="`CUDA_CACHE_PATH` is not among its variables",
            hints=[
                Hint("warm.cache", 'add `CUDA_CACHE_PATH: {value: "{prefix}/var/gpuenv/compute-cache"}` to the recipe')
            ],
        )
    return found


def _limits(options: WarmOptions) -> Limits:
    workers = min(usable_cores(), options.jobs) if options.jobs else usable_cores()
    return Limits(workers, min(_MODULE_S, options.timeout_s), options.timeout_s)


def _reporting(report: Reporter) -> Callable[[Crew], None]:
    """Return what tells, now and then, how far a crew is, and how long it will take at the pace so far."""
    began = time.monotonic()
    told = began - _REPORT_EVERY_S

    def tell(crew: Crew) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < _REPORT_EVERY_S or not crew.left:
            return
        told = now
        total = sum(module.ptx_bytes for module in crew.modules)
        done = sum(it.module.ptx_bytes for it in crew.compiled)
        left_s = (now - began) * (total - done) / done if done else 0.0
        detail = f"about {left_s:.0f} s left" if done else "the largest come first"
        report(Progress("warm", len(crew.modules) - crew.left, len(crew.modules), "modules", detail))

    return tell
