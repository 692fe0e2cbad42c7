"""Windows and WSL: libraries that do not load, processes that end, builds without a GPU."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log
from gpuenv.doctor.fixes import RECREATE
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import TENSORFLOW

_VC = "run `winget install Microsoft.VCRedist.2015+.x64`, then `gpuenv verify import`"
_NTSTATUS = "[MS-ERREF] NTSTATUS values, https://learn.microsoft.com/openspecs/windows_protocols/ms-erref/"
_CODES = "https://learn.microsoft.com/windows/win32/debug/system-error-codes"


def _is_of_the_framework(log: Log) -> bool:
    """Say whether the DLL that did not load is the framework's, not any module's of the program."""
    modules = "".join(log.names("module", "system.dll-load"))
    return "pywrap" in log.text or "pywrap" in modules or "torch" in modules or "tensorflow" in log.text


def _new_on_windows(log: Log) -> bool:
    """Say whether a TensorFlow since 2.11 runs on Windows itself, and was asked for GPUs."""
    elsewhere = log.has("gpu.created") or any(word in log.text for word in ("WSL", "/home/", "DirectML", "DML"))
    listed = log.has("gpu.none-listed", "gpu.only-cpu", "gpu.empty-list") and 'device_type: "GPU"' not in log.text
    return log.has("windows.python") and log.has("tensorflow.from-2.11") and listed and not elsewhere


def _dies_at_cudnn(log: Log) -> bool:
    """Say whether a notebook's kernel died right behind the line in which cuDNN was loaded."""
    loaded = log.first("library.cudnn-loaded")
    died = log.all("kernel.died")
    return loaded is not None and died[-1].at > loaded.at and not reason.progresses(log, loaded.at)


