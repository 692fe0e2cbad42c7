"""Make one picture of what several sources said about GPUs and driver. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gpuenv import facts
from gpuenv.model import Driver, Gpu, Note, format_compute_capability, format_driver_version
from gpuenv.probe.answer import Answer, fill

# CUDA_ERROR_STUB_LIBRARY of cuda.h: what such a library says about versions means nothing.
STUB_LIBRARY = 34


@dataclass(frozen=True, slots=True)
class Merged:
    """GPUs and driver that the sources together support, and notes where they disagree or were refused."""

    gpus: tuple[Gpu, ...]
    driver: Driver | None
    notes: tuple[Note, ...]


def merge(answers: Sequence[Answer], kernel: Answer, *, given: bool) -> Merged:
    """Merge answers of libraries and programs, the best first, with what the kernel shows.

    `given` says whether the kernel's GPUs can be ours. They count only where nothing better answered: a library that
    says "no GPU" is believed.
    """
    listed = [answer for answer in answers if answer.gpus is not None]
    best = next((answer for answer in listed if answer.gpus), None)
    if best is not None:
        others = [answer for answer in listed if answer is not best]
        gpus, notes = _merge_gpus(best, others)
    elif listed or not given:
        gpus, notes = (), ()
    else:
        gpus, notes = kernel.gpus or (), ()
    gpus = tuple(_with_capability(gpu) for gpu in gpus)
    driver, driver_notes = _merge_driver(answers, kernel if given else Answer(kernel.source))
    said = tuple(note for answer in answers for note in answer.notes)
    return Merged(gpus, driver, (*said, *kernel.notes, *notes, *driver_notes))


def _with_capability(gpu: Gpu) -> Gpu:
    """Fill in a capability that no source told, by the product's name."""
    if gpu.compute_capability is not None or gpu.name is None:
        return gpu
    return replace(gpu, compute_capability=facts.capability_of_product(gpu.name))


def _merge_gpus(best: Answer, others: Sequence[Answer]) -> tuple[tuple[Gpu, ...], tuple[Note, ...]]:
    gpus = best.gpus or ()
    notes: list[Note] = []
    for other in others:
        seen = other.gpus or ()
        if len(seen) != len(gpus):
            message = f"`{best.source}` lists {len(gpus)} GPUs, `{other.source}` {len(seen)}: kept `{best.source}`"
            notes.append(Note("gpu.sources-disagree", message, "run `nvidia-smi -L` and compare"))
            continue
        notes += [note for ours, theirs in zip(gpus, seen, strict=True) if (note := _capability_note(ours, theirs))]
        gpus = tuple(fill(ours, theirs) for ours, theirs in zip(gpus, seen, strict=True))
    return gpus, tuple(notes)


def _capability_note(ours: Gpu, theirs: Gpu) -> Note | None:
    if not ours.compute_capability or not theirs.compute_capability:
        return None
    if ours.compute_capability == theirs.compute_capability:
        return None
    message = (
        f"GPU {ours.index} has compute capability {format_compute_capability(ours.compute_capability)} by"
        f" `{ours.source}` and {format_compute_capability(theirs.compute_capability)} by `{theirs.source}`:"
        f" kept `{ours.source}`"
    )
    return Note("gpu.sources-disagree", message, "run `nvidia-smi --query-gpu=index,name,compute_cap --format=csv`")


def _merge_driver(answers: Sequence[Answer], kernel: Answer) -> tuple[Driver | None, tuple[Note, ...]]:
    """Take the driver's version in the order of the sources, and the CUDA driver API from libcuda if it told.

    Programs load libcuda: a forward-compatibility package makes its API newer than the one that NVML knows.
    """
    versions = [(said.driver_version, said.source) for said in (*answers, kernel) if said.driver_version is not None]
    serious = [said for said in answers if said.failure is None or said.failure.code != STUB_LIBRARY]
    serious.sort(key=lambda said: said.source != "libcuda")
    apis = [(said.cuda_driver_api, said.source) for said in serious if said.cuda_driver_api is not None]
    if not versions and not apis:
        return None, ()
    version = versions[0][0] if versions else None
    api = apis[0][0] if apis else None
    said_versions = [(format_driver_version(version), source) for version, source in versions]
    said_apis = [(str(number), source) for number, source in apis]
    notes = (*_disagreement("driver version", said_versions), *_disagreement("CUDA driver API", said_apis))
    return Driver(version, api, (versions or apis)[0][1]), notes


def _disagreement(what: str, said: Sequence[tuple[str, str]]) -> tuple[Note, ...]:
    if len({version for version, _ in said}) < 2:
        return ()
    words = ", ".join(f"`{version}` by `{source}`" for version, source in said)
    message = f"the {what} is {words}: kept `{said[0][0]}`"
    return (Note("gpu.sources-disagree", message, "restart the machine if the driver was updated"),)
