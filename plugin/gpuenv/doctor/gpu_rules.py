"""The GPU, its code and its memory, and what XLA needs to make code for it."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.log_rule import LogRule

_TF = "https://github.com/tensorflow/tensorflow/issues/"
_CUDA_ERRORS = "CUDA driver API, enum CUresult, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"
_RECREATE = "run `gpuenv create --force`, then `gpuenv verify`"
_DRY_RUN = "run `gpuenv create --dry-run` to see which recipe serves this GPU"

GPU_RULES = (
    LogRule(
        "code.gpu-too-old",
        ("code.too-old",),
        "the GPU is too old for this framework or its cuDNN: it has compute capability {found}, at least {least} is "
        "needed",
        _DRY_RUN,
        (_TF + "46653", _TF + "25329"),
        order=40,
        explains=("gpu.not-registered", "code.none-for-gpu"),
    ),
    LogRule(
        "code.operation-without-ptx",
        ("code.operation",),
        "an operation of the framework has machine code only, and none for this GPU, which is newer than the framework",
        "run `gpuenv create --dry-run` for a newer framework, or put the operation into `with tf.device('CPU')`",
        ("measured on an H100 with TensorFlow 2.4.0: `tf.abs` and `tf.tanh`, November 2026",),
        order=40,
        explains=("code.none-for-gpu",),
    ),
    LogRule(
        "code.none-for-gpu",
        ("code.none",),
        "the framework or a CUDA library has no code for this GPU {gpu}",
        "run `gpuenv verify files` to see the code it has, and `gpuenv create --dry-run` for a recipe that fits",
        ("https://github.com/Slicer/SlicerPyTorch/issues/20", _TF + "43718", _TF + "41990"),
        order=41,
        explains=("memory.handle", "memory.blas", "cudnn.not-started", "gpu.crashed"),
    ),
    LogRule(
        "code.bad-ptx",
        ("code.bad-ptx", "code.invalid-handle"),
        "the driver cannot use the framework's code for this GPU: it is newer than the framework",
        "run `gpuenv create --dry-run` to see whether a recipe with machine code for this GPU exists",
        (_TF + "101746", _TF + "89272"),
        confidence="likely",
        order=42,
        explains=("code.compiling",),
    ),
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
        explains=("memory.handle", "memory.blas", "cudnn.not-started", "driver.cuinit"),
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
        (_TF + "25866", _TF + "45987", _CUDA_ERRORS),
        confidence="likely",
        order=50,
        explains=("memory.handle", "memory.blas", "cudnn.not-started"),
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
        "xla.libdevice",
        ("xla.libdevice",),
        "XLA does not find libdevice, which it needs for exponentials and the like",
        "run `echo $XLA_FLAGS`: it must name a directory with `nvvm/libdevice`, as `gpuenv create` sets it",
        (_TF + "58681", _TF + "56927", "measured on an H100 with TensorFlow 2.4.0, November 2026"),
        order=60,
        explains=("xla.ptxas-missing",),
    ),
    LogRule(
        "xla.ptxas-too-old",
        ("xla.ptxas-old",),
        "the `ptxas` that was found is older than this GPU {gpu}, or known to compile wrongly {version}",
        "run `command -v ptxas`: the one of the environment must come first; `gpuenv run` puts it there",
        (_TF + "45590", _TF + "62064"),
        confidence="likely",
        order=61,
        explains=("xla.ptxas-missing",),
    ),
    LogRule(
        "xla.ptxas-missing",
        ("xla.ptxas-missing",),
        "no `ptxas` was found, so that the driver has to compile",
        _RECREATE,
        ("https://github.com/MBoemo/DNAscent/issues/68",),
        confidence="possible",
        order=62,
    ),
    LogRule(
        "code.compiling",
        ("code.compiles",),
        "this GPU {gpu} is newer than the framework's machine code: everything is compiled first, for minutes",
        "run `gpuenv warm` to compile it once, ahead; or `gpuenv create --dry-run` for a newer framework",
        ("tensorflow/core/common_runtime/gpu/gpu_device.cc", _TF + "89272"),
        order=93,
    ),
    LogRule(
        "code.still-compiling",
        ("code.slow",),
        "the driver may still be compiling PTX, which a GPU newer than the framework's machine code needs once; "
        "with CUDA_MODULE_LOADING=LAZY it took 98 s on an H100, without it more than 520 s",
        "run `gpuenv verify --timeout 3600`",
        ("measured on an H100 with TensorFlow 2.4.0, November 2026", _TF + "22043"),
        confidence="possible",
        order=95,
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
        ("https://developer.nvidia.com/ERR_NVGPUCTRPERM", _TF + "35860"),
        order=98,
    ),
)
