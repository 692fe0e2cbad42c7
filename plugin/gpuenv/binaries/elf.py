"""Read what the dynamic linker sees of an ELF file: names, search path, symbols, sections.

Own reading of a few fixed structures (Tool Interface Standard ELF 1.2, System V ABI for x86-64) instead of pyelftools:
importing that takes 0.2 s, a quarter of what gpuenv may add to an installation, and it has no search by symbol name
that does not first build lists of tens of thousands of hash buckets. The tests hold both against each other.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpuenv.errors import GpuenvError

_PT_LOAD, _PT_DYNAMIC, _SHT_NOBITS = 1, 2, 8
_DT_NEEDED, _DT_PLTRELSZ, _DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ = 1, 2, 5, 6, 7, 8
_DT_SONAME, _DT_RPATH, _DT_JMPREL, _DT_RUNPATH, _DT_GNU_HASH = 14, 15, 23, 29, 0x6FFFFEF5
_RELOCATION_TAGS = ((_DT_JMPREL, _DT_PLTRELSZ), (_DT_RELA, _DT_RELASZ))
_SYMBOL_BYTES = _RELA_BYTES = 24


@dataclass(frozen=True, slots=True)
class ElfInfo:
    """What an ELF library is called, what it needs, and where it searches.

    `search_path` has the entries of the one list the linker uses, in order, as written (`$ORIGIN/`): DT_RUNPATH when
    there is one, else DT_RPATH. `search_kind` says which, None for neither.
    """

    soname: str | None
    needed: tuple[str, ...]
    search_path: tuple[str, ...]
    search_kind: Literal["RPATH", "RUNPATH"] | None


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol that the file defines; `size` is in bytes."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section's bytes in the file."""

    name: str
    offset: int
    size: int


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """Map a file of any size into memory, read only; nothing is read before it is looked at.

    Raises GpuenvError when it cannot be opened, or when what is read inside the block turns out to be damaged.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except (OSError, ValueError, ArithmeticError, IndexError, struct.error) as err:
        raise GpuenvError(f"cannot read `{path}`", cause=_first_lower(str(err))) from err


def read_elf(path: Path) -> ElfInfo:
    """Read the dynamic section, as `readelf -d` prints it. Raises GpuenvError for anything but a 64-bit ELF file.

    Sample::

        0x0000000000000001 (NEEDED)  Shared library: [libdl.so.2]
        0x000000000000000e (SONAME)  Library soname: [libtensorflow_framework.so.2]
        0x000000000000000f (RPATH)   Library rpath: [$ORIGIN/]
    """
    with mapped(path) as data:
        elf = Elf(data)
        runpath, rpath = elf.dynamic_strings(_DT_RUNPATH), elf.dynamic_strings(_DT_RPATH)
        kind: Literal["RPATH", "RUNPATH"] | None = "RUNPATH" if runpath else "RPATH" if rpath else None
        return ElfInfo(
            soname=next(iter(elf.dynamic_strings(_DT_SONAME)), None),
            needed=elf.dynamic_strings(_DT_NEEDED),
            search_path=tuple(entry for text in runpath or rpath for entry in text.split(":") if entry),
            search_kind=kind,
        )


class Elf:
    """One mapped ELF file. Addresses are virtual, as in the file; offsets count from its start."""

    def __init__(self, data: mmap.mmap) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"expected a 64-bit little-endian ELF file, found a file that starts with {data[:6]!r}")
        self.data = data
        self._loads: list[tuple[int, int, int]] = []
        self._dynamic: list[tuple[int, int]] = []
        self._tables: tuple[bytes, ...] | None = None
        table, entry_bytes, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
        for at in range(table, table + entry_bytes * count, entry_bytes):
            kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", data, at)
            if kind == _PT_LOAD:
                self._loads.append((address, offset, size))
            elif kind == _PT_DYNAMIC:
                self._dynamic = list(struct.iter_unpack("<QQ", data[offset : offset + size // 16 * 16]))

    def offset(self, address: int) -> int:
        """Return where in the file an address is. Raises ValueError for one that is nowhere in it."""
        for start, offset, size in self._loads:
            if start <= address < start + size:
                return address - start + offset
        raise ValueError(f"address {address:#x} is in no segment of the file")

    def bytes_at(self, address: int, size: int) -> bytes:
        """Return some of the file's content by address."""
        start = self.offset(address)
        return self.data[start : start + size]

    def text_at(self, address: int) -> bytes:
        """Return the C string at an address, without its final zero."""
        start = self.offset(address)
        end = self.data.find(b"\0", start)
        if end < 0:
            raise ValueError(f"the text at {address:#x} has no end")
        return self.data[start:end]

    def dynamic(self, tag: int) -> int | None:
        """Return the first value of a tag of the dynamic section."""
        return next((value for found, value in self._dynamic if found == tag), None)

    def dynamic_strings(self, tag: int) -> tuple[str, ...]:
        """Return all values of a tag whose values are texts."""
        table = self.dynamic(_DT_STRTAB)
        if table is None:
            return ()
        return tuple(self.text_at(table + value).decode() for found, value in self._dynamic if found == tag)

    def sections(self) -> tuple[Section, ...]:
        """List the sections that have content in the file."""
        table = struct.unpack_from("<Q", self.data, 40)[0]
        entry_bytes, count, names_index = struct.unpack_from("<HHH", self.data, 58)
        headers = [struct.unpack_from("<IIQQQQ", self.data, table + i * entry_bytes) for i in range(count)]
        if not headers:
            return ()
        names = headers[names_index][4]
        return tuple(
            Section(self.data[names + name : self.data.find(b"\0", names + name)].decode(), offset, size)
            for name, kind, _, _, offset, size in headers
            if kind != _SHT_NOBITS
        )

    def symbol(self, name: str) -> Symbol | None:
        """Find an exported symbol by its exact name, in constant time; None when the file does not define it.

        It is how the dynamic linker does it: DT_GNU_HASH has a Bloom filter, buckets, and chains of hashes that run
        parallel to the symbol table, see https://flapenguin.me/elf-dt-gnu-hash (read November 2026).
        """
        table, symbols, strings = (self.dynamic(tag) for tag in (_DT_GNU_HASH, _DT_SYMTAB, _DT_STRTAB))
        if table is None or symbols is None or strings is None:
            return None
        at, wanted = self.offset(table), _gnu_hash(name.encode())
        bucket_count, first, bloom_words, shift = struct.unpack_from("<IIII", self.data, at)
        (bloom,) = struct.unpack_from("<Q", self.data, at + 16 + wanted // 64 % bloom_words * 8)
        if not (bloom >> wanted % 64) & (bloom >> (wanted >> shift) % 64) & 1:
            return None
        buckets = at + 16 + bloom_words * 8
        (index,) = struct.unpack_from("<I", self.data, buckets + wanted % bucket_count * 4)
        while index >= first:
            (found,) = struct.unpack_from("<I", self.data, buckets + (bucket_count + index - first) * 4)
            if found | 1 == wanted | 1:
                text, _, _, section, address, size = self._symbol_at(symbols, index)
                if section and self.text_at(strings + text) == name.encode():
                    return Symbol(address, size)
            if found & 1:  # the last of this bucket
                return None
            index += 1
        return None

    def bound_name(self, slot: int) -> str | None:
        """Return the name of the symbol whose address the linker writes into a slot of the global offset table."""
        symbols, strings = self.dynamic(_DT_SYMTAB), self.dynamic(_DT_STRTAB)
        wanted = struct.pack("<Q", slot)
        for relocations in self._relocations():
            at = relocations.find(wanted)
            while at >= 0 and at % _RELA_BYTES:
                at = relocations.find(wanted, at + 1)
            if at >= 0 and symbols is not None and strings is not None:
                (info,) = struct.unpack_from("<Q", relocations, at + 8)
                return self.text_at(strings + self._symbol_at(symbols, info >> 32)[0]).decode()
        return None

    def _relocations(self) -> tuple[bytes, ...]:
        """Return the two relocation tables as bytes, once: searching those is many times faster than a memory map."""
        if self._tables is None:
            ranges = ((self.dynamic(at), self.dynamic(size)) for at, size in _RELOCATION_TAGS)
            self._tables = tuple(self.bytes_at(at, size) for at, size in ranges if at and size)
        return self._tables

    def _symbol_at(self, symbols: int, index: int) -> tuple[int, int, int, int, int, int]:
        """Return name offset, info, other, section, address and size of an entry of the symbol table."""
        fields: tuple[int, int, int, int, int, int]
        fields = struct.unpack_from("<IBBHQQ", self.data, self.offset(symbols + index * _SYMBOL_BYTES))
        return fields


def _gnu_hash(name: bytes) -> int:
    value = 5381
    for char in name:
        value = (value * 33 + char) & 0xFFFFFFFF
    return value


def _first_lower(text: str) -> str:
    """Make a foreign message fit ours: `[Errno 2] No such file` becomes `no such file`."""
    text = re.sub(r"^\[\w+ \d+\] ", "", text)
    return text[:1].lower() + text[1:]
