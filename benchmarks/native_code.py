"""Put machine code for a GPU into an environment's libraries, as if their makers had built them for it.

    gpuenv create -n native --gpu 9.0 --no-warm
    python -m benchmarks.native_code PREFIX --gpu 9.0 [--jobs N]

TensorFlow 2.4.0 has no machine code for an H100 (9.0), and no later release has it for all of its code, so nothing that
can be installed says what a training takes on such a GPU when no code has to be compiled. This makes it: the PTX of
each fat binary that the GPU would have to compile goes through the `ptxas` of the environment's own CUDA, and the
machine code takes the place of that for the oldest GPUs, compressed as the rest is. `benchmarks.first_epoch --native`
then measures it beside `gpuenv warm`. Afterwards `gpuenv warm` has nothing to do in that environment.

It changes the environment's libraries (never a file that another environment shares), so make one for it. Linux only.
Needs `lz4` (extra `bench`) and no GPU; TensorFlow 2.4.0 takes about 11 minutes of one core. The format of fat binaries
is at `gpuenv.binaries.gpu_code`; compressed code is a block of LZ4.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gpuenv.binaries import FatBinary, fat_binaries
from gpuenv.errors import GpuenvError
from gpuenv.gpu_code import service_of

_REGION = struct.Struct("<IHHQ")  # magic, version, bytes of this header, bytes of what follows
_PTX, _MACHINE_CODE = 1, 2
_COMPRESSED = 0x2000
# Of an entry's header: kind, bytes of the header, bytes of the code; then compressed bytes, architecture, flags, bytes
# before compression, at these places.
_HEADER = struct.Struct("<HxxIQ")
_PACKED_AT, _ARCHITECTURE_AT, _FLAGS_AT, _SIZE_AT = 16, 28, 40, 56


@dataclass(frozen=True)
class Code:
    """An entry of a fat binary: its header and the code behind it as they are in the file."""

    header: bytes
    body: bytes

    @property
    def kind(self) -> int:
        """Return 1 for PTX, 2 for machine code."""
        return int(_HEADER.unpack_from(self.header)[0])

    def unpacked(self) -> bytes:
        """Return the code itself, decompressed."""
        import lz4.block

        (flags,) = struct.unpack_from("<Q", self.header, _FLAGS_AT)
        if not flags & _COMPRESSED:
            return self.body
        (packed,) = struct.unpack_from("<I", self.header, _PACKED_AT)
        (size,) = struct.unpack_from("<Q", self.header, _SIZE_AT)
        code: bytes = lz4.block.decompress(self.body[:packed], uncompressed_size=size)
        return code


def main() -> None:
    """Compile everything that the GPU would have to compile, and write it into the libraries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path, help="an environment that gpuenv made, to be changed")
    parser.add_argument("--gpu", default="9.0", help="compute capability to compile for (default: 9.0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at the same time")
    args = parser.parse_args()
    major, minor = (int(number) for number in args.gpu.split("."))
    site_packages = next((args.prefix / "lib").glob("python3.*/site-packages"))
    ptxas = next(site_packages.glob("nvidia/*/bin/ptxas"))
    wanted = {path: found for path in _libraries(site_packages) if (found := _to_compile(path, (major, minor)))}
    print(f"{sum(map(len, wanted.values()))} modules of {len(wanted)} libraries for {args.gpu}", flush=True)
    started, spent = time.monotonic(), defaultdict(list)
    for path, regions in wanted.items():
        data = path.read_bytes()
        changed = bytearray(data)
        with ThreadPoolExecutor(args.jobs) as pool:
            largest_first = sorted(regions, key=lambda region: -region.ptx_bytes)
            compiled = pool.map(lambda region: _compiled(data, region, ptxas, (major, minor)), largest_first)  # noqa: B023
            for region, (payload, elapsed) in zip(largest_first, compiled, strict=True):
                changed[region.offset : region.offset + region.size_bytes] = payload
                spent[path].append(elapsed)
        _replace(path, bytes(changed))
        if _to_compile(path, (major, minor)):
            sys.exit(f"{path} still has code that {args.gpu} would have to compile")
        work = spent[path]
        print(f"{path.name}: {len(work)} modules, {sum(work):.1f} s of work, longest {max(work):.1f} s", flush=True)
    print(f"{time.monotonic() - started:.1f} s with {args.jobs} compilers, {ptxas}")


def _libraries(site_packages: Path) -> Iterator[Path]:
    """Give the framework's and CUDA's libraries, each file once."""
    for package in ("tensorflow", "nvidia"):
        yield from sorted(
            path for path in (site_packages / package).rglob("*.so*") if path.is_file() and not path.is_symlink()
        )


def _to_compile(path: Path, capability: tuple[int, int]) -> list[FatBinary]:
    try:
        found = fat_binaries(path)
    except GpuenvError:  # a linker script, or a library without GPU code
        return []
    return [region for region in found if service_of(capability, region.machine_code, region.ptx) == "ptx"]


def _compiled(data: bytes, region: FatBinary, ptxas: Path, capability: tuple[int, int]) -> tuple[bytes, float]:
    """Return a fat binary of the same size with machine code for the GPU and its PTX, and the seconds of `ptxas`."""
    import lz4.block

    codes = list(codes_of(data, region))
    ptx = next(code for code in codes if code.kind == _PTX)
    model = next(code for code in codes if code.kind == _MACHINE_CODE)
    architecture = capability[0] * 10 + capability[1]
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-") as directory:
        source, made = Path(directory, "code.ptx"), Path(directory, "code.cubin")
        source.write_bytes(ptx.unpacked().rstrip(b"\0"))
        started = time.monotonic()
        subprocess.run([ptxas, "-w", "-O3", f"-arch=sm_{architecture}", source, "-o", made], check=True)
        elapsed = time.monotonic() - started
        machine_code = made.read_bytes()
    packed = lz4.block.compress(machine_code, mode="high_compression", compression=12, store_size=False)
    padded = packed + bytes(-len(packed) % 8)
    header = bytearray(model.header)
    struct.pack_into("<Q", header, 8, len(padded))
    struct.pack_into("<I", header, _PACKED_AT, len(packed))
    struct.pack_into("<I", header, _ARCHITECTURE_AT, architecture)
    struct.pack_into("<Q", header, _SIZE_AT, len(machine_code))
    payload = bytes(header) + padded + ptx.header + ptx.body
    magic, version, header_bytes, before = _REGION.unpack_from(data, region.offset)
    if len(payload) > before:
        sys.exit(f"the machine code of {region.offset:#x} takes {len(payload)} bytes, and there are {before}")
    whole = _REGION.pack(magic, version, header_bytes, len(payload)) + payload
    return whole + bytes(region.size_bytes - len(whole)), elapsed


def codes_of(data: bytes, region: FatBinary) -> Iterator[Code]:
    at, end = region.offset + _REGION.size, region.offset + region.size_bytes
    while at < end:
        _, header_bytes, code_bytes = _HEADER.unpack_from(data, at)
        behind = at + header_bytes
        yield Code(data[at:behind], data[behind : behind + code_bytes])
        at = behind + code_bytes


def _replace(path: Path, data: bytes) -> None:
    """Write a file anew under the same name: the old one is a hard link to a cache that others use."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(data)
    shutil.copystat(path, new)
    new.replace(path)


if __name__ == "__main__":
    main()
