"""The driver, the GPU, its code and its memory."""

from __future__ import annotations

from gpuenv.doctor.pattern import Pattern

_TF = "https://github.com/tensorflow/tensorflow/issues/"
_CUDA_ERRORS = "CUDA driver API, enum CUresult, https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"
_RECREATE = "run `gpuenv create --force`, then `gpuenv verify`"

GPU_PATTERNS = (
    Pattern(
        "driver.mismatch",
        r"kernel version (?P<kernel>[\d.]*\d) does not match DSO version (?P<library>[\d.]*\d)"
        r"|Driver/library version mismatch|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH|(?i:cuInit\W[^\n]*\b803\b)",
        "the driver's kernel module and its libraries have different versions, as after an update without a restart",
        "run `sudo reboot`; in a container, remove its own `libcuda.so.1`",
        (_TF + "4768", _TF + "22525", _CUDA_ERRORS),
        order=30,
    ),
    Pattern(
        "driver.compat-package",
        r"CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE|forward compatibility was attempted on non supported HW"
        r"|(?i:cuInit\W[^\n]*\b804\b)",
        "a `libcuda.so.1` of the package cuda-compat is used, which works on data-centre GPUs only",
        "run `unset LD_LIBRARY_PATH` if it names a `compat` directory, then `gpuenv verify`",
        (_TF + "4349", _CUDA_ERRORS),
        order=31,
    ),
    Pattern(
        "driver.too-old",
        r"CUDA driver version is insufficient for CUDA runtime version",
        "the NVIDIA driver is older than this CUDA needs",
        "run `gpuenv create --dry-run` to see which driver it needs, and update the driver",
        (_TF + "37978", _TF + "41401"),
        order=32,
    ),
    Pattern(
        "driver.ptx-too-new",
        r"CUDA_ERROR_UNSUPPORTED_PTX_VERSION|the provided PTX was compiled with an unsupported toolchain",
        "the driver is older than the CUDA toolkit that made this PTX; minor-version compatibility does not cover PTX",
        "update the NVIDIA driver, then run `gpuenv verify`",
        ("https://github.com/huggingface/candle/issues/1846", "https://docs.nvidia.com/deploy/cuda-compatibility/"),
        order=33,
    ),
    Pattern(
        "driver.stub",
        r"CUDA driver is a stub library|cudaErrorStubLibrary|CUDA_ERROR_STUB_LIBRARY",
        "the `libcuda` that was loaded is a stub for linking, not the driver",
        "run `unset LD_LIBRARY_PATH` if it names a `stubs` directory, then `gpuenv verify`",
        ("https://github.com/numba/numba/issues/8985", "https://github.com/NVIDIA/warp/issues/219"),
        order=34,
    ),
    Pattern(
        "driver.not-loaded",
        r"Could not load dynamic library '(?P<library>libcuda\.so\.1|nvcuda\.dll)'"
        r"|libcuda\.so\.1: cannot open shared object file|failed call to cuInit: UNKNOWN ERROR \(303\)",
        "the NVIDIA driver's own library is not to be seen: no driver, or a container or WSL without the GPU",
        "run `gpuenv info` to see what is in the way; for a container, `docker run --gpus all`",
        (_TF + "45882", "https://github.com/microsoft/WSL/issues/8587"),
        order=35,
    ),
    Pattern(
        "driver.no-device",
        r"CUDA_ERROR_NO_DEVICE|no CUDA-capable device is detected",
        "the driver is there but shows this process no GPU: CUDA_VISIBLE_DEVICES, a container, or the driver itself",
        "run `unset CUDA_VISIBLE_DEVICES` and `nvidia-smi`, then `gpuenv verify device`",
        (_TF + "62494", _TF + "44869"),
        order=36,
    ),
    Pattern(
        "driver.cuinit",
        r"failed call to cuInit: (?P<error>CUDA_ERROR_\w+|UNKNOWN ERROR \(\d+\))",
        "the driver could not be started: {error}",
        "run `sudo modprobe nvidia-uvm` or restart the machine, then `gpuenv verify device`",
        ("https://github.com/microsoft/DirectML/issues/80", _CUDA_ERRORS),
        confidence="likely",
        order=37,
    ),
    Pattern(
        "code.gpu-too-old",
        r"Ignoring visible gpu device .* compute capability (?P<found>\d+\.\d+)\. "
        r"The minimum required (?:Cuda|CUDA) capability is (?P<least>\d+\.\d+)",
        "the GPU has compute capability {found}, this framework needs at least {least}",
        "run `gpuenv create --dry-run` to see which recipe serves this GPU",
        (_TF + "46653", _TF + "25329"),
        order=40,
    ),
    Pattern(
        "code.operation-without-ptx",
        r"Failed to load in-memory CUBIN: CUDA_ERROR_NO_BINARY_FOR_GPU",
        "an operation of the framework has machine code only, and none for this GPU, which is newer than the framework",
        "run `gpuenv create --dry-run` for a newer framework, or put the operation into `with tf.device('CPU')`",
        ("measured on an H100 with TensorFlow 2.4.0: `tf.abs` and `tf.tanh`, November 2026",),
        order=40,
    ),
    Pattern(
        "code.none-for-gpu",
        r"no kernel image is available for execution on the device|device kernel image is invalid"
        r"|CUDA_ERROR_NO_BINARY_FOR_GPU",
        "the framework or a CUDA library has no code for this GPU",
        "run `gpuenv verify files` to see the code it has, and `gpuenv create --dry-run` for a recipe that fits",
        ("https://github.com/Slicer/SlicerPyTorch/issues/20", _TF + "43718", _TF + "41990"),
        order=41,
    ),
    Pattern(
        "code.bad-ptx",
        r"CUDA_ERROR_INVALID_PTX",
        "the driver cannot compile the framework's PTX for this GPU",
        "run `gpuenv create --dry-run` to see whether a recipe with machine code for this GPU exists",
        (_TF + "101746", _TF + "89272"),
        confidence="likely",
        order=42,
    ),
    Pattern(
        "memory.exhausted",
        r"OOM when allocating tensor|CUDA_ERROR_OUT_OF_MEMORY|Dst tensor is not initialized",
        "the GPU has not enough free memory",
        "run `nvidia-smi` to see which process holds it, end that one, then `gpuenv verify`",
        (_TF + "6048", _TF + "7025", _CUDA_ERRORS),
        order=50,
    ),
    Pattern(
        "memory.handle",
        r"[Cc]ould not create cudnn handle: (?P<status>CUDNN_STATUS_\w+)"
        r"|failed to create cublas handle: (?P<blas>CUBLAS_STATUS_\w+)",
        "cuDNN or cuBLAS could not start on the GPU ({status}{blas}): most often its memory is taken, else a library "
        "is too old for the GPU",
        "run `nvidia-smi` to see which process holds the memory; `gpuenv verify files` for the libraries",
        (_TF + "24496", _TF + "44159", _TF + "45028"),
        confidence="likely",
        order=51,
    ),
    Pattern(
        "xla.libdevice",
        r"libdevice not found at|Can't find libdevice directory|libdevice\.10\.bc[^\n]*(?:not found|No such file)",
        "XLA does not find libdevice, which it needs for exponentials and the like",
        "run `echo $XLA_FLAGS`: it must name a directory with `nvvm/libdevice`, as `gpuenv create` sets it",
        (_TF + "58681", _TF + "56927", "measured on an H100 with TensorFlow 2.4.0, November 2026"),
        order=60,
    ),
    Pattern(
        "xla.ptxas-too-old",
        r"ptxas fatal\s*: Value '(?P<gpu>sm_\w+)' is not defined for option 'gpu-name'"
        r"|(?:ptxas too old|You are using ptxas [\d.]+, which is older than)",
        "the `ptxas` that was found is older than this GPU, or known to compile wrongly",
        "run `command -v ptxas`: the one of the environment must come first; `gpuenv run` puts it there",
        (_TF + "45590", _TF + "62064"),
        confidence="likely",
        order=61,
    ),
    Pattern(
        "xla.ptxas-missing",
        r"[Cc](?:ouldn't|ould not) (?:get|invoke|find|run) ptxas",
        "no `ptxas` was found, so that the driver has to compile",
        _RECREATE,
        ("https://github.com/MBoemo/DNAscent/issues/68",),
        confidence="possible",
        order=62,
    ),
    Pattern(
        "code.still-compiling",
        r"GPU check [^\n]*did not end within [\d.]+ s",
        "the driver may still be compiling PTX, which a GPU newer than the framework's machine code needs once; "
        "with CUDA_MODULE_LOADING=LAZY it took 98 s on an H100, without it more than 520 s",
        "run `gpuenv verify --timeout 3600`",
        ("measured on an H100 with TensorFlow 2.4.0, November 2026", _TF + "22043"),
        confidence="possible",
        order=95,
    ),
    Pattern(
        "cudnn.not-started",
        r"This is probably because cuDNN failed to initialize|No algorithm worked!",
        "cuDNN did not start or no algorithm of it ran: GPU memory, a mixture of versions, or a GPU newer than cuDNN",
        "run `gpuenv verify files`, and `nvidia-smi` to see the memory",
        (_TF + "36025", _TF + "45068"),
        confidence="possible",
        order=96,
    ),
)
