"""The benchmark that puts machine code into libraries: what it writes is what a compiler's maker would have written."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import lz4.block
import pytest

from benchmarks import native_code
from gpuenv.binaries import fat_binaries, gpu_code
from made_binaries import add_section
from small_stack import compile_library

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the libraries are ELF; run on Linux")
PTX, MACHINE_CODE = 1, 2
# Compiles to what it was given and for which GPU, so that a test can tell.
PTXAS = """#!/bin/sh
for argument; do case $argument in
    -arch=*) arch=${argument#-arch=};; *.ptx) source=$argument;; *.cubin) made=$argument;;
esac; done
{ printf '%s:' "$arch"; cat "$source"; } > "$made"
"""


def entry(kind: int, architecture: int, code: bytes) -> bytes:
    """Make an entry as nvcc does: compressed, padded to 8 bytes, with the sizes in its header."""
    packed = lz4.block.compress(code, store_size=False)
    padded = packed + bytes(-len(packed) % 8)
    header = struct.pack(
        "<HHIQII4xIQQQQ", kind, 0x101, 64, len(padded), len(packed), 0, architecture, 0, 0x2011, 0, len(code)
    )
    return header + padded


def region(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    site = tmp_path / "env" / "lib" / "python3.8" / "site-packages"
    ptxas = site / "nvidia" / "cuda_nvcc" / "bin" / "ptxas"
    ptxas.parent.mkdir(parents=True)
    ptxas.write_text(PTXAS)
    ptxas.chmod(0o755)
    library = site / "tensorflow" / "libkernels.so"
    compile_library("int one(void) { return 1; }", library)
    old = os.urandom(400)  # machine code that does not compress, so that there is room
    whole = region(entry(MACHINE_CODE, 35, old), entry(MACHINE_CODE, 80, old), entry(PTX, 80, b".version 7.0\n" * 9))
    without_ptx = region(entry(MACHINE_CODE, 80, old))
    native = region(entry(MACHINE_CODE, 90, old), entry(PTX, 80, b"// not to be compiled"))
    add_section(library, ".nv_fatbin", whole + without_ptx + native)
    (site / "nvidia" / "libcudart.so").write_text("INPUT(libcudart.so.11)")
    return tmp_path / "env"


def test_native_code__ptx_only__machine_code_of_it_beside_it(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = prefix / "lib/python3.8/site-packages/tensorflow/libkernels.so"
    shared = prefix.parent / "shared.so"
    os.link(library, shared)  # as uv links files of its cache
    before = library.read_bytes()
    monkeypatch.setattr(sys, "argv", ["native_code", str(prefix), "--gpu", "9.0", "--jobs", "2"])
    native_code.main()
    assert shared.read_bytes() == before
    assert library.stat().st_size == len(before)
    assert library.stat().st_mode == shared.stat().st_mode
    counted = {(tuple(code), tuple(ptx)): n for (code, ptx), n in gpu_code(library).regions_by_code.items()}
    assert counted == {(((9, 0),), ((8, 0),)): 2, (((8, 0),), ()): 1}
    data = library.read_bytes()
    compiled = next(it for it in fat_binaries(library) if it.ptx)
    codes = list(native_code.codes_of(data, compiled))
    texts = {code.kind: code.unpacked() for code in codes if code.kind in (PTX, MACHINE_CODE)}
    assert texts[MACHINE_CODE] == b"sm_90:" + b".version 7.0\n" * 9
    assert texts[PTX] == b".version 7.0\n" * 9


def test_native_code__compiler_fails__library_is_as_it_was(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = prefix / "lib/python3.8/site-packages/tensorflow/libkernels.so"
    before = library.read_bytes()
    (prefix / "lib/python3.8/site-packages/nvidia/cuda_nvcc/bin/ptxas").write_text("#!/bin/sh\nexit 255\n")
    monkeypatch.setattr(sys, "argv", ["native_code", str(prefix)])
    with pytest.raises(subprocess.CalledProcessError):
        native_code.main()
    assert library.read_bytes() == before
