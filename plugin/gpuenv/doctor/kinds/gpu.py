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
            r"(?P<error>CUDA_ERROR_(?:ILLEGAL_ADDRESS|LAUNCH_FAILED|LAUNCH_TIMEOUT|ILLEGAL_INSTRUCTION|MISALIGNED_"
            r"ADDRESS|ECC_UNCORRECTABLE|NVLINK_UNCORRECTABLE|HARDWARE_STACK_ERROR|INVALID_PC|CONTAINED))",
            r"CUDA error: (?P<error>an illegal memory access was encountered|unspecified launch failure|misaligned"
            r" address|an illegal instruction was encountered|hardware stack error)",
            r"(?P<error>the launch timed out and was terminated)",
            r"NVRM: Xid \([^\n]*\): (?P<error>\d+)",
            r"stream did not block host until done; (?P<error>was already in an error state)",
            r"(?P<error>GPU is lost|fallen off the bus|uncorrectable (?:ECC|NVLink) error|row[- ]remapp?ing fail\w*)",
            r"(?P<error>cudaError(?:IllegalAddress|LaunchFailure|LaunchTimeout|ECCUncorrectable|HardwareStackError|"
            r"MisalignedAddress|IllegalInstruction|NvlinkUncorrectable))",
        ),
    ),
    Kind("gpu.assert", (r"device-side assert triggered",)),
    Kind(
        "gpu.ordinal",
        (r"invalid device ordinal", r"CUDA_ERROR_INVALID_DEVICE\b", r"device < num_gpus\W? ?INTERNAL ASSERT FAILED"),
    ),
    Kind(
        "gpu.any-error",
        (
            r"(?P<error>CUDA_ERROR_(?!NO_DEVICE|OUT_OF_MEMORY)[A-Z_]{4,}|CU(?:DNN|BLAS|SOLVER|FFT)_STATUS_(?!SUCCE"
            r"SS)[A-Z_]{4,})",
        ),
    ),
)
