"""Small binaries for tests: a loader as TensorFlow's, libraries, fat binaries, DLLs. Needs gcc and objcopy for ELF."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from small_stack import compile_library

OLD_NAMESPACE = "_ZN15stream_executor8internal9DsoLoader"
NEW_NAMESPACE = "_ZN3tsl8internal9DsoLoader"

# Texts and calls as in TensorFlow; and it really opens the libraries, so that a test can see what the linker finds.
LOADER = """
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
void make_text(char *into, const char *text, void *unused) { strcpy(into, text); }
int open_library(const char *name, const char *version) {
    char file[128];
    snprintf(file, sizeof file, "lib%s.so.%s", name, version);
    return dlopen(file, RTLD_LAZY) != 0;
}
#define GETTER(function, label, version, name) \\
    int function(void) __asm__(label); \\
    int function(void) { \\
        char first[64], second[64]; \\
        make_text(first, version, 0); \\
        make_text(second, name, 0); \\
        return open_library(second, first); \\
    }
"""


def mangled(function: str, namespace: str = OLD_NAMESPACE) -> str:
    return f"{namespace}{len(function)}{function}Ev"


def loader_source(
    libraries: Mapping[str, tuple[str, str]], called: Sequence[str] | None = None, namespace: str = OLD_NAMESPACE
) -> str:
    """Write a loader: `libraries` maps `Cublas` to its version and name; `called` of them are required (None: no such
    function)."""
    getters = [
        f'GETTER(get_{key}, "{mangled(f"Get{key}DsoHandle", namespace)}", "{version}", "{name}")'
        for key, (version, name) in libraries.items()
    ]
    parts = [LOADER, *getters]
    if called is not None:
        label = mangled("TryDlopenCUDALibraries", namespace)
        calls = " ".join(f"opened += get_{key}();" for key in called)
        parts.append(
            f'int try_all(void) __asm__("{label}");\nint try_all(void) {{ int opened = 0; {calls} return opened; }}'
        )
    return "\n".join(parts) + "\n"


def make_loader(path: Path, source: str, *flags: str) -> None:
    compile_library(source, path, "-O1", "-Wl,--hash-style=gnu", *flags)


def fat_binary(*entries: tuple[int, int], payload: int = 64) -> bytes:
    """Make a fat binary: each entry is a kind (1 PTX, 2 machine code) and an architecture such as 80."""
    body = b""
    for kind, architecture in entries:
        body += struct.pack("<HHIQ12xI32x", kind, 0x101, 64, payload, architecture) + b"\xee" * payload
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def add_section(path: Path, name: str, content: bytes) -> None:
    """Put a section into an ELF file, as nvcc's linker does."""
    part = path.with_name(f"{path.name}.section")
    part.write_bytes(content)
    subprocess.run(["objcopy", "--add-section", f"{name}={part}", str(path)], check=True)
    part.unlink()


def make_dll(
    path: Path,
    imports: Sequence[str] = (),
    delayed: Sequence[str] = (),
    version: tuple[int, int, int, int] | None = None,
    sections: Mapping[bytes, bytes] | None = None,
) -> None:
    """Write a PE32+ DLL with nothing but tables: imports, delayed imports, a version resource, further sections."""
    base = 0x1000
    tables = {1: _imports(base, imports)} if imports else {}
    content = tables.get(1, b"")
    if delayed:
        tables[13] = _delayed(base + len(content), delayed)
        content += tables[13]
    resource_at = base + len(content)
    if version:
        tables[2] = _version_resource(resource_at, version)
        content += tables[2]
    places, at = [], base
    for table in (1, 13, 2):
        places.append((table, at if table in tables else 0, len(tables.get(table, b""))))
        at += len(tables.get(table, b""))
    directory = bytearray(16 * 8)
    for table, address, size in places:
        struct.pack_into("<II", directory, table * 8, address, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_image(bytes(directory), {b".idata": content or b"\0", **(sections or {})}))


def _image(directory: bytes, sections: Mapping[bytes, bytes]) -> bytes:
    headers = struct.pack("<2s58xI", b"MZ", 64) + b"PE\0\0"
    headers += struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 112 + len(directory), 0x2022)
    headers += struct.pack("<HBBIIIII", 0x20B, 14, 0, 0, 0, 0, 0, 0x1000)
    headers += struct.pack(
        "<QIIHHHHHHIIIIHH", 0x180000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0x100000, 0x400, 0, 2, 0
    )
    headers += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + directory
    address, raw, body = 0x1000, 0x400, b""
    for name, content in sections.items():
        padded = content + b"\0" * (-len(content) % 0x200)
        headers += struct.pack("<8sIIIIIIHHI", name, len(content), address, len(padded), raw, 0, 0, 0, 0, 0x40000040)
        address += len(padded) + -len(padded) % 0x1000
        raw += len(padded)
        body += padded
    return headers.ljust(0x400, b"\0") + body


def _imports(base: int, names: Sequence[str]) -> bytes:
    texts_at, texts, table = base + 20 * (len(names) + 1), b"", b""
    for name in names:
        table += struct.pack("<IIIII", 0, 0, 0, texts_at + len(texts), 0)
        texts += name.encode() + b"\0"
    return (table + bytes(20) + texts).ljust((len(table) + 20 + len(texts) + 7) // 8 * 8, b"\0")


def _delayed(base: int, names: Sequence[str]) -> bytes:
    texts_at, texts, table = base + 32 * (len(names) + 1), b"", b""
    for name in names:
        table += struct.pack("<IIIIIIII", 1, texts_at + len(texts), 0, 0, 0, 0, 0, 0)
        texts += name.encode() + b"\0"
    return (table + bytes(32) + texts).ljust((len(table) + 32 + len(texts) + 7) // 8 * 8, b"\0")


def _version_resource(base: int, version: tuple[int, int, int, int]) -> bytes:
    major, minor, patch, build = version
    fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, major << 16 | minor, patch << 16 | build, *[0] * 9)
    key = "VS_VERSION_INFO\0".encode("utf-16-le")
    info = struct.pack("<HHH", 6 + len(key) + 2 + len(fixed), len(fixed), 0) + key + b"\0\0" + fixed
    levels = b""
    for identity, child in ((16, 0x80000018), (1, 0x80000030), (1033, 0x48)):
        levels += struct.pack("<IIHHHHII", 0, 0, 0, 0, 0, 1, identity, child)
    return levels + struct.pack("<IIII", base + 0x58, len(info), 0, 0) + info
