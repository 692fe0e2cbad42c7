"""What the driver's log says of a GPU that failed: off the bus, its memory, its links, its firmware, or a program."""

from __future__ import annotations

from gpuenv.doctor.consequences import NO_GPU
from gpuenv.doctor.log_rule import LogRule

_CATALOGUE = "https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html"
_FAILED = (
    *NO_GPU,
    "driver.adapter",
    "memory.handle",
    "memory.blas",
    "cudnn.not-started",
    "nccl.failed",
    "gpu.any-error",
)
_RESET = "end what uses it and run `sudo nvidia-smi --gpu-reset -i 0`, or restart the machine"

# Kinds that show a fault of the machine, not of a program.
HARDWARE = (
    "xid.memory",
    "gpu.memory-errors",
    "xid.link",
    "gpu.link-errors",
    "xid.firmware",
    "xid.power",
    "gpu.no-power",
)

XID_RULES = (
    LogRule(
        "gpu.off-the-bus",
        ("xid.bus", "gpu.off-bus"),
        "a GPU stopped answering on the PCI Express bus while the machine ran",
        "restart the machine, with the power off for a moment; if it comes back look at the power supply and its "
        "cables, the heat (`nvidia-smi -q -d TEMPERATURE,POWER`), the card's seat and the system's firmware",
        (_CATALOGUE, "https://github.com/leptonai/gpud/issues/604"),
        order=27,
        explains=(*_FAILED, "cluster.full"),
    ),
    LogRule(
        "gpu.crashed",
        ("xid.memory", "gpu.memory-errors"),
        "the GPU's own memory has errors ({xid}): not the program is at fault, but the card",
        f"{_RESET}; run `nvidia-smi -q -d ECC,ROW_REMAPPER`, and have the card replaced if it reports failures again",
        (_CATALOGUE, "https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/"),
        confidence="likely",
        order=45,
        explains=_FAILED,
    ),
    LogRule(
        "gpu.crashed",
        ("xid.link", "gpu.link-errors"),
        "a link between the GPUs (NVLink, NVSwitch) failed ({xid})",
        f"run `nvidia-smi nvlink -e` for its errors; {_RESET}; where that does not help the bridge or board is at "
        f"fault",
        (_CATALOGUE,),
        confidence="likely",
        order=45,
        explains=_FAILED,
    ),
    LogRule(
        "gpu.crashed",
        ("xid.firmware",),
        "the GPU's own firmware stopped ({xid})",
        f"{_RESET}, then update the NVIDIA driver; with the closed kernel module `NVreg_EnableGpuFirmware=0` does "
        f"without it",
        (_CATALOGUE, "NVIDIA driver README, GSP Firmware"),
        confidence="likely",
        order=45,
        explains=_FAILED,
    ),
    LogRule(
        "gpu.crashed",
        ("xid.power", "gpu.no-power"),
        "the GPU's board does not work as it should ({xid}): its power cables, heat or a defect",
        "switch the machine off, look at the card's power cables and seat, then run `nvidia-smi -q -d "
        "POWER,TEMPERATURE`",
        (_CATALOGUE,),
        confidence="likely",
        order=27,
        explains=_FAILED,
    ),
    LogRule(
        "gpu.crashed",
        ("xid.program",),
        "the driver ended a program on the GPU ({xid}): most often a bug of the program or of a library",
        "run it with `CUDA_LAUNCH_BLOCKING=1` or under `compute-sanitizer`; if other programs fail too, update the "
        "driver and look at heat and power",
        (_CATALOGUE,),
        confidence="likely",
        order=49,
        when=lambda log: not log.has(*HARDWARE),
        explains=("memory.handle", "memory.blas", "cudnn.not-started"),
    ),
)
