"""Read from TensorFlow's own binary which CUDA libraries it opens by name."""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from pathlib import Path

from gpuenv.binaries.elf import Elf, Symbol, mapped

# The class that opens libraries, as C++ mangles it; in TensorFlow 2.12 it is in the namespace `tsl`.
_CLASSES = ("_ZN15stream_executor8internal9DsoLoader", "_ZN3tsl8internal9DsoLoader")
_OPENS_ALL = "TryDlopenCUDALibraries"
_GETTERS = tuple(
    f"Get{library}DsoHandle"
    for library in ("CudaRuntime", "Cublas", "CublasLt", "Cufft", "Curand", "Cusolver", "Cusparse", "Cudnn")
)
_GETTER = re.compile(r"DsoLoader\d+(Get\w+DsoHandle)Ev$")
_CALL, _LEA_RSI, _JUMP = b"\xe8", b"\x48\x8d\x35", b"\xff\x25"
_VERSION, _NAME = re.compile(rb"\d+(\.\d+)*"), re.compile(rb"[A-Za-z]\w*")


def dlopened_names(loader: Path) -> tuple[str, ...]:
    """Return the file names that TensorFlow opens before it lists a GPU, in its order; () when they cannot be read.

    What was read of a file is remembered while the file stays as it is: `stage` and `verify` both ask.

    `loader` is `libtensorflow_framework.so.2`. It exports the static member functions of a class `DsoLoader`.
    `TryDlopenCUDALibraries` calls one getter a library through the procedure linkage table, whose entries jump through
    slots that the dynamic linker binds by name. Each getter makes two texts, the version and then the name, and
    hands them to `GetDsoHandle(name, version)`, which opens `lib{name}.so.{version}`. In 2.4.0 a getter begins::

        48 8d 35 d2 db 20 00   lea rsi, [rip+0x20dbd2]   ; "11.0"
        e8 5e c8 f6 fe         call std::string::string(char const*)
        48 8d 35 aa db 20 00   lea rsi, [rip+0x20dbaa]   ; "cudart"

    Everything is found by exact name in the hash table, so a library of 40 MB with 50,000 symbols takes milliseconds.
    Proven for 2.4.0 and 2.5.0 on x86-64. From 2.10 on the texts are in the instructions themselves, and a Windows build
    exports none of this: then the answer is (), all or nothing, because some of the names would look like all. Raises
    GpuenvError for anything but a 64-bit ELF file.
    """
    try:
        at = loader.stat()
    except OSError:
        return _dlopened_names(loader, 0, 0)  # which says what is wrong
    return _dlopened_names(loader, at.st_mtime_ns, at.st_size)


@lru_cache(maxsize=4)
def _dlopened_names(loader: Path, mtime_ns: int, size_bytes: int) -> tuple[str, ...]:
    with mapped(loader) as data:
        elf = Elf(data)
        for prefix in _CLASSES:
            getters = _called_getters(elf, prefix) or _exported_getters(elf, prefix)
            names = [_opened_name(elf, elf.symbol(_mangled(prefix, getter))) for getter in getters]
            found = tuple(name for name in names if name is not None)
            if found and len(found) == len(names):
                return found
    return ()


def _mangled(prefix: str, function: str) -> str:
    return f"{prefix}{len(function)}{function}Ev"


def _exported_getters(elf: Elf, prefix: str) -> list[str]:
    """Return those of the eight known getters that the binary has."""
    return [getter for getter in _GETTERS if elf.symbol(_mangled(prefix, getter)) is not None]


def _called_getters(elf: Elf, prefix: str) -> list[str]:
    """Return the getters that `TryDlopenCUDALibraries` calls, in its order."""
    function = elf.symbol(_mangled(prefix, _OPENS_ALL))
    if function is None:
        return []
    body = elf.bytes_at(function.address, function.size)
    targets = dict.fromkeys(function.address + at + 5 + _signed(body, at + 1) for at in _positions(body, _CALL))
    matches = (_GETTER.search(_callee(elf, target) or "") for target in targets)
    return list(dict.fromkeys(match[1] for match in matches if match))


def _callee(elf: Elf, entry: int) -> str | None:
    """Return the name behind an entry of the procedure linkage table: `ff 25 disp32`, `jmp [rip+disp32]`."""
    try:
        code = elf.bytes_at(entry, 16)
    except ValueError:  # the byte 0xe8 was not a call but part of another instruction
        return None
    at = code.find(_JUMP)
    if at not in (0, 4, 5):  # plain, after `endbr64`, after `endbr64; bnd`
        return None
    return elf.bound_name(entry + at + 6 + _signed(code, at + 2))


def _opened_name(elf: Elf, getter: Symbol | None) -> str | None:
    """Return the file name that a getter opens, from the two texts it makes."""
    if getter is None:
        return None
    body = elf.bytes_at(getter.address, getter.size)
    texts = [elf.text_at(getter.address + at + 7 + _signed(body, at + 3)) for at in _positions(body, _LEA_RSI)[:2]]
    if len(texts) != 2 or not _VERSION.fullmatch(texts[0]) or not _NAME.fullmatch(texts[1]):
        return None
    return f"lib{texts[1].decode()}.so.{texts[0].decode()}"


def _positions(body: bytes, opcode: bytes) -> list[int]:
    """Find an opcode that is followed by a 32-bit displacement."""
    found, at = [], body.find(opcode)
    while 0 <= at <= len(body) - len(opcode) - 4:
        found.append(at)
        at = body.find(opcode, at + 1)
    return found


def _signed(code: bytes, at: int) -> int:
    value: int = struct.unpack_from("<i", code, at)[0]
    return value
