"""GPU code: for which GPUs there is some, and what the driver compiles."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

CODE_KINDS = (
    Kind(
        "code.too-old",
        (
            r"Ignoring (?:visible )?gpu device [^\n]*?(?:\n[^\n]*?)?compute capability (?P<found>\d+\.\d+)\. "
            r"The minimum required (?:Cuda|CUDA) capability is (?P<least>\d+\.\d+)",
            r"Found GPU\d+ (?P<name>[^\n]+?) which is of cuda capability (?P<found>\d+\.\d+)\. PyTorch no longer s"
            r"upports",
            r"is of insufficient compute capability: (?P<least>\d+\.\d+) required, device is (?P<found>\d+\.\d+)",
            r"unsatisfied condition: arch\s?>=\s?(?P<least>[\d.]+)",
            r"supported on GPUs with compute capability of at least (?P<least>\d+\.\d+)\. Your [^\n]{0,60}"
            r"compute capability (?P<found>\d+\.\d+)",
        ),
    ),
    # What a GPU can, in TensorFlow 2, in TensorFlow 1, and where the device is made.
    Kind(
        "code.capability",
        (
            r"computeCapability: (?P<major>\d+)\.\d",
            r"\bmajor: (?P<major>\d+) minor: \d",
            r"compute capability: (?P<major>\d+)\.\d",
        ),
    ),
    Kind(
        "code.nan",
        (
            r"Loss is inf or nan",
            r"\bloss\s?[=:]\s?nan\b",
            r"NaN loss during training",
            r"Tensor had (?:Inf and )?NaN values",
            r"diverged with loss = NaN",
        ),
    ),
    Kind("code.operation", (r"Failed to load in-memory CUBIN: CUDA_ERROR_NO_BINARY_FOR_GPU",)),
    Kind(
        "code.none",
        (
            r"no kernel image is available for execution on the device",
            r"device kernel image is invalid",
            r"CU(?:DNN|BLAS)_STATUS_(?:NOT_SUPPORTED_)?ARCH_MISMATCH",
            r"Detected (?P<gpu>[^\n]{0,60}GPU), which is not (?:yet )?supported (?:by|in) this",
            r"No supported GPU\(s\) detected to run this container",
            r"CUDA_ERROR_NO_BINARY_FOR_GPU",
            r"with CUDA capability (?P<gpu>sm_\d+a?) is not compatible with the current PyTorch installation",
            r"cudaErrorNoKernelImageForDevice|cudaErrorInvalidKernelImage|CUDA_ERROR_INVALID_IMAGE",
            r"invalid device function|cudaErrorInvalidDeviceFunction",
            r"Expected is_(?P<gpu>sm_?\d+)\b[^\n]{0,80}to be true, but got false",
            r"FlashAttention only supports \w+ GPUs or newer",
            r"nvrtc: error: invalid value for --gpu-architecture",
        ),
    ),
    Kind(
        "code.bad-ptx",
        (
            r"'sm_\d+\w?' is not a recognized processor",
            r"CUDA_ERROR_INVALID_PTX",
            r"CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
            r"a PTX JIT compilation failed",
            r"PTX version [\d.]+ does not support target '?sm_\w+",
        ),
    ),
    Kind(
        "code.jit-disabled",
        (r"CUDA_ERROR_JIT_COMPILATION_DISABLED|cudaErrorJitCompilationDisabled", r"PTX JIT compilation was disabled"),
    ),
    Kind("code.forced-ptx", (r"CUDA_FORCE_(?:PTX_)?JIT\W{1,4}1\b",)),
    Kind(
        "code.compiles",
        (
            r"was not built with CUDA kernel binaries compatible with compute capability (?P<gpu>\d+\.\d+)",
            r"CUDA kernels will be jit-compiled from PTX",
        ),
    ),
    # What PyTorch says; cuFFT before CUDA 11.8 does so on every Ada (RTX 40).
    Kind("code.cufft", (r"cuFFT error: CUFFT_INTERNAL_ERROR",)),
    # Numbers of fewer bits, which came with Ampere (bfloat16), Ada and Hopper (FP8).
    Kind(
        "code.no-type",
        (
            r"does(?: not|n't) support (?P<type>bfloat16|bf16)\b",
            r"(?P<type>bfloat16|bf16|fp8)\b is (?:not supported|unsupported) (?:on|by) (?:your|this|the)(?: current)? "
            r"(?:GPU|CUDA|device)",
            r"Feature '[^'\n]*(?P<type>bf16|e4m3|e5m2)[^'\n]*' requires \.target sm_\d+",
            r"type (?P<type>fp8e4nv|bf16) not supported in this architecture",
        ),
    ),
    # Where the GPU shares the processor's memory.
    Kind("code.pointer-check", (r"(?:Destination|Source) pointer is not actually on GPU",)),
    Kind("code.handle", (r"CUDA_ERROR_INVALID_HANDLE",)),
    Kind("code.blackwell", (r"\bBlackwell\b", r"\bRTX\s?50[5-9]0\b", r"compute capability:? 1[02]\.\d\b")),
    Kind("code.slow", (r"GPU check [^\n]*did not end within [\d.]+ s",)),
    Kind("code.invalid-handle", (r"cuLaunchKernel\([^\n]{0,200}failed with '?CUDA_ERROR_INVALID_HANDLE",)),
)
