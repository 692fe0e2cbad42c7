"""Memory, handles of cuDNN and cuBLAS, and crashes on the GPU."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

MEMORY_KINDS = (
    Kind(
        "memory.host",
        (
            r"OOM when allocating tensor[^\n]*by allocator (?:mkl)?cpu",
            r"DefaultCPUAllocator: (?:can't allocate|not enough) memory",
            r"Unable to allocate [\d.]+ [KMGT]iB for an array",
            r"exit(?:ed with)? (?:code|status) 137",
        ),
    ),
    Kind(
        "memory.gpu",
        (
            r"OOM when allocating tensor(?![^\n]*by allocator (?:mkl)?cpu)",
            r"CUDA_ERROR_OUT_OF_MEMORY",
            r"Dst tensor is not initialized",
            r"ResourceExhaustedError\b",
            r"CUDA out of memory|\bOutOfMemoryError\b",
            r"RESOURCE_EXHAUSTED: (?:Out of memory|Failed to allocate|OOM)",
            r"cudaErrorMemoryAllocation",
            r"CUDA error: out of memory",
            r"Error 2: out of memory",
            r"failed to allocate [\d.]+\w? \(\d+ bytes\) from device",
        ),
    ),
    Kind(
        "memory.handle",
        (
            r"could not create cudnn handle: (?P<status>CUDNN_STATUS_\w+)",
            r"failed to create cublas handle: (?P<status>CUBLAS_STATUS_\w+|the CUDA Runtime initialization failed)",
            r"(?P<status>CUBLAS_STATUS_(?:ALLOC_FAILED|NOT_INITIALIZED)) when calling",
            r"(?:Error|cuDNN error): (?P<status>CU(?:DNN|BLAS|SOLVER|SPARSE)_STATUS_(?:NOT_INITIALIZED|ALLOC_FAILE"
            r"D|INTERNAL_ERROR))",
            r"operation \w+\([^\n]{0,60}failed: cu\w+ internal error",
            r"failed to create cu(?:solver|sparse|fft)\w* (?:handle|instance|plan)",
            r"(?:cuSolver|cuBLAS|cuSPARSE) has not been initialized",
            r"gpusolverDnCreate\(&handle\) failed",
        ),
    ),
    Kind(
        "memory.blas",
        (r"Blas \w+ launch failed", r"Attempting to perform BLAS operation using StreamExecutor without BLAS"),
    ),
    Kind(
        "cudnn.not-started",
        (
            r"This is probably because cuDNN failed to initialize",
            r"No algorithm worked!",
            r"DNN library (?:initialization failed|is not found)",
            r"Failed to determine best cudnn convolution algorithm",
            r"Unable to find an engine to execute this computation|GET was unable to find an engine",
            r"Check failed: stream->parent\(\)->GetConvolveAlgorithms",
        ),
    ),
    Kind(
        "gpu.crashed",
        (
            r"(?P<error>CUDA_ERROR_(?:ILLEGAL_ADDRESS|LAUNCH_FAILED|LAUNCH_TIMEOUT|ILLEGAL_INSTRUCTION|MISALIGNED_"
            r"ADDRESS|ECC_UNCORRECTABLE))",
            r"CUDA error: (?P<error>an illegal memory access was encountered|unspecified launch failure|misaligned"
            r" address)",
            r"(?P<error>the launch timed out and was terminated)",
            r"NVRM: Xid \([^\n]*\): (?P<error>\d+)",
            r"(?P<error>GPU is lost|GPU has fallen off the bus|uncorrectable ECC error)",
        ),
    ),
    Kind("gpu.assert", (r"device-side assert triggered",)),
    Kind("gpu.ordinal", (r"invalid device ordinal", r"CUDA_ERROR_INVALID_DEVICE")),
    Kind(
        "gpu.any-error",
        (
            r"(?P<error>CUDA_ERROR_(?!NO_DEVICE|OUT_OF_MEMORY)[A-Z_]{4,}|CU(?:DNN|BLAS|SOLVER|FFT)_STATUS_(?!SUCCE"
            r"SS)[A-Z_]{4,})",
        ),
    ),
)
