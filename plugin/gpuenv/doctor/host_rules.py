"""Rules over the machine: what the probes noted, and what the framework needs of a processor and of Windows."""

from __future__ import annotations

from collections.abc import Callable

from gpuenv.doctor.sources import CUDA_VARIABLES
from gpuenv.extension import Diagnosis, Rule
from gpuenv.model import Host

# The notes of the probes that are a cause: the rule's name, what they explain, and where it is documented.
_NO_GPU = ("host.no-gpu",)
_SOURCES = "NVML and CUDA driver API, enums nvmlReturn_t and CUresult"
_NOTES = {
    "gpu.container": ("host.container", 20, "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/"),
    "gpu.wsl-driver": ("host.wsl-driver", 21, "https://docs.nvidia.com/cuda/wsl-user-guide/"),
    "gpu.no-driver": ("host.no-driver", 22, "/sys/bus/pci/devices and /proc/driver/nvidia"),
    "gpu.not-loaded": ("host.not-loaded", 23, _SOURCES),
    "gpu.driver-mismatch": ("host.driver-mismatch", 24, _SOURCES),
    "gpu.cuda-stub": ("host.stub", 25, _SOURCES),
    "gpu.no-libcuda": ("host.no-libcuda", 26, _SOURCES),
    "gpu.no-nvml": ("host.no-nvml", 27, _SOURCES),
    "gpu.cuda-failed": ("host.cuda-failed", 28, _SOURCES),
    "gpu.nvml-failed": ("host.nvml-failed", 29, _SOURCES),
    "gpu.hung": ("host.driver-hangs", 19, "the driver did not answer in its time"),
    "gpu.crashed": ("host.driver-crashes", 19, "the child that asked the driver died"),
    "gpu.hidden": ("host.hidden", 40, CUDA_VARIABLES),
    "gpu.none": ("host.no-gpu", 90, "NVML, libcuda, nvidia-smi, /proc, /sys"),
}


def _from_note(code: str) -> Callable[[Host], Diagnosis | None]:
    """Make the finder for one note."""
    name, order, source = _NOTES[code]

    def find(host: Host) -> Diagnosis | None:
        note = host.note(code)
        if note is None:
            return None
        fix = note.hint or "run `gpuenv info` to see more"
        return Diagnosis(name, note.message, fix, "certain", source, explains=_NO_GPU if order < 40 else ())

    return find


def no_avx(host: Host) -> Diagnosis | None:
    """Name a processor without AVX, or one that a virtual machine hides it from."""
    if host.fact("avx") is not False:
        return None
    return Diagnosis(
        "host.no-avx",
        "the processor, or the one that this virtual machine shows, has no AVX: TensorFlow's wheels end with SIGILL",
        "in the virtual machine's settings choose the host's processor model (`-cpu host` for QEMU)",
        "certain",
        "https://github.com/tensorflow/tensorflow/issues/19584: needed since 1.6",
    )


def no_vc_runtime(host: Host) -> Diagnosis | None:
    """Name a Windows without the Visual C++ runtime that TensorFlow 2.1 and newer need."""
    missing = [name for name in ("msvcp140.dll", "msvcp140_1.dll") if host.fact(f"dll:{name}") is False]
    if not missing:
        return None
    return Diagnosis(
        "host.vc-runtime",
        f"the Visual C++ runtime is missing or too old: no {', '.join(f'`{name}`' for name in missing)}",
        "run `winget install Microsoft.VCRedist.2015+.x64`",
        "certain",
        "https://www.tensorflow.org/install/pip (read November 2026)",
    )


HOST_RULES = (
    Rule("host.no-avx", no_avx, 10, "host"),
    Rule("host.vc-runtime", no_vc_runtime, 11, "host"),
    *(Rule(name, _from_note(code), order, "host") for code, (name, order, _) in _NOTES.items()),
)
