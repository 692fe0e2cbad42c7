"""Memory of the GPU and of the machine, and the handles of cuDNN and cuBLAS, which need some."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import CUDA_ERRORS, TENSORFLOW

MEMORY_RULES = (
    LogRule(
        "memory.host-exhausted",
        ("memory.host",),
        "the machine's own memory is full, not the GPU's",
        "make the batch or the data that is held at once smaller; run `free -h` to see what is left",
        (TENSORFLOW + "40738", "https://docs.docker.com/engine/containers/resource_constraints/"),
        confidence="likely",
        order=47,
    ),
    LogRule(
        "memory.exhausted",
        ("memory.gpu",),
        "the GPU has not enough free memory",
        "run `nvidia-smi` to see which process holds it, end that one or make the batch smaller, then `gpuenv verify`",
        (TENSORFLOW + "6048", TENSORFLOW + "7025", CUDA_ERRORS),
        order=48,
        when=lambda log: not reason.trains_afterwards(log),
        explains=("memory.handle", "memory.blas", "cudnn.not-started", "driver.cuinit", "nccl.failed"),
    ),
    LogRule(
        "memory.handle",
        ("memory.handle-status",),
        "cuDNN or cuBLAS could not start on the GPU ({status}): most often its memory is taken, by another process or "
        "by the framework itself, else a library is too old for the GPU",
        "run `nvidia-smi` to see which process holds the memory, and `export TF_FORCE_GPU_ALLOW_GROWTH=true`; "
        "`gpuenv verify files` for the libraries",
        (TENSORFLOW + "45574", TENSORFLOW + "24496"),
        confidence="possible",
        order=92,
        when=reason.nothing_narrower,
        explains=("gpu.any-error",),
    ),
    LogRule(
        "memory.handle",
        ("memory.handle",),
        "cuDNN or cuBLAS could not start on the GPU ({status}): most often its memory is taken, by another process or "
        "by the framework itself, else a library is too old for the GPU",
        "run `nvidia-smi` to see which process holds the memory, and `export TF_FORCE_GPU_ALLOW_GROWTH=true`; "
        "`gpuenv verify files` for the libraries",
        (TENSORFLOW + "24496", TENSORFLOW + "44159", TENSORFLOW + "45028"),
        confidence="likely",
        order=51,
        explains=("cudnn.not-started", "memory.blas"),
    ),
    LogRule(
        "memory.blas",
        ("memory.blas",),
        "cuBLAS failed on the GPU: its memory is taken, or this CUDA is too old for the GPU",
        "run `nvidia-smi` to see which process holds the memory; `gpuenv verify files` for the libraries",
        (TENSORFLOW + "11812", TENSORFLOW + "33916"),
        confidence="likely",
        order=52,
    ),
    LogRule(
        "cudnn.not-started",
        ("cudnn.not-started",),
        "cuDNN did not start or no algorithm of it ran: GPU memory, a mixture of versions, or a GPU newer than cuDNN",
        "run `gpuenv verify files`, and `nvidia-smi` to see the memory",
        (TENSORFLOW + "36025", TENSORFLOW + "45068"),
        confidence="possible",
        order=96,
    ),
)
