"""Compile ahead what a GPU would compile at the first step of a training: PTX in the framework and in CUDA.

A GPU newer than a library's machine code runs it from PTX, which the driver compiles when it is first loaded, one
module after another and for minutes. Here the same modules are loaded ahead, in as many processes as there are cores,
largest first; the driver keeps the results in the environment's compute cache, where the framework finds them.
"""

from __future__ import annotations

from pathlib import Path

from gpuenv.extension import CheckContext
from gpuenv.model import Reporter, Warmed
from gpuenv.warm.gpus import can_warm
from gpuenv.warm.options import WarmOptions
from gpuenv.warm.state import readiness

__all__ = ["WarmOptions", "can_warm", "readiness", "warm"]


def warm(context: CheckContext, libcuda: Path | None, options: WarmOptions, report: Reporter) -> Warmed:
    """Compile what a GPU lacks machine code for, into the cache that `context.environment` names.

    Call it with the variables of an activated process. Raises NoGpuError without a GPU or driver, UsageError for a GPU
    that is not there or a recipe without a compute cache, GpuenvError when no worker could start.
    """
    from gpuenv.warm.run import compile_all

    return compile_all(context, libcuda, options, report)
