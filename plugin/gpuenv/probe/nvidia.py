"""Find NVIDIA GPUs and their driver.

Order: NVML and libcuda (each in a child process, side by side), then the program nvidia-smi, then what the kernel
shows in /proc and /sys. The first source that lists GPUs is kept, gaps in it are filled from the next, and where two
disagree a note says so. `CUDA_VISIBLE_DEVICES` is not applied: the list is what the machine has.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gpuenv.model import Driver, Gpu, Host, Note, Overrides
from gpuenv.probe import nvidia_smi, proc
from gpuenv.probe.answer import Answer
from gpuenv.probe.driver_libraries import LibraryKind, ask, find_libraries
from gpuenv.probe.merge import merge
from gpuenv.probe.nvidia_notes import Findings, notes_on

# A driver on a machine with eight sleeping GPUs and no persistence daemon can take longer; the variable is for those.
TIMEOUT_S = 5.0
TIMEOUT_VARIABLE = "GPUENV_PROBE_TIMEOUT_S"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where to look. `root` is `/` except in tests; `container` and `wsl` are what the system probe found."""

    root: Path
    environ: Mapping[str, str]
    timeout_s: float = TIMEOUT_S
    container: str | None = None
    wsl: bool = False
    windows: bool = os.name == "nt"


@dataclass(frozen=True, slots=True)
class Detected:
    """The NVIDIA part of a host."""

    gpus: tuple[Gpu, ...]
    driver: Driver | None
    notes: tuple[Note, ...]


def run(host: Host, overrides: Overrides) -> Host:
    """Add GPUs, driver and notes to the host. Overrides are applied later, by a probe of their own."""
    timeout_s, bad_timeout = _timeout(os.environ)
    container = host.fact("container")
    where = Surroundings(
        Path("/"),
        os.environ,
        timeout_s,
        container=str(container) if container is not None else None,
        wsl=host.fact("wsl") is True,
    )
    found = detect(where)
    return replace(host, gpus=found.gpus, driver=found.driver, notes=(*host.notes, *bad_timeout, *found.notes))


def detect(where: Surroundings) -> Detected:
    """Ask every source that is needed; never takes much longer than twice the time limit."""
    libraries = find_libraries(where.root, where.environ, windows=where.windows)
    answers = _ask_libraries(libraries.paths, where)
    smi = _ask_nvidia_smi(answers, where)
    pci = proc.pci_gpus(where.root)
    kernel = proc.look(where.root, pci)
    merged = merge([*answers.values(), *([smi] if smi is not None else [])], kernel, given=_given_gpus(where))
    findings = Findings(
        gpus=merged.gpus,
        answers=answers,
        module_version=kernel.driver_version,
        pci=pci,
        container=where.container if not _given_gpus(where) else None,
        wsl_driver_missing=where.wsl and not (where.root / "usr/lib/wsl/lib/libcuda.so.1").is_file(),
        visible_devices=where.environ.get("CUDA_VISIBLE_DEVICES"),
    )
    notes = (*libraries.notes, *merged.notes, *notes_on(findings))
    return Detected(merged.gpus, merged.driver, notes)


def _ask_libraries(paths: Mapping[str, Path], where: Surroundings) -> dict[LibraryKind, Answer]:
    """Ask the libraries that are there side by side; without any, no process is started and this costs nothing."""
    kinds: list[LibraryKind] = [kind for kind in ("nvml", "libcuda") if kind in paths]
    if not kinds:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(kinds)) as pool:
        jobs = {kind: pool.submit(ask, kind, paths[kind], where.environ, where.timeout_s) for kind in kinds}
        return {kind: job.result() for kind, job in jobs.items()}


def _ask_nvidia_smi(answers: Mapping[LibraryKind, Answer], where: Surroundings) -> Answer | None:
    """Ask nvidia-smi only where no library listed GPUs, and not behind a driver that has just hung: it would too."""
    if any(answer.gpus or answer.hung for answer in answers.values()):
        return None
    program = nvidia_smi.find_nvidia_smi(where.root, where.environ, windows=where.windows)
    return nvidia_smi.ask(program, where.environ, where.timeout_s) if program is not None else None


def _given_gpus(where: Surroundings) -> bool:
    """Say whether GPUs that the kernel shows can be ours: a container sees its host's even when it was given none."""
    if where.container is None:
        return True
    device_dir = where.root / "dev"
    return (device_dir / "dxg").exists() or any(device_dir.glob("nvidia[0-9]*"))


def _timeout(environ: Mapping[str, str]) -> tuple[float, tuple[Note, ...]]:
    """Return the time limit in seconds, and a note when the variable holds something else than a positive number."""
    text = environ.get(TIMEOUT_VARIABLE, "").strip()
    if not text:
        return TIMEOUT_S, ()
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = 0.0
    if 0.0 < timeout_s < 3600.0:
        return timeout_s, ()
    message = f"`{TIMEOUT_VARIABLE}` is `{text}`, expected seconds above 0: {TIMEOUT_S:g} s are used"
    return TIMEOUT_S, (Note("probe.timeout", message, f"set `{TIMEOUT_VARIABLE}=30`"),)
