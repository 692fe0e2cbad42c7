"""The GPU itself: crashes, who has it, which one is asked for."""

from __future__ import annotations

import re

from gpuenv.doctor import reason
from gpuenv.doctor.consequences import NO_GPU
from gpuenv.doctor.event import Log
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import BROKEN, CUDA_ERRORS, TENSORFLOW
from gpuenv.doctor.xid_rules import HARDWARE

# What shows that an NVIDIA GPU is there too, beside one of the processor.
_NVIDIA = re.compile(r"NVIDIA Corporation|GeForce|Quadro|Tesla [A-Z]\d|\bRTX \w?\d{4}|NVIDIA-SMI \d")


def _has_only_another(log: Log) -> bool:
    """Say whether CUDA found nothing, and every GPU that the log names is of another maker."""
    failed = log.has("library.driver-missing", "cuinit.failed", "gpu.none-listed", "driver.no-module", "build.cpu-only")
    return failed and _NVIDIA.search(log.text) is None


GPU_RULES = (
    LogRule(
        "gpu.other-vendor",
        ("gpu.other-vendor",),
        "the GPU is not one of NVIDIA's, and CUDA works on no other: {vendor}",
        "for AMD take the framework's build for ROCm (`tensorflow-rocm`, PyTorch for `rocm`); on Windows "
        "`tensorflow-directml-plugin` works on any",
        ("https://docs.nvidia.com/cuda/cuda-installation-guide-linux/", "https://rocm.docs.amd.com/"),
        confidence="likely",
        order=34,
        when=_has_only_another,
        explains=NO_GPU,
    ),
    LogRule(
        "gpu.mig",
        ("gpu.mig",),
        "the GPU is cut into instances (MIG), of which a process sees one, and none when it asks for another",
        "run `nvidia-smi -L` and `export CUDA_VISIBLE_DEVICES=MIG-...` with one name of that list",
        (
            "https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
            "https://github.com/mlcommons/training/issues/442",
        ),
        confidence="likely",
        order=36,
        when=lambda log: log.has("driver.no-device", "gpu.ordinal"),
        explains=("driver.no-device", "driver.cuinit", "gpu.wrong-index", "gpu.not-registered"),
    ),
    LogRule(
        "gpu.mig",
        ("gpu.mig-failed",),
        "the GPU could not be cut into instances (MIG): something still uses it, or its instances leave no room",
        "end what uses it (`nvidia-smi`, the display, monitoring), then `sudo nvidia-smi -i 0 -mig 1`; `nvidia-smi "
        "mig -lgip` shows the room",
        ("https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",),
        confidence="likely",
        order=36,
    ),
    LogRule(
        "gpu.few-cores",
        ("gpu.few-cores",),
        "TensorFlow leaves a GPU out because it has {cores} multiprocessors, and another one has more: at least "
        "{least} are asked for",
        "run `export TF_MIN_GPU_MULTIPROCESSOR_COUNT={cores}` if the small one is to be used",
        ("tensorflow/core/common_runtime/gpu/gpu_device.cc",),
        order=43,
    ),
    LogRule(
        "gpu.bad-launch",
        ("gpu.bad-launch",),
        "GPU code was started with more threads, registers or shared memory than this GPU has for it, or with none",
        "run with a smaller block or fewer stages (`BLOCK_SIZE`, `num_stages`); where a library did it, take its "
        "build for this GPU, and look for an empty batch",
        (CUDA_ERRORS, "CUDA C++ Programming Guide, Compute Capabilities"),
        confidence="likely",
        order=53,
        explains=("gpu.any-error",),
    ),
    LogRule(
        "gpu.not-supported",
        ("gpu.not-supported",),
        "the program asks the driver for what it does not offer on this system, as managed memory or memory pools on "
        "a virtual GPU, in WSL or on an old driver",
        "run `unset TF_GPU_ALLOCATOR`, update the NVIDIA driver, and for a virtual GPU switch unified memory on in "
        "its host",
        (CUDA_ERRORS, "tensorflow/core/common_runtime/gpu/gpu_cudamallocasync_allocator.cc"),
        confidence="likely",
        order=53,
        explains=("gpu.any-error",),
    ),
    LogRule(
        "gpu.mps",
        ("gpu.mps",),
        "the process could not join CUDA's service for sharing a GPU (MPS), whose daemon is gone, or another user's",
        "run `echo quit | nvidia-cuda-mps-control`, or `unset CUDA_MPS_PIPE_DIRECTORY`",
        (CUDA_ERRORS, "https://docs.nvidia.com/deploy/mps/"),
        order=45,
        explains=("gpu.any-error", "driver.cuinit"),
    ),
    LogRule(
        "gpu.assert",
        ("gpu.assert",),
        "an assertion failed in GPU code: most often an index out of range, as of a label above the number of classes",
        "run the program with `CUDA_LAUNCH_BLOCKING=1`, or on the processor, to see which one",
        ("https://github.com/pytorch/pytorch/issues/21819",),
        confidence="likely",
        order=49,
        explains=("gpu.crashed", "memory.handle"),
    ),
    LogRule(
        "gpu.crashed",
        ("gpu.crashed",),
        "code crashed on the GPU ({error}): a bug of the program or of a library, the time limit of a display driver, "
        "or the GPU itself (heat, power, memory)",
        "run `nvidia-smi -q -d ECC,TEMPERATURE,PERFORMANCE`, update the driver, then run `gpuenv verify train`",
        (TENSORFLOW + "25866", TENSORFLOW + "45987", CUDA_ERRORS),
        confidence="likely",
        order=50,
        when=lambda log: not log.has(*HARDWARE, "gpu.off-bus", "xid.bus", "xid.program"),
        explains=("memory.handle", "memory.blas", "cudnn.not-started"),
    ),
    LogRule(
        "gpu.busy",
        ("gpu.busy",),
        "another process has the GPU for itself, or its compute mode allows one process only; a process that may open "
        "few files is told so too",
        "run `nvidia-smi` to see who has it, and `sudo nvidia-smi -c 0` to let several processes use it; `ulimit -n` "
        "shows how many files may be open",
        (CUDA_ERRORS, "nvidia-smi(1), --compute-mode", BROKEN),
        order=46,
        explains=("gpu.any-error",),
    ),
    LogRule(
        "python.fork",
        ("gpu.not-initialized",),
        "CUDA could not be started in this process: most often it was forked from one that had used the GPU already",
        "start the workers with `multiprocessing.set_start_method('spawn')`; if there are none, run `nvidia-smi`",
        ("https://docs.pytorch.org/docs/stable/notes/multiprocessing.html", CUDA_ERRORS),
        confidence="likely",
        order=54,
        when=lambda log: not log.has("python.fork", "cuinit.failed"),
    ),
    LogRule(
        "gpu.wrong-index",
        ("gpu.ordinal",),
        "the program asks for a GPU by a number that this process does not see",
        "run `nvidia-smi -L` to see which there are, and `echo $CUDA_VISIBLE_DEVICES`, behind which they count from 0",
        (CUDA_ERRORS, "https://github.com/pytorch/pytorch/issues/13026"),
        order=53,
        explains=("gpu.any-error",),
    ),
    LogRule(
        "gpu.any-error",
        ("gpu.any-error",),
        "a CUDA library reports {error}, for which there is no narrower rule",
        "run `nvidia-smi`, restart the machine if it shows an error, then `gpuenv verify`",
        (CUDA_ERRORS, TENSORFLOW + "37186"),
        confidence="possible",
        order=94,
        when=reason.nothing_narrower,
    ),
    LogRule(
        "gpu.not-registered",
        ("gpu.not-registered",),
        "the program asks for a GPU, and the framework has none registered; why is said where it started",
        "run `gpuenv doctor`, or paste the log from its first line on",
        ("https://github.com/keras-team/keras/issues/20414",),
        confidence="possible",
        order=97,
    ),
    LogRule(
        "profiler.privileges",
        ("profiler.privileges",),
        "the driver lets only administrators read the GPU's performance counters",
        "run `echo 'options nvidia NVreg_RestrictProfilingToAdminUsers=0' | sudo tee /etc/modprobe.d/nvidia.conf`, "
        "then restart",
        ("https://developer.nvidia.com/ERR_NVGPUCTRPERM", TENSORFLOW + "35860"),
        order=98,
    ),
)
