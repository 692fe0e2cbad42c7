"""Whether a GPU is newer than the CUDA that was opened, so that the driver compiles for minutes first."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log

# The first CUDA with machine code for a compute capability's major number: release notes of the CUDA toolkit.
_FIRST_CUDA = {6: 8, 7: 9, 8: 11, 9: 11, 10: 12, 12: 12}
_CUDART = re.compile(r"cudart(?:\.so\.|64_)(\d+?)(?:\.\d|\d?\.dll)", re.IGNORECASE)
_OF_CUDA_10 = re.compile(r"cu(?:blas|sparse)(?:\.so\.|64_)10\b|cudnn(?:\.so\.|64_)7\b", re.IGNORECASE)
# The lines from finding a GPU to having made a device of it, each with its time.
_OF_START = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+: [^\n]*(?:Found device \d+ with properties|Adding visible gpu device|"
    r"(Device interconnect StreamExecutor|Created (?:TensorFlow )?device ))",
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+: ")
_EPOCH = re.compile(r"^\d+/\d+ (?:\[[=>.]+\] )?- (\d+)s ", re.MULTILINE)
_SLOW_START_S = 60


def newer_than_cuda(log: Log) -> bool:
    """Say whether a GPU has a compute capability that the CUDA which was opened has no machine code for.

    Sample: `libcudart.so.10.1` (or `cudart64_101.dll`) was opened, and `computeCapability: 8.6`. Of CUDA 10 are
    cuDNN 7 and everything else that is called 10 and was 11 in CUDA 11.
    """
    names = log.names("library", "library.opened")
    opened = [int(match[1]) for name in names if (match := _CUDART.search(name))]
    opened += [10 for name in names if _OF_CUDA_10.search(name)]
    needed = [_FIRST_CUDA.get(int(major), 0) for major in log.names("major", "code.capability")]
    return bool(opened and needed) and max(needed) > max(opened)


def compiles_for_long(log: Log) -> bool:
    """Say whether the PTX that the framework announced kept the program waiting: no step of a training shows its end.

    Where one does, it was long if a minute or more went by between two lines before it that carry their time, or in an
    epoch that was longer than two of the next. A GPU for which everything was compiled before gets the same
    announcement, and its training starts at once. Sample of an epoch: `32/32 - 102s - loss: 2.3`.
    """
    announced = log.text.rfind("\n", 0, log.all("code.compiles")[-1].at) + 1
    step = reason.first_step(log, announced)
    if step is None:
        return True
    times = [datetime.fromisoformat(it) for it in _TIME.findall(log.text, announced, step)]
    first, second, *_ = *map(int, _EPOCH.findall(log.text, announced)), 0, 0
    return first >= max(_SLOW_START_S, 2 * second) or any(_slow(*pair) for pair in pairwise(times))


def starts_slowly(log: Log) -> bool:
    """Say whether minutes went by before a device was made of a GPU that had been found, as where the driver compiles.

    A pause before `Found device` is the program's own: TensorFlow finds the GPU again when it is first used.
    """
    lines = [(datetime.fromisoformat(it[1]), it[2]) for it in _OF_START.finditer(log.text)]
    return any(_slow(earlier, later) and what is not None for (earlier, _), (later, what) in pairwise(lines))


def _slow(earlier: datetime, later: datetime) -> bool:
    return (later - earlier).total_seconds() >= _SLOW_START_S
