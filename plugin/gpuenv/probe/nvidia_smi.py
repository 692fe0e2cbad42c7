"""Ask the program nvidia-smi."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gpuenv import process
from gpuenv.model import ComputeCapability, Note, parse_compute_capability
from gpuenv.probe.answer import MOST_GPUS, Answer, Doubts, Failure, RawGpu

_FIELDS = "name,memory.total,driver_version"
SOURCE = "nvidia-smi"


def find_nvidia_smi(root: Path, environ: Mapping[str, str], *, windows: bool = os.name == "nt") -> Path | None:
    """Find the program on PATH, then where WSL 2 and the Windows driver put it."""
    import shutil

    found = shutil.which("nvidia-smi", path=environ.get("PATH", ""))
    if found is not None:
        return Path(found)
    if windows:
        programs = Path(environ.get("ProgramFiles", r"C:\Program Files"))
        usual = programs / "NVIDIA Corporation" / "NVSMI" / "nvidia-smi.exe"
    else:
        usual = root / "usr/lib/wsl/lib/nvidia-smi"
    return usual if usual.is_file() else None


def ask(program: Path, environ: Mapping[str, str], timeout_s: float) -> Answer:
    """Run `nvidia-smi --query-gpu`; a driver that does not know the field `compute_cap` is asked again without it."""
    why = "no output"
    for fields in (f"{_FIELDS},compute_cap", _FIELDS):
        argv: list[str | Path] = [program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
        try:
            done = process.run(argv, timeout_s=timeout_s, env=environ)
        except OSError as err:
            return _failed(str(err))
        if done.ok:
            return parse(done.stdout)
        said = (done.stdout.strip() or done.stderr.strip()).partition("\n")[0]
        why = f"{done.ending}: {said}" if said else done.ending
        if "not a valid field" not in done.stdout + done.stderr:
            break
    return _failed(why)


def _failed(why: str) -> Answer:
    note = Note("gpu.nvidia-smi-failed", f"`nvidia-smi` failed: {why}", "run `nvidia-smi` to see more")
    return Answer(SOURCE, failure=Failure(SOURCE, None, why), notes=(note,))


def parse(text: str) -> Answer:
    """Read the lines of `nvidia-smi --query-gpu=name,memory.total,driver_version,compute_cap`.

    With `--format=csv,noheader,nounits` (memory in MiB); the last column is missing when it was not asked for::

        NVIDIA GeForce RTX 3080, 10240, 470.57.02, 8.6

    The only other thing it says with exit code 0 is `No devices were found`.
    """
    doubts = Doubts(SOURCE)
    if text.strip() == "No devices were found":
        return Answer(SOURCE, gpus=())
    lines = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    rows = [cells for cells in lines if len(cells) in (3, 4)]
    for cells in lines:
        if cells not in rows:
            doubts.refuse("a line", ",".join(cells)[:60], "name, memory and driver version")
    doubts.count(len(rows))
    if len(rows) > MOST_GPUS:
        rows = []
    if not lines:
        return _failed("it printed nothing")
    gpus = tuple(
        doubts.gpu(index, RawGpu(cells[0], _capability(cells), _memory_bytes(cells[1])))
        for index, cells in enumerate(rows)
    )
    driver_version = doubts.driver_version(rows[0][2]) if rows else None
    return Answer(SOURCE, gpus if rows else None, driver_version, notes=tuple(doubts.notes))


def _capability(cells: list[str]) -> ComputeCapability | None:
    try:
        return parse_compute_capability(cells[3]) if len(cells) > 3 else None
    except ValueError:  # `[N/A]`
        return None


def _memory_bytes(text: str) -> int | None:
    """Read MiB. `[N/A]` (GPUs that share the machine's memory) is None."""
    return int(text) * 2**20 if re.fullmatch(r"[0-9]+", text) else None
