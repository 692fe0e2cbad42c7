"""What NVIDIA's catalogue says of the numbers in `NVRM: Xid (PCI:0000:01:00): 79, ...`, by what a person can do.

Source: https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html and nverror.h of NVIDIA's open kernel
modules, read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

# Who has to act: the program's author (`program`), or who looks after the machine.
XIDS: Mapping[str, Mapping[int, str]] = {
    "bus": {
        79: "the GPU has fallen off the bus",
    },
    "memory": {
        48: "a double-bit error in the GPU's memory",
        63: "a memory row or page was put aside",
        64: "a memory row or page could not be put aside",
        92: "very many single-bit errors",
        94: "a memory error that was contained",
        95: "a memory error that was not contained",
        140: "a memory error that was not corrected",
        156: "a resource was retired",
        157: "a resource could not be retired",
        160: "a memory channel was retired",
        161: "a memory channel could not be retired",
        171: "an uncorrectable error in DRAM",
        172: "an uncorrectable error in SRAM",
    },
    "link": {
        74: "an NVLink error",
        121: "an error of the link to the processor",
        136: "training of an NVLink failed",
        137: "a fault of another GPU's access over NVLink",
        141: "a fatal error of NVLink's training",
        **dict.fromkeys(range(144, 151), "an NVLink error"),
        155: "an NVLink error",
    },
    "firmware": {
        37: "the driver's firmware failed",
        38: "the driver's firmware failed",
        59: "the micro-controller failed",
        61: "the micro-controller stopped",
        62: "the micro-controller halted",
        119: "the GPU's system processor (GSP) did not answer in time",
        120: "the GPU's system processor (GSP) failed",
        143: "the GPU could not be initialized",
        158: "a fatal time-out of the GPU",
    },
    "power": {
        54: "the board's power cable is not connected",
        56: "the display engine failed",
        57: "the memory interface could not be programmed",
        58: "the memory interface is unstable",
    },
    "program": {
        8: "the GPU stopped processing",
        11: "an invalid stream of commands",
        13: "an exception in GPU code, as an index out of range",
        24: "a semaphore timed out",
        31: "an access to GPU memory that is not there",
        32: "an invalid stream of commands",
        39: "an exception while copying",
        40: "an exception while copying",
        41: "an exception while copying",
        43: "the GPU stopped processing after an error of the program",
        44: "a fault while programs were switched",
        45: "a program was ended after an earlier error",
        46: "the GPU stopped processing",
        68: "an exception of the video decoder",
        69: "an exception in GPU code",
        80: "corrupted data was sent to the GPU",
        109: "a switch between programs timed out",
    },
}
_MEANINGS = {number: meaning for group in XIDS.values() for number, meaning in group.items()}


def meaning(values: Mapping[str, str]) -> Mapping[str, str]:
    """Return the number with its meaning as `xid`, from the `number` that a wording found."""
    return {"xid": f"Xid {values['number']}: {_MEANINGS[int(values['number'])]}"}
