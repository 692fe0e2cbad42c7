"""What the driver and those who read its log say of a GPU that failed, by the numbers of NVIDIA's catalogue."""

from __future__ import annotations

from gpuenv.doctor.event import Kind
from gpuenv.doctor.xids import XIDS, meaning


def _kind(group: str) -> Kind:
    """Return the kind of a group of numbers; a database has an `xid` too, in small letters."""
    number = rf"(?P<number>{'|'.join(map(str, XIDS[group]))})\b"
    return Kind(
        f"xid.{group}",
        (
            rf"NVRM: Xid \([^)\n]*\): {number}",
            rf"XidCriticalError: Xid={number}",
            rf"\bXid errors? \W{{0,2}}{number}",
            rf"\bXid(?<=(?-i:Xid|XID)) \W{{0,2}}{number}(?=[^\n]{{0,40}}\b(?:GPU|NVRM|RTX|CUDA)\b)",
            rf"\b(?:GPU|NVRM|RTX|CUDA)\b[^\n]{{0,40}}\bXid(?<=(?-i:Xid|XID)) \W{{0,2}}{number}",
        ),
        adds=meaning,
    )


XID_KINDS = (
    *(_kind(group) for group in XIDS),
    Kind("gpu.off-bus", (r"\bGPU is lost\b", r"fallen off the bus", r"GPU_IS_LOST\b|NVMLError_GpuIsLost")),
    Kind(
        "gpu.no-power",
        (r"does not have the necessary power cables connected|Auxiliary power is not connected to the GPU",),
    ),
    Kind(
        "gpu.memory-errors",
        (
            r"CUDA_ERROR_ECC_UNCORRECTABLE|cudaErrorECCUncorrectable",
            r"uncorrectable ECC error",
            r"row[- ]remapp?ing fail\w*",
            r"Pending Page Blacklist : Yes|Remapping Failure Occurred : Yes",
        ),
    ),
    Kind(
        "gpu.link-errors",
        (
            r"CUDA_ERROR_NVLINK_UNCORRECTABLE|cudaErrorNvlinkUncorrectable",
            r"uncorrectable NVLink error",
            r"SXid \([^)\n]*\): \d+, Fatal",
        ),
    ),
)
