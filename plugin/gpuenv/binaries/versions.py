"""Read a CUDA or cuDNN library's version from the library itself where it can be found there."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpuenv.binaries.elf import Elf, Symbol, mapped
from gpuenv.binaries.pe import read_pe

# The CUDA Toolkit's DLLs have its digits without the dots after this: cuBLAS 11.11.3 is 6.14.11.11113, cuFFT 10.9.0
# is 6.14.11.1090. Where the dots belong cannot be told (measured on the DLLs of CUDA 11.8).
_CUDA_DLL_PREFIX = "6.14."
# mov dword [rdi], imm32: `*version = 11401` at the start of a function.
_STORE_TO_ARGUMENT = re.compile(rb"\xc7\x07(....)", re.DOTALL)
# mov dword [rsp+disp32], imm32: `const size_t version = CUDNN_VERSION`, handed to the logger.
_STORE_TO_STACK = re.compile(rb"\xc7\x84\x24....(....)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LibraryVersion:
    """A library's version, and where it was read: in the `binary`, or in the `metadata` of the package it came with."""

    version: str
    source: Literal["binary", "metadata"]

    @property
    def release(self) -> tuple[int, ...]:
        """Return the first three numbers, which binaries and metadata both have: `8.6.0.163` gives (8, 6, 0)."""
        return tuple(int(number) for number in re.findall(r"\d+", self.version)[:3])


def library_version(path: Path) -> LibraryVersion | None:
    """Find the version of a CUDA or cuDNN library; None when neither the file nor a package tells.

    cuDNN's Windows DLLs carry it (VS_FIXEDFILEINFO). On Linux these do, each in its own way: six of the seven files of
    cuDNN 8, cuFFT, cuRAND and cuSOLVER. For others (`libcudnn.so.8` itself only forwards to the six) the metadata of
    an installed package counts if its RECORD lists this file with the size it has. Files of cuDNN that differ in
    `release` are a mixture that cannot work. Raises GpuenvError for an unreadable file.
    """
    real = path.resolve()
    if real.suffix.lower() == ".dll":
        version = read_pe(real).version
        known = version and not version.startswith(_CUDA_DLL_PREFIX)
        return LibraryVersion(version, "binary") if version and known else _from_metadata(real)
    with mapped(real) as data:
        found = _from_binary(Elf(data), real.name)
    return LibraryVersion(found, "binary") if found else _from_metadata(real)


def _from_binary(elf: Elf, name: str) -> str | None:
    """Try the ways that fit the file's name."""
    stem = name.partition(".so")[0].removeprefix("lib")
    if stem.startswith("cudnn_"):
        return _cudnn_constant(elf, stem) or _cudnn_logged(elf, stem)
    if stem in ("cufft", "curand", "cusolver"):
        return _immediate(elf, f"{stem}GetVersion", _STORE_TO_ARGUMENT, _decode_thousands)
    return None


def _cudnn_constant(elf: Elf, stem: str) -> str | None:
    """Read the exported constant `cudnn_ops_infer_version`: `00 06 08 00` is 8.6.0, patch first."""
    symbol = elf.symbol(f"{stem}_version")
    if symbol is None:
        return None
    patch, minor, major = struct.unpack("<BBH", elf.bytes_at(symbol.address, 4))
    return f"{major}.{minor}.{patch}"


def _cudnn_logged(elf: Elf, stem: str) -> str | None:
    """Read what `cudnnCnnTrainVersionCheck` puts on its stack: `c7 84 24 b0 00 00 00 98 21 00 00` stores 8600."""
    function = "".join(part.capitalize() for part in stem.removeprefix("cudnn_").split("_"))
    return _immediate(elf, f"cudnn{function}VersionCheck", _STORE_TO_STACK, _decode_thousands)


def _immediate(elf: Elf, function: str, pattern: re.Pattern[bytes], decode: Callable[[int], str]) -> str | None:
    """Return the one number of a version's size that a function stores; None when there is none or more than one."""
    symbol: Symbol | None = elf.symbol(function)
    if symbol is None:
        return None
    stored = (struct.unpack("<I", raw)[0] for raw in pattern.findall(elf.bytes_at(symbol.address, symbol.size)))
    versions = {number for number in stored if 1000 <= number < 100_000}
    return decode(versions.pop()) if len(versions) == 1 else None


def _decode_thousands(number: int) -> str:
    """Decode CUDNN_VERSION of cuDNN 8, CUFFT_VERSION and their like: 10900 is 10.9.0."""
    return f"{number // 1000}.{number // 100 % 10}.{number % 100}"


def _from_metadata(path: Path) -> LibraryVersion | None:
    """Look for the line of an installed package's RECORD that fits this file.

    Sample: `nvidia/cublas/lib/libcublas.so.11,sha256=8zvR...,94729912`. The packages are in the site-packages above
    the file, or, for other sources than wheels, nowhere near: then there is no answer here.
    """
    site_packages = next((parent.parent for parent in path.parents if parent.name == "nvidia"), None)
    if site_packages is None:
        return None
    member, size = path.relative_to(site_packages).as_posix(), path.stat().st_size
    for record in sorted(site_packages.glob("nvidia_*.dist-info/RECORD")):
        for line in record.read_text("utf-8", "replace").splitlines():
            if line.startswith(f"{member},") and line.endswith(f",{size}"):
                return LibraryVersion(record.parent.name.removesuffix(".dist-info").rpartition("-")[2], "metadata")
    return None
