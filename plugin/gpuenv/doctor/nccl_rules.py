"""Several GPUs: what they need to talk to each other."""

from __future__ import annotations

from gpuenv.doctor.log_rule import LogRule

_TF = "https://github.com/tensorflow/tensorflow/issues/"
_CUDA_ERRORS = "CUDA driver API, enum CUresult, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"

NCCL_RULES = (
    LogRule(
        "gpu.too-many-peers",
        ("gpu.peers",),
        "a GPU can exchange data with eight others directly, and this process uses more",
        "run `export CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7` so that it uses fewer",
        (_TF + "49730", _CUDA_ERRORS),
        confidence="likely",
        order=53,
        explains=("gpu.any-error", "nccl.failed"),
    ),
    LogRule(
        "nccl.failed",
        ("nccl.failed",),
        "the GPUs could not talk to each other through NCCL {error}; most often another error came first",
        "run again with `export NCCL_DEBUG=INFO`, whose first `WARN` names the reason",
        ("https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",),
        confidence="possible",
        order=89,
    ),
)
