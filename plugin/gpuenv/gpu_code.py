"""The rule that says which GPU runs which code. A leaf without heavy imports: recipes and checks both ask it."""

from __future__ import annotations

from collections.abc import Iterable

from gpuenv.model import ComputeCapability, GpuCode


def service_of(
    capability: ComputeCapability,
    machine_code: Iterable[ComputeCapability],
    ptx: Iterable[ComputeCapability],
) -> GpuCode | None:
    """Say how a GPU is served by a binary with this machine code and PTX; None when it cannot run it at all.

    Machine code runs on GPUs of the same major version with the same or a greater minor one: code for 8.0 on 8.6,
    never on 9.0. PTX is compiled by the driver for any GPU of its own capability or a greater one. With neither known
    the answer is `unknown`. Rule: CUDA C++ Programming Guide, "Binary Compatibility" and "PTX Compatibility".
    """
    compiled, portable = tuple(machine_code), tuple(ptx)
    if not compiled and not portable:
        return "unknown"
    if any(code[0] == capability[0] and code[1] <= capability[1] for code in compiled):
        return "native"
    return "ptx" if any(code <= capability for code in portable) else None
