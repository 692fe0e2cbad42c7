"""GPU code: for which GPUs there is some, and what XLA needs to make it."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.fixes import RECREATE
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.newer_gpu import compiles_for_long, newer_than_cuda, starts_slowly
from gpuenv.doctor.sources import BROKEN, CUDA_ERRORS, CUDA_VARIABLES, TENSORFLOW

_DRY_RUN = "run `gpuenv create --dry-run` to see which recipe serves this GPU"

CODE_RULES = (
    LogRule(
        "code.gpu-too-old",
        ("code.too-old",),
        "the GPU is too old for this framework or its cuDNN: it has compute capability {found}, at least {least} is "
        "needed",
        _DRY_RUN,
        (TENSORFLOW + "46653", TENSORFLOW + "25329"),
        order=40,
        explains=("gpu.not-registered", "code.none-for-gpu", "driver.cuinit", "driver.no-device"),
    ),
    LogRule(
        "code.gpu-too-old",
        ("code.no-type",),
        "the program computes with {type}, which this GPU does not have: bfloat16 came with compute capability 8.0 "
        "(Ampere), FP8 with 8.9",
        "set the program to float16 (`fp16=True` instead of `bf16=True`), or take a newer GPU",
        ("https://github.com/openvla/openvla/issues/103", "PTX ISA, `.bf16` and `.e4m3`"),
        order=40,
    ),
    LogRule(
        "code.none-for-gpu",
        ("code.cufft",),
        "cuFFT failed inside, as that of every CUDA before 11.8 does on Ada (RTX 40) and newer; else the GPU's memory "
        "is taken",
        "install a PyTorch for CUDA 11.8 or newer; `nvidia-smi` shows the GPU and who holds its memory",
        ("https://github.com/rhasspy/piper/issues/295", "https://github.com/pytorch/pytorch/issues/88038"),
        confidence="likely",
        order=52,
        when=lambda log: not log.has("memory.gpu"),
    ),
    LogRule(
        "code.pointer-check",
        ("code.pointer-check",),
        "TensorFlow takes memory of the GPU for the processor's, as builds of 1.13 and 2.0 do on Jetson, where both "
        "share one memory",
        "install NVIDIA's own build of TensorFlow for Jetson, of the version that the JetPack names",
        (
            "https://github.com/peterlee0127/tensorflow-nvJetson/issues/29",
            "tensorflow/stream_executor/cuda/cuda_driver.cc",
        ),
        confidence="likely",
        order=49,
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
        ("https://github.com/Slicer/SlicerPyTorch/issues/20", TENSORFLOW + "43718", TENSORFLOW + "41990"),
        order=41,
        explains=("memory.handle", "memory.blas", "cudnn.not-started", "gpu.crashed"),
    ),
    LogRule(
        "code.jit-disabled",
        ("code.jit-disabled",),
        "the driver was told not to compile PTX, which a GPU newer than the framework's machine code needs",
        "run `unset CUDA_DISABLE_PTX_JIT CUDA_DISABLE_JIT`, then `gpuenv verify compute`",
        (CUDA_VARIABLES, CUDA_ERRORS, BROKEN),
        order=40,
        explains=("code.bad-ptx", "code.compiling", "gpu.any-error", "gpu.crashed"),
    ),
    LogRule(
        "code.forced-ptx",
        ("code.forced-ptx",),
        "the driver was told to leave machine code aside and to compile PTX, of which cuBLAS and cuDNN have little: "
        "they fail, or all is compiled for minutes",
        "run `unset CUDA_FORCE_PTX_JIT CUDA_FORCE_JIT`, then `gpuenv verify compute`",
        (CUDA_VARIABLES, BROKEN),
        order=40,
        explains=("code.none-for-gpu", "code.compiling", "memory.handle", "cudnn.not-started", "gpu.any-error"),
    ),
    LogRule(
        "code.bad-ptx",
        ("code.bad-ptx", "code.invalid-handle"),
        "the driver cannot use the framework's code for this GPU: it is newer than the framework",
        "run `gpuenv create --dry-run` to see whether a recipe with machine code for this GPU exists",
        (TENSORFLOW + "101746", TENSORFLOW + "89272"),
        confidence="likely",
        order=42,
        explains=("code.compiling",),
    ),
    LogRule(
        "code.bad-ptx",
        ("code.handle",),
        "the driver cannot use the framework's code for this GPU: it is newer than the framework",
        "run `gpuenv create --dry-run` to see whether a recipe with machine code for this GPU exists",
        (TENSORFLOW + "97387", "https://github.com/TaterTotterson/microWakeWord-Trainer-Nvidia-Docker/issues/30"),
        confidence="likely",
        order=92,
        when=lambda log: log.has("code.blackwell") and reason.nothing_narrower(log),
        explains=("gpu.any-error",),
    ),
    LogRule(
        "xla.libdevice",
        ("xla.libdevice",),
        "XLA does not find libdevice, which it needs for exponentials and the like",
        "run `echo $XLA_FLAGS`: it must name a directory with `nvvm/libdevice`, as `gpuenv create` sets it",
        (TENSORFLOW + "58681", TENSORFLOW + "56927", "measured on an H100 with TensorFlow 2.4.0, November 2026"),
        order=60,
        explains=("xla.ptxas-missing",),
    ),
    LogRule(
        "xla.unsupported-operation",
        ("xla.unsupported",),
        "XLA was asked to compile {operation}, for which it has no code",
        "compile the model with `jit_compile=False`, or use a form of the layer without that operation, as "
        "`tf.keras.layers.LSTM(..., use_cudnn=False)` in Keras 3",
        ("https://github.com/keras-team/keras-core/issues/611",),
        order=60,
    ),
    LogRule(
        "xla.ptxas-too-old",
        ("xla.ptxas-old",),
        "the `ptxas` that was found is older than this GPU {gpu}, or known to compile wrongly {version}",
        "run `command -v ptxas`: the one of the environment must come first; `gpuenv run` puts it there",
        (TENSORFLOW + "45590", TENSORFLOW + "62064"),
        confidence="likely",
        order=61,
        explains=("xla.ptxas-missing",),
    ),
    LogRule(
        "xla.compiles-nothing",
        ("xla.no-config",),
        "XLA could compile none of its code: there is no `ptxas` that it may run, or no room for its files in the "
        "directory for temporary ones",
        "run `gpuenv doctor -p DIRECTORY` and `df -h /tmp`; `gpuenv create` brings a `ptxas` that fits",
        (BROKEN,),
        confidence="likely",
        order=62,
        when=lambda log: not log.has("system.disk-full"),
        explains=("cudnn.not-started", "xla.ptxas-missing"),
    ),
    LogRule(
        "xla.ptxas-missing",
        ("xla.ptxas-missing",),
        "no `ptxas` was found that XLA may run: the driver has to compile, and newer releases fail",
        RECREATE,
        ("https://github.com/MBoemo/DNAscent/issues/68",),
        confidence="possible",
        order=62,
    ),
    LogRule(
        "code.compiling",
        ("code.capability",),
        "this GPU is newer than the CUDA that the framework uses: everything was compiled first, for minutes",
        _DRY_RUN,
        ("https://github.com/tensorflow/models/issues/9525", TENSORFLOW + "41132"),
        confidence="likely",
        order=64,
        when=lambda log: newer_than_cuda(log) and starts_slowly(log),
    ),
    LogRule(
        "code.nan-on-newer-gpu",
        ("code.nan",),
        "this GPU is newer than the CUDA that the framework uses, whose code for it, compiled by the driver, is known "
        "to compute wrongly: here NaN; if the same training does so on an older GPU too, it is the training's own",
        _DRY_RUN + "; for TensorFlow 1.15 NVIDIA's own build is the one for CUDA 11",
        ("https://github.com/tensorflow/models/issues/10497", "https://github.com/NVIDIA/tensorflow"),
        confidence="likely",
        order=65,
        when=newer_than_cuda,
    ),
    LogRule(
        "code.compiling",
        ("code.compiles",),
        "this GPU {gpu} is newer than the framework's machine code: everything is compiled first, for minutes",
        "run `gpuenv warm` to compile it once, ahead; or `gpuenv create --dry-run` for a newer framework",
        ("tensorflow/core/common_runtime/gpu/gpu_device.cc", TENSORFLOW + "89272"),
        order=93,
        when=compiles_for_long,
    ),
    LogRule(
        "code.still-compiling",
        ("code.slow",),
        "the driver may still be compiling PTX, which a GPU newer than the framework's machine code needs once; with "
        "CUDA_MODULE_LOADING=LAZY it took 98 s on an H100, without it more than 520 s",
        "run `gpuenv verify --timeout 3600`",
        ("measured on an H100 with TensorFlow 2.4.0, November 2026", TENSORFLOW + "22043"),
        confidence="possible",
        order=95,
    ),
)
