"""Memory of the GPU and of the machine, and the handles of cuDNN and cuBLAS, which need some."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.log_rule import LogRule

_TF = "https://github.com/tensorflow/tensorflow/issues/"
_CUDA_ERRORS = "CUDA driver API, enum CUresult, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"

MEMORY_RULES = (
    LogRule(
        "memory.host-exhausted",
        ("memory.host",),
        "the machine's own memory is full, not the GPU's",
        "make the batch or the data that is held at once smaller; run `free -h` to see what is left",
        (_TF + "40738", "https://docs.docker.com/engine/containers/resource_constraints/"),
        confidence="likely",
        order=47,
    ),
    LogRule(
        "memory.exhausted",
        ("memory.gpu",),
        "the GPU has not enough free memory",
        "run `nvidia-smi` to see which process holds it, end that one or make the batch smaller, then `gpuenv verify`",
        (_TF + "6048", _TF + "7025", _CUDA_ERRORS),
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
        (_TF + "45574", _TF + "24496"),
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
        (_TF + "24496", _TF + "44159", _TF + "45028"),
        confidence="likely",
        order=51,
        explains=("cudnn.not-started", "memory.blas"),
    ),
    LogRule(
        "memory.blas",
        ("memory.blas",),
        "cuBLAS failed on the GPU: its memory is taken, or this CUDA is too old for the GPU",
        "run `nvidia-smi` to see which process holds the memory; `gpuenv verify files` for the libraries",
        (_TF + "11812", _TF + "33916"),
        confidence="likely",
        order=52,
    ),
    LogRule(
        "cudnn.not-started",
        ("cudnn.not-started",),
        "cuDNN did not start or no algorithm of it ran: GPU memory, a mixture of versions, or a GPU newer than cuDNN",
        "run `gpuenv verify files`, and `nvidia-smi` to see the memory",
        (_TF + "36025", _TF + "45068"),
        confidence="possible",
        order=96,
    ),
)
