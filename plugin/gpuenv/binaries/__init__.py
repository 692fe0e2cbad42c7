"""Read binaries instead of labels: what a library needs, opens, is, and which GPUs it has code for.

A leaf that every step may use: it imports only `model` and `errors`, and never runs or loads what it reads.
"""

from gpuenv.binaries.elf import ElfInfo, read_elf
from gpuenv.binaries.fatbin import FatBinary, GpuCodeSummary, fat_binaries, gpu_code
from gpuenv.binaries.loader import dlopened_names
from gpuenv.binaries.pe import PeInfo, read_pe
from gpuenv.binaries.versions import LibraryVersion, library_version

__all__ = [
    "ElfInfo",
    "FatBinary",
    "GpuCodeSummary",
    "LibraryVersion",
    "PeInfo",
    "dlopened_names",
    "fat_binaries",
    "gpu_code",
    "library_version",
    "read_elf",
    "read_pe",
]
