"""Compile ahead what a GPU would compile at the first step of a training: PTX in the framework and in CUDA.

A GPU newer than a library's machine code runs it from PTX, which the driver compiles when it is first loaded, one
module after another and for minutes. Here the same modules are loaded ahead, in as many processes as there are cores,
largest first; the driver keeps the results in the environment's compute cache, where the framework finds them.
"""

from gpuenv.warm.run import WarmOptions, can_warm, warm
from gpuenv.warm.state import readiness

__all__ = ["WarmOptions", "can_warm", "readiness", "warm"]
