"""A GPU that compiles: real libraries in the places of the driver's, and fat binaries that tell them what to do."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from made_binaries import add_section, fat_binary
from small_stack import compile_library

SOURCE = Path(__file__).with_name("fake_gpu.c")


@dataclass(frozen=True)
class Act:
    """What the fake driver does with a module: `T` takes `value` ms, `H` hangs, `A` aborts, `E` gives error `value`."""

    kind: str
    value: int = 0
    ptx_bytes: int = 64


@dataclass(frozen=True)
class Said:
    """A line of the fake driver's log: when, in seconds, which process, and what it began or ended."""

    at_s: float
    pid: int
    what: str
    number: int


def build_fake_gpu(directory: Path, *macros: str) -> Path:
    """Build the two libraries into a directory for LD_LIBRARY_PATH; return libcuda's path."""
    if shutil.which("gcc") is None or os.name == "nt":
        import pytest

        pytest.skip("install gcc on Linux to run this")
    directory.mkdir(parents=True, exist_ok=True)
    library = directory / "libcuda.so.1"
    defines = [f"-D{macro}" for macro in macros]
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", *defines, "-o", library, SOURCE], check=True)
    shutil.copy(library, directory / "libnvidia-ml.so.1")
    return library


def module_bytes(number: int, act: Act, architecture: int = 80) -> bytes:
    """Make a fat binary with PTX that the fake driver compiles by `act` into the cache file `number`."""
    region = bytearray(fat_binary((1, architecture), payload=act.ptx_bytes))
    at = 16 + struct.unpack_from("<I", region, 20)[0]
    region[at : at + 8] = act.kind.encode() + struct.pack("<I", act.value)[:3] + struct.pack("<I", number)
    return bytes(region) + b"\0" * (-len(region) % 8)


def make_library(path: Path, *acts: Act, first: int = 0) -> Path:
    """Make an ELF library with a module for each act; the n-th one's cache file is `first` + n."""
    compile_library("int kernels(void) { return 1; }", path)
    content = b"".join(module_bytes(first + index, act) for index, act in enumerate(acts))
    add_section(path, ".nv_fatbin", content)
    return path


def read_log(path: Path) -> list[Said]:
    fields = (line.split() for line in path.read_text().splitlines())
    return [Said(float(at), int(pid), what, int(number)) for at, pid, what, number in fields]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False
