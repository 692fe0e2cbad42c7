"""The GPU: crashes, who has it, which one is asked for."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

GPU_KINDS = (
    Kind(
        "gpu.busy",
        (
            r"CUDA-capable device\(s\) is/are busy or unavailable",
            r"devices are busy or unavailable",
            r"cudaErrorDevicesUnavailable",
        ),
    ),
    Kind("gpu.mig", (r"\bMIG-(?:GPU-)?[\da-f]{6,}", r"\bMIG \d+g\.\d+gb", r"-MIG-\d+g\.\d+gb")),
    Kind("gpu.mps", (r"CUDA_ERROR_MPS_\w+", r"MPS (?:client|server) (?:failed|is not ready|\w+ terminated)")),
    Kind(
        "gpu.crashed",
        (
            r"(?P<error>CUDA_ERROR_(?:ILLEGAL_ADDRESS|LAUNCH_FAILED|LAUNCH_TIMEOUT|ILLEGAL_INSTRUCTION|"
            r"MISALIGNED_ADDRESS|HARDWARE_STACK_ERROR|INVALID_PC|CONTAINED))",
            r"(?:CUDA error|cuda runtime error \(\d+\)|CUDA failure \d+|status: Internal)\s?: "
            r"(?P<error>an illegal memory access was encountered|unspecified launch failure|misaligned address|"
            r"an illegal instruction was encountered|hardware stack error)",
            # As other programs put it: `cudaError_t 4 : "..."`, `GPUassert: ...`, `cuda assert: ...`.
            r"(?:cudaError_t \d+ : \W?|assert: ?|CUDA[\w ]{0,12} (?:error|failure)\W{1,4}(?:\d+\W{1,3})?)"
            r"(?P<error>unspecified launch failure|an illegal memory access|misaligned address|an illegal instruction)",
            r"(?P<error>the launch timed out and was terminated)",
            r"NVRM: (?P<error>Xid) \([^\n]*\): \d",
            r"stream did not block host until done; (?P<error>was already in an error state)",
            r"\] (?P<error>Unexpected Event status): \d",
            r"\b(?P<error>GPU sync failed|[CG]PU->[CG]PU Memcpy failed)",
            r"(?P<error>GPU is probably locked)",
            r"(?P<error>Error while waiting for GPU progress)",
            r"task (?P<error>nvidia\S*) blocked for more than \d+ seconds",
            r"display driver (?P<error>nvlddmkm) stopped responding",
            r"(?P<error>VIDEO_TDR_\w+|Restarting TDR occurred)",
            r"(?P<error>GPU requires (?:a )?reset)",
            r"(?P<error>ERR!)[ |]+ERR!",
            r"(?P<error>cudaError(?:IllegalAddress|LaunchFailure|LaunchTimeout|HardwareStackError|MisalignedAddress|"
            r"IllegalInstruction))",
        ),
    ),
    Kind(
        "gpu.not-initialized",
        (
            r"CUDA error: initialization error",
            r"cudaErrorInitializationError",
            r"context[^\n]{0,60}CUDA_ERROR_NOT_INITIALIZED",
        ),
    ),
    Kind("gpu.assert", (r"device-side assert triggered",)),
    Kind(
        "gpu.ordinal",
        (
            r"invalid device ordinal",
            r"CUDA_ERROR_INVALID_DEVICE\b",
            r"device < num_gpus\W? ?INTERNAL ASSERT FAILED",
            r"requested devices in '?tf\.distribute\.Strategy'? are not visible",
        ),
    ),
    Kind("gpu.few-cores", (r"with core count: (?P<cores>\d+)\. The minimum required count is (?P<least>\d+)",)),
    Kind(
        "gpu.bad-launch",
        (
            r"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES|cudaErrorLaunchOutOfResources",
            r"too many resources requested for launch",
            r"CUDA_ERROR_INVALID_CONFIGURATION|cudaErrorInvalidConfiguration",
            r"(?:CUDA error|Internal): invalid configuration argument",
            r"out of resource: shared memory, Required: \d+",
        ),
    ),
    Kind(
        "gpu.not-supported",
        (
            r"CUDA_ERROR_NOT_SUPPORTED|cudaErrorNotSupported",
            r"CUDA error: operation not supported",
            r"TF_GPU_ALLOCATOR=cuda_malloc_async isn't currently supported",
            r"Failed to get default CUDA pool",
        ),
    ),
    Kind(
        "gpu.mig-failed",
        (
            r"(?:Unable|Failed) to create (?:a )?(?:GPU|compute) instances?\b[^\n]{0,120}Insufficient Resources",
            r"Unable to (?:enable|disable) MIG Mode for GPU[^\n]{0,40}",
            r"MIG mode is in pending (?:enable|disable) state",
        ),
    ),
    Kind(
        "gpu.any-error",
        (
            r"(?P<error>CUDA_ERROR_(?!NO_DEVICE|OUT_OF_MEMORY)[A-Z_]{4,}|CU(?:DNN|BLAS|SOLVER|FFT)_STATUS_(?!SUCCE"
            r"SS)[A-Z_]{4,})",
            r"(?:cuda|GPU) ?assert: ?(?P<error>[a-z][a-z ]{3,40}[a-z])(?= [\w/\\:.-]*\.\w+| \d|\n|$)",
            r"cudaError_t \d+ : \W?(?P<error>[a-z][a-z ]{3,40}[a-z])\W",
        ),
    ),
)
