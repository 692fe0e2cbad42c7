"""Name the lines of a log that look bad and mean nothing, so that nobody follows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from gpuenv.doctor import reason
from gpuenv.doctor.event import Kind, Log, read_log


@dataclass(frozen=True)
class Harmless:
    """A line that means nothing: its wordings, and why. `when` says in which logs that is so."""

    id: str
    wordings: tuple[str, ...]
    why: str
    when: Callable[[Log], bool] = lambda log: True

    @cached_property
    def kind(self) -> Kind:
        """Return the kind of event that it is."""
        return Kind(self.id, self.wordings)


HARMLESS = (
    Harmless(
        "noise.numa",
        (r"NUMA node read from SysFS had negative value", r"kernel may have been built without NUMA support"),
        "the machine has one processor socket, or WSL, and says nothing about memory nodes",
    ),
    Harmless(
        "noise.tensorrt",
        (
            r"TF-TRT Warning",
            r"Could not load dynamic library '(?:lib)?nvinfer",
            r"Cannot dlopen some TensorRT libraries",
        ),
        "TensorRT is an extra for inference, and training does without",
    ),
    Harmless(
        "noise.no-gpu",
        (
            r"Could not load dynamic library '(?:lib)?cudart",
            r"Could not find cuda drivers on your machine",
            r"failed call to cuInit",
            r"kernel driver does not appear to be running",
        ),
        "TensorFlow looks for CUDA everywhere; without an NVIDIA GPU nothing is wrong, with one run `gpuenv doctor`",
        when=reason.has_no_gpu,
    ),
    Harmless(
        "noise.factory",
        (r"Unable to register cu\w+ (?:factory|plugin)", r"computation placer already registered"),
        "TensorFlow 2.10 to 2.19 register their plugins twice",
    ),
    Harmless(
        "noise.onednn",
        (
            r"oneDNN custom operations are on",
            r"binary is optimized (?:with|to use)",
            r"not compiled to use: (?:SSE|AVX|FMA)",
        ),
        "information about the processor's instructions",
    ),
    Harmless(
        "noise.cupti",
        (r"Could not load dynamic library '(?:lib)?cupti",),
        "only the profiler uses CUPTI",
    ),
    Harmless(
        "noise.allocator",
        (r"caller indicates that this is not a failure", r"exceeds \d+% of free system memory"),
        "a larger work area was tried and a smaller one taken",
    ),
    Harmless(
        "noise.xla-devices",
        (r"Not creating XLA devices", r"MLIR[\w ]* [Oo]ptimization [Pp]ass(?:es)? (?:are|is) (?:not )?enabled"),
        "information about compilers that are not used",
    ),
    Harmless(
        "noise.end-of-data",
        (
            r"OUT_OF_RANGE: End of sequence",
            r"Local rendezvous recv item cancelled",
            r"Executor start aborting \(this does not indicate an error",
        ),
        "the end of the data was reached",
    ),
    Harmless(
        "noise.tf32",
        (r"TensorFloat-32 will be used",),
        "on Ampere and newer, matrices are multiplied with fewer digits; `NVIDIA_TF32_OVERRIDE=0` switches that off",
    ),
    Harmless(
        "noise.message-factory",
        (r"'MessageFactory' object has no attribute 'GetPrototype'",),
        "protobuf 6 reports an old call of TensorFlow's, which then takes the new one",
    ),
    Harmless(
        "noise.module",
        (
            r"nvidia: loading out-of-tree module taints kernel",
            r"nvidia: module verification failed: signature and/or required key missing",
            r"which spans more than PCI Bus",
        ),
        "the kernel notes that NVIDIA's module is not its own, and loads it",
    ),
    Harmless(
        "noise.wsl",
        (r"/usr/lib/wsl/lib/libcuda\.so\.1 is not a symbolic link", r"dxgkio_\w+: Ioctl failed"),
        "WSL brings the driver's library as a file, and asks Windows for what this one does not have",
    ),
    Harmless(
        "noise.autotune",
        (r"Delay kernel timed out", r"Skipping the delay kernel", r"Trying algorithm [^\n]* is taking a while"),
        "XLA measures which of several ways is fastest",
    ),
    Harmless(
        "noise.discovery",
        (r"GPU device discovery failed: [^\n]*/sys/class/drm",),
        "ONNX Runtime looks for GPUs in a directory that WSL and containers do not have; CUDA does not need it",
    ),
    Harmless(
        "noise.nccl",
        (r"NET/Plugin ?: No plugin found", r"NCCL WARN Failed to open libibverbs"),
        "there is no InfiniBand, and NCCL takes the network that is there",
    ),
    Harmless(
        "noise.apptainer",
        (r"underlay of \S*nvidia\S* required more than \d+",),
        "Apptainer mounts the driver's files one by one",
    ),
    Harmless(
        "noise.driver-ptxas",
        (r"ptxas does not support CC \d+\.\d+", r"Relying on driver to perform ptx compilation"),
        "the driver compiles instead of `ptxas`",
    ),
)


def harmless(text: str) -> list[tuple[Harmless, int]]:
    """Return what of a log is harmless, and in how many places it stands; in order of their first place."""
    log = read_log(text)
    found = []
    for noise in HARMLESS:
        events = list(noise.kind.events(log.text, lambda at: 0, log.lowered))
        if events and noise.when(log):
            found.append((min(event.at for event in events), noise, len(events)))
    return [(noise, count) for _, noise, count in sorted(found, key=lambda it: it[0])]
