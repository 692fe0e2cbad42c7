"""Libraries that are missing, of the wrong version, or found twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log
from gpuenv.doctor.fixes import RECREATE
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import MEASURED, TENSORFLOW

_NO_GPU_THEN = ("loader.some-missing", "gpu.not-registered", "cudnn.not-started", "loader.no-cuda")


def _wants_a_trace(log: Log) -> bool:
    """Say whether the program asks for a trace of the GPU: without that, nobody misses CUPTI."""
    return re.search(r"(?:FULL|HARDWARE)_TRACE|CUPTI could not be loaded|profiler\.start", log.text) is not None


def _missing(confidence: Literal["certain", "likely"], when: Callable[[Log], bool]) -> LogRule:
    return LogRule(
        "loader.missing",
        ("library.missing",),
        "CUDA libraries are not where the framework looks: {library}",
        RECREATE,
        (MEASURED, TENSORFLOW + "52988", TENSORFLOW + "45930"),
        confidence=confidence,
        order=38,
        when=when,
        explains=_NO_GPU_THEN,
    )


LOADER_RULES = (
    LogRule(
        "loader.cuda-older",
        ("library.cuda-version",),
        "an older CUDA library was loaded than the framework was built with: {library} {found}, built with {built}",
        "run `unset LD_LIBRARY_PATH` if it names another CUDA, then `gpuenv verify`",
        ("https://github.com/KosinskiLab/AlphaPulldown/issues/237",),
        order=24,
        explains=("loader.some-missing", "loader.no-cuda"),
    ),
    LogRule(
        "loader.mixed-cuda",
        ("library.mixed",),
        "CUDA libraries of two versions were mixed: one calls {symbol}, which the other one does not have; one of them "
        "probably comes from LD_LIBRARY_PATH",
        "run `unset LD_LIBRARY_PATH`, then `gpuenv verify`",
        ("https://github.com/pytorch/pytorch/issues/91067", "https://github.com/pytorch/pytorch/issues/131312"),
        order=10,
        explains=(
            "loader.missing",
            "loader.missing-dependency",
            "loader.some-missing",
            "loader.cudnn-part",
            "python.addon-mismatch",
        ),
    ),
    LogRule(
        "loader.broken-file",
        ("library.broken",),
        "a library's file is damaged ({why}): {library}",
        RECREATE,
        ("dlopen(3), https://man7.org/linux/man-pages/man3/dlopen.3.html",),
        order=11,
        explains=("loader.missing", "loader.missing-dependency", "loader.some-missing"),
    ),
    LogRule(
        "loader.missing-dependency",
        ("library.missing",),
        "{library} is there, but not {file}, which it needs",
        RECREATE,
        ("https://github.com/NVIDIA/tensorflow/issues/110",),
        order=37,
        when=lambda log: any(map(reason.lacks_another, log.all("library.missing"))),
        explains=("loader.some-missing", "gpu.not-registered", "driver.not-loaded"),
    ),
    LogRule(
        "loader.missing-dependency",
        ("library.tensorrt",),
        "the program uses TensorRT, which cannot be loaded: {file} is missing",
        "install the TensorRT, and the CUDA that it was made for, of the table at "
        "`https://www.tensorflow.org/install/source#gpu`; training does without it",
        (TENSORFLOW + "50330", "tensorflow/compiler/tf2tensorrt/stub/nvinfer_stub.cc"),
        order=37,
    ),
    LogRule(
        "loader.cusolver-10",
        ("library.missing",),
        "TensorFlow 2.4 opens {library}, which only CUDA 11.0 has; with a later CUDA 11 the link that gpuenv makes "
        "from cuSOLVER 11 is missing",
        RECREATE,
        (MEASURED, TENSORFLOW + "44777", TENSORFLOW + "44291"),
        order=36,
        when=lambda log: reason.only_cusolver_10(log) and not reason.works_in_the_end(log),
        explains=("loader.missing", *_NO_GPU_THEN),
    ),
    _missing("certain", lambda log: reason.lacks_libraries(log) and not reason.lacks_only_the_runtime(log)),
    # Nothing but the file that TensorFlow looks for on every machine, and a sign that somebody expects a GPU.
    _missing("likely", lambda log: reason.lacks_libraries(log) and reason.lacks_only_the_runtime(log)),
    LogRule(
        "loader.missing",
        ("library.import",),
        "CUDA libraries are not where the framework looks: {library}; it does not start without them",
        RECREATE,
        (TENSORFLOW + "26182", "tensorflow/python/platform/self_check.py of TensorFlow 1.15"),
        order=12,
        explains=(*_NO_GPU_THEN, "system.dll-load", "loader.cudnn-part"),
    ),
    LogRule(
        "loader.missing",
        ("library.cupti",),
        "{library} is not where the framework looks, which only its profiler uses: no trace of the GPU can be recorded",
        RECREATE,
        ("https://github.com/caicloud/tensorflow-tutorial/issues/106", TENSORFLOW + "43030"),
        confidence="likely",
        order=92,
        when=_wants_a_trace,
    ),
    LogRule(
        "loader.no-cuda",
        ("library.no-cuda-drivers",),
        "TensorFlow found no CUDA: its message speaks of drivers, but the file that it looked for is CUDA's runtime, "
        "`libcudart`",
        "run `gpuenv info` to see driver and GPU, then `gpuenv create --dry-run` for a recipe that brings CUDA",
        ("tsl/cuda/cudart_stub.cc of TensorFlow 2.13", TENSORFLOW + "63362", TENSORFLOW + "66750"),
        confidence="likely",
        order=39,
        when=lambda log: not reason.has_no_gpu(log) and not reason.works_in_the_end(log),
        explains=("loader.some-missing", "gpu.not-registered"),
    ),
    LogRule(
        "loader.windows-abort",
        ("system.windows-abort",),
        "Windows ended the process at the first convolution, as it does when a part of cuDNN is missing",
        RECREATE,
        (TENSORFLOW + "45611", TENSORFLOW + "57738"),
        confidence="likely",
        order=90,
    ),
    LogRule(
        "loader.some-missing",
        ("library.some-missing", "gpu.xla-only"),
        "the framework could not open one of the CUDA libraries, and goes on without the GPU",
        "run `gpuenv verify files` to see which one",
        (TENSORFLOW + "34287", TENSORFLOW + "38990", TENSORFLOW + "66750"),
        confidence="likely",
        order=91,
        when=lambda log: not reason.works_in_the_end(log),
        explains=("gpu.not-registered",),
    ),
)
