"""No GPU, and no error that says so: builds without CUDA, and answers that are empty."""

from __future__ import annotations

import re

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import TENSORFLOW

_FIX = "run `gpuenv create --dry-run` for an environment with a GPU build"
_PLAIN_JAXLIB = re.compile(r"^jaxlib +\d[\d.]*$", re.MULTILINE)
_NO_GPU_THEN = ("gpu.not-registered", "loader.no-cuda", "loader.some-missing")


def _missed(log: Log) -> bool:
    """Say whether somebody asked for a GPU and got none, or a GPU is there; and nothing was computed on one."""
    return not log.has("gpu.created") and _expected(log) and not reason.progresses(log)


def _expected(log: Log) -> bool:
    return log.has("gpu.none-listed", "gpu.expected", "gpu.seen", "gpu.not-registered")


def _without_gpu_package(log: Log) -> bool:
    """Say whether the package is not there under its other name, and never looked for CUDA's runtime."""
    other = any(name in log.lowered for name in ("tensorflow-gpu", "tensorflow_gpu"))
    return _missed(log) and not other and not log.has("library.missing", "library.opened")


def _jax_misses_one(log: Log) -> bool:
    """Say whether JAX took the processor beside a GPU: one that the log names, or that PyTorch sees.

    Who lists the packages asks why; a `jaxlib 0.3.14` without `+cuda` tells.
    """
    torch_sees_it = "cuda.is_available()" in log.text and "True" in log.text
    listed_plain = _PLAIN_JAXLIB.search(log.text) is not None and "jax-cuda" not in log.lowered
    return (log.has("gpu.seen", "gpu.expected") or torch_sees_it or listed_plain) and not log.has("gpu.created")


OUTCOME_RULES = (
    LogRule(
        "build.cpu-only",
        ("build.says-no-cuda",),
        "what is installed is a build for the processor, without CUDA",
        _FIX,
        (TENSORFLOW + "62711", "https://github.com/NVIDIA-ISAAC-ROS/isaac_ros_common/issues/29"),
        order=26,
        when=lambda log: not log.has("gpu.created") and "+rocm" not in log.lowered,
        explains=(*_NO_GPU_THEN, "driver.no-device"),
    ),
    LogRule(
        "build.cpu-only",
        ("build.cpu-package",),
        "what is installed is a build for the processor, without CUDA: {package}",
        _FIX,
        ("https://github.com/bmaltais/kohya_ss/issues/1608", "https://github.com/deepmodeling/deepmd-kit/issues/2169"),
        confidence="likely",
        order=84,
        when=_missed,
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "build.cpu-only",
        ("build.cpu-release",),
        "the package {package} has no CUDA, which before 2.1 only `tensorflow-gpu` and `tensorflow` 1.15.0 had",
        _FIX,
        ("https://github.com/OCR-D/ocrd_all/issues/68", "https://github.com/tensorflow/models/issues/2385"),
        confidence="likely",
        order=84,
        when=_without_gpu_package,
        explains=_NO_GPU_THEN,
    ),
    LogRule(
        "build.cpu-only",
        ("build.jax-on-cpu",),
        "JAX took the processor beside a GPU, as a jaxlib without CUDA does, which the package index gives for `jax` "
        "alone",
        "run `python -m pip install 'jax[cuda12]'` in Linux or WSL 2, then `python -c 'import jax; "
        "print(jax.devices())'`",
        ("https://docs.jax.dev/en/latest/installation.html", "https://github.com/jax-ml/jax/issues/2594"),
        confidence="likely",
        order=84,
        when=_jax_misses_one,
        explains=_NO_GPU_THEN,
    ),
)