WINDOWS_RULES = (
    LogRule(
        "system.paging-file",
        ("system.paging-file",),
        "Windows has not enough memory to load the libraries: its paging file is too small",
        "let Windows choose the paging file's size: run `SystemPropertiesPerformance`, Advanced, Virtual memory",
        ("Windows system error code 1455, ERROR_COMMITMENT_LIMIT", "https://github.com/tensorflow/models/issues/9783"),
        order=1,
        explains=("system.dll-load", "loader.cudnn-part"),
    ),
    LogRule(
        "system.vc-runtime",
        ("system.vc-runtime",),
        "the Visual C++ 2015-2019 runtime is not installed: {library}",
        _VC,
        ("tensorflow/python/platform/self_check.py of TensorFlow 2.4.0",),
        order=2,
        explains=("system.dll-load",),
    ),
    LogRule(
        "loader.missing",
        ("library.self-check",),
        "CUDA libraries are not where the framework looks: {library}; it does not start without them",
        RECREATE,
        (
            "tensorflow/python/platform/self_check.py of TensorFlow 1.15",
            "https://github.com/omnia-md/conda-recipes/issues/813",
        ),
        order=12,
        when=lambda log: not log.has("library.import"),
        explains=("system.dll-load",),
    ),
    LogRule(
        "driver.not-loaded",
        ("library.self-check-driver",),
        "the NVIDIA driver's own library is not to be seen: {library}",
        "install the NVIDIA driver for Windows, then run `gpuenv info`",
        ("tensorflow/python/platform/self_check.py of TensorFlow 1.15",),
        order=12,
        explains=("system.dll-load",),
    ),
    LogRule(
        "loader.broken-file",
        ("windows.wrong-bits", "windows.python-32"),
        "a library or program is damaged, or of 32 bits where 64 are needed",
        "run `python -c \"import struct; print(8 * struct.calcsize('P'))\"`, which must say 64; "
        "then run `gpuenv create --force`",
        ("Windows system error code 193, ERROR_BAD_EXE_FORMAT: " + _CODES, _NTSTATUS),
        confidence="likely",
        order=18,
        explains=("system.dll-load", "install.permission"),
    ),
    LogRule(
        "system.dll-blocked",
        ("windows.blocked",),
        "Windows or a virus scanner does not let a library be loaded",
        "let Windows Security and other scanners allow the environment's directory; run `gpuenv doctor -p` on it then",
        ("Windows system error codes 5, 225, 1260, 4551: " + _CODES,),
        confidence="likely",
        order=18,
        when=lambda log: not log.has("install.permission"),
        explains=("system.dll-load",),
    ),
    LogRule(
        "system.avx",
        ("windows.no-avx",),
        "the processor lacks AVX, which TensorFlow's wheels need since 1.6, or the Windows is older than 7 SP1",
        "look the processor up, or run it on another machine; TensorFlow's version 1.5 did without AVX",
        ("STATUS_ILLEGAL_INSTRUCTION 0xC000001D: " + _NTSTATUS, TENSORFLOW + "49309"),
        confidence="likely",
        order=18,
        explains=("system.dll-load",),
    ),
    LogRule(
        "system.dll-load",
        ("system.dll-load",),
        "Windows could not load the framework: the Visual C++ runtime is missing or old, or the processor lacks AVX",
        _VC,
        (TENSORFLOW + "45273", TENSORFLOW + "75111"),
        confidence="likely",
        order=19,
        when=_is_of_the_framework,
        explains=("python.module-missing", "python.import-name"),
    ),
    LogRule(
        "system.dll-load",
        ("windows.exit-dll",),
        "Windows ended the process because a DLL is missing, lacks a function, or could not start",
        _VC,
        ("STATUS_DLL_NOT_FOUND 0xC0000135, STATUS_ENTRYPOINT_NOT_FOUND 0xC0000139: " + _NTSTATUS,),
        confidence="likely",
        order=90,
    ),
    LogRule(
        "loader.windows-abort",
        ("kernel.died",),
        "the notebook's kernel ended at the first convolution, as it does when a part of cuDNN or `zlibwapi.dll` is "
        "missing; a program in a terminal shows the last line",
        RECREATE,
        (TENSORFLOW + "53611", TENSORFLOW + "57738"),
        confidence="possible",
        order=90,
        when=lambda log: _dies_at_cudnn(log),
    ),
    LogRule(
        "build.cpu-only",
        ("tensorflow.from-2.11",),
        "TensorFlow has no GPU code on Windows itself since 2.11",
        "run `gpuenv create`, which takes one that has, or use TensorFlow's newer versions in WSL 2",
        ("https://www.tensorflow.org/install/pip#windows-native", TENSORFLOW + "60269"),
        confidence="likely",
        order=26,
        when=_new_on_windows,
        explains=("gpu.not-registered", "loader.no-cuda"),
    ),
    LogRule(
        "directml.no-device",
        ("directml.none",),
        "DirectML, which TensorFlow was to use, finds no GPU: it needs Windows 10 or 11 with a driver for DirectX 12, "
        "or WSL 2, which mounts `libd3d12.so`",
        "update the driver of the GPU on Windows, and WSL with `wsl --update`; for NVIDIA GPUs `gpuenv create` "
        "is simpler",
        (
            "https://github.com/MicrosoftDocs/windows-ai-docs/issues/142",
            "https://github.com/microsoft/tensorflow-directml",
        ),
        confidence="likely",
        order=40,
        when=lambda log: not log.has("gpu.created"),
    ),
    LogRule(
        "system.wsl-1",
        ("wsl.old",),
        "this is WSL 1, which has no GPU",
        "run `wsl --set-version <distribution> 2` in Windows, then `gpuenv info`",
        ("https://learn.microsoft.com/windows/wsl/compare-versions",),
        order=29,
        when=lambda log: not log.has("gpu.created"),
        explains=("driver.no-module", "driver.not-loaded", "driver.no-device", "loader.missing", "loader.no-cuda"),
    ),
    LogRule(
        "system.wsl",
        ("wsl.cannot-start",),
        "Windows could not start WSL 2: virtualization is switched off, or the feature is not installed",
        "run `wsl --install` as administrator, and switch on virtualization in the firmware's settings",
        ("https://learn.microsoft.com/windows/wsl/troubleshooting",),
        confidence="likely",
        order=57,
        when=lambda log: not log.has("gpu.created"),
    ),
)
