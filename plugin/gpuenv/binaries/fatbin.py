"""Read which GPUs a library has code for, from its fat binaries."""

from __future__ import annotations

import mmap
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpuenv.binaries.elf import Elf, Section, mapped
from gpuenv.binaries.pe import pe_sections
from gpuenv.model import ComputeCapability

_MAGIC = re.compile(re.escape(struct.pack("<IHH", 0xBA55ED50, 1, 16)))  # with the only version and header size seen
_REGION = struct.Struct("<IHHQ")  # magic, version, bytes of this header, bytes of what follows
_ENTRY = struct.Struct("<HHIQ12xI")  # kind, version, bytes of this header, bytes of the code, ..., architecture
_PTX, _MACHINE_CODE = 1, 2
# `.nv_fatbin` holds whole programs, `__nv_relfatbin` relocatable device code; Windows cuts names at 8 characters.
# TensorFlow's own compiler puts what it makes among the constants: 8 in TensorFlow 2.4.0, which have no PTX.
_RELOCATABLE = "__nv_rel"
_SECTIONS = (".nv_fatb", _RELOCATABLE, ".rodata", ".rdata")


@dataclass(frozen=True, slots=True)
class FatBinary:
    """One fat binary (region): where it is in its file, and which GPUs it has code for; `ptx_bytes` as stored.

    `for_linking` says that it has code of another kind too, which a program hands to a linker at run time: 34 of
    cuSPARSE 11.7's, among the constants, have kind 8 for 37 to 90.
    """

    offset: int
    size_bytes: int
    machine_code: frozenset[ComputeCapability]
    ptx: frozenset[ComputeCapability]
    ptx_bytes: int
    for_linking: bool = False


# What one region has: machine code, and PTX.
RegionCode = tuple[frozenset[ComputeCapability], frozenset[ComputeCapability]]


@dataclass(frozen=True, slots=True)
class GpuCodeSummary:
    """The GPU code in a library: for which compute capabilities, and in how many of its fat binaries (regions).

    A GPU runs a library without compiling when every region has machine code for it, so the counts matter:
    TensorFlow 2.10 has machine code for 8.0 in 258 of 2,143 regions only. `sm_90a` counts as 9.0.
    """

    regions_by_code: Mapping[RegionCode, int]

    @property
    def regions(self) -> int:
        """Return how many there are."""
        return sum(self.regions_by_code.values())

    @property
    def machine_code(self) -> frozenset[ComputeCapability]:
        """Return the compute capabilities that any region has machine code for."""
        return frozenset(it for machine_code, _ in self.regions_by_code for it in machine_code)

    @property
    def ptx(self) -> frozenset[ComputeCapability]:
        """Return the compute capabilities that any region has PTX for."""
        return frozenset(it for _, ptx in self.regions_by_code for it in ptx)

    @property
    def machine_code_everywhere(self) -> frozenset[ComputeCapability]:
        """Return the compute capabilities that every region has machine code for."""
        return frozenset(
            it for it in self.machine_code if all(it in machine_code for machine_code, _ in self.regions_by_code)
        )


def gpu_code(path: Path) -> GpuCodeSummary:
    """Summarize the GPU code of an ELF or PE library; one without any gives zero regions.

    Relocatable code does not count: a program links it ahead into a fat binary that does, and the driver never sees it.
    116 of those of TensorFlow 2.17 have PTX for 9.0 only, and NCCL, which was linked from them, has machine code.

    Only headers are read, and code is skipped, so that a library of 700 MB takes milliseconds. A section is a row of
    regions, each aligned to 8 bytes, with padding between; the tables of constants have some too::

        50 ed 55 ba  01 00  10 00  b8 3c 09 00 00 00 00 00     magic, version, header 16 bytes, payload 0x93cb8 bytes
          02 00  01 01  40 00 00 00  c0 0a 00 00 00 00 00 00   kind (1 PTX, 2 machine code), header 64, code 0xac0 bytes
          00 00 00 00 00 00 00 00  07 00 01 00  23 00 00 00    ..., architecture 0x23 = 35: compute capability 3.5

    Structure: measured, and `cuda_fat_binary` in https://github.com/n-eiling/cuda-fatbin-decompression (read November
    2026). Raises GpuenvError for a file that is neither ELF nor PE, or whose fat binaries are cut off.
    """
    found = fat_binaries(path)
    return GpuCodeSummary(Counter((region.machine_code, region.ptx) for region in found))


def fat_binaries(path: Path, *, relocatable: bool = False) -> tuple[FatBinary, ...]:
    """List the fat binaries of an ELF or PE library in the file's order; the format is at `gpu_code`.

    Relocatable code is left out unless asked for: a program links it before it loads it, so that a single one of those
    fat binaries is nothing that the driver could load. Raises GpuenvError as `gpu_code` does.
    """
    with mapped(path) as data:
        sections = pe_sections(path) if data[:2] == b"MZ" else Elf(data).sections()
        wanted = [section for section in sections if section.name.startswith(_SECTIONS)]
        if not relocatable:
            wanted = [section for section in wanted if not section.name.startswith(_RELOCATABLE)]
        regions = (region for section in wanted for region in _regions(data, section))
        return tuple(region for region in regions if relocatable or not region.for_linking)


def _regions(data: mmap.mmap, section: Section) -> Iterator[FatBinary]:
    """Give each fat binary of a section."""
    end = min(section.offset + section.size, len(data))
    at = _next_region(data, section, section.offset)
    while at >= 0:
        _, _, header_bytes, payload_bytes = _REGION.unpack_from(data, at)
        begin, after = at + header_bytes, at + header_bytes + payload_bytes
        if after > end:
            raise ValueError(f"the fat binary at {at:#x} goes beyond its section")
        entries = list(_entries(data, begin, after))
        yield FatBinary(
            at,
            after - at,
            frozenset(capability for kind, capability, _ in entries if kind == _MACHINE_CODE),
            frozenset(capability for kind, capability, _ in entries if kind == _PTX),
            sum(code_bytes for kind, _, code_bytes in entries if kind == _PTX),
            any(kind not in (_PTX, _MACHINE_CODE) for kind, _, _ in entries),
        )
        at = _next_region(data, section, after)


def _entries(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, ComputeCapability, int]]:
    """Walk the entries of one fat binary, from header to header: kind, compute capability, bytes of the code."""
    while at + _ENTRY.size <= end:
        kind, _, header_bytes, code_bytes, architecture = _ENTRY.unpack_from(data, at)
        if header_bytes < _ENTRY.size:
            raise ValueError(f"the fat binary entry at {at:#x} has no header")
        yield kind, divmod(architecture, 10), code_bytes
        at += header_bytes + code_bytes


def _next_region(data: mmap.mmap, section: Section, start: int) -> int:
    """Find the next fat binary at or after a place in the section; -1 when there is none."""
    found = _MAGIC.finditer(data, start, section.offset + section.size)
    return next((match.start() for match in found if (match.start() - section.offset) % 8 == 0), -1)
