from __future__ import annotations

import _ctypes
import sys
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

from gpuenv.binaries import ElfInfo, read_elf
from gpuenv.binaries.elf import Elf, Symbol, mapped
from gpuenv.errors import GpuenvError
from small_stack import compile_library


def as_pyelftools_reads_it(path: Path) -> ElfInfo:
    with path.open("rb") as file:
        segment = next(s for s in ELFFile(file).iter_segments() if isinstance(s, DynamicSegment))
        tags = list(segment.iter_tags())
        found = {
            name: [getattr(tag, attribute) for tag in tags if tag.entry.d_tag == f"DT_{name}"]
            for name, attribute in (
                ("NEEDED", "needed"),
                ("SONAME", "soname"),
                ("RPATH", "rpath"),
                ("RUNPATH", "runpath"),
            )
        }
    kind = "RUNPATH" if found["RUNPATH"] else "RPATH" if found["RPATH"] else None
    path_list = tuple(entry for text in found[kind] for entry in text.split(":")) if kind else ()
    return ElfInfo(next(iter(found["SONAME"]), None), tuple(found["NEEDED"]), path_list, kind)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param([], ((), None), id="no-search-path"),
        pytest.param(["-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/"], (("$ORIGIN/",), "RPATH"), id="rpath"),
        pytest.param(
            ["-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN:$ORIGIN/../../cublas/lib"],
            (("$ORIGIN", "$ORIGIN/../../cublas/lib"), "RUNPATH"),
            id="runpath-of-two",
        ),
    ],
)
def test_read_elf__search_path__kind_and_entries(
    tmp_path: Path, flags: list[str], expected: tuple[tuple[str, ...], str | None]
) -> None:
    compile_library("int one(void) { return 1; }", tmp_path / "libone.so.1", *flags)
    info = read_elf(tmp_path / "libone.so.1")
    assert expected == (info.search_path, info.search_kind)
    assert as_pyelftools_reads_it(tmp_path / "libone.so.1") == info


def test_read_elf__a_library_that_needs_another__named_in_order(tmp_path: Path) -> None:
    compile_library("int one(void) { return 1; }", tmp_path / "libone.so.1")
    source = "int one(void); int two(void) { return one(); }"
    compile_library(source, tmp_path / "libtwo.so.2", "-Wl,--no-as-needed", str(tmp_path / "libone.so.1"))
    info = read_elf(tmp_path / "libtwo.so.2")
    assert (info.soname, info.needed[0]) == ("libtwo.so.2", "libone.so.1")


def test_read_elf__an_extension_module_of_python__as_pyelftools_reads_it() -> None:
    path = Path(_ctypes.__file__)
    assert as_pyelftools_reads_it(path) == read_elf(path)


def test_symbol__of_a_library_with_many__found_by_exact_name_only(tmp_path: Path) -> None:
    names = [f"function_{number}" for number in range(300)]
    source = "int elsewhere(void);\n" + "\n".join(f"int {name}(void) {{ return elsewhere(); }}" for name in names)
    compile_library(source, tmp_path / "libmany.so", "-Wl,--hash-style=gnu")
    with (tmp_path / "libmany.so").open("rb") as file:
        table = ELFFile(file).get_section_by_name(".dynsym")
        expected = {
            name: Symbol(symbol["st_value"], symbol["st_size"])
            for name in names
            for symbol in table.get_symbol_by_name(name)
        }
    with mapped(tmp_path / "libmany.so") as data:
        elf = Elf(data)
        assert expected == {name: elf.symbol(name) for name in names}
        assert [elf.symbol(name) for name in ("function_", "function_2000", "elsewhere", "")] == [None] * 4


def test_sections__of_a_library__as_pyelftools_reads_them(tmp_path: Path) -> None:
    compile_library("int zeros[1000]; int one(void) { return 1; }", tmp_path / "libone.so")
    with (tmp_path / "libone.so").open("rb") as file:
        expected = [
            (section.name, section["sh_offset"], section["sh_size"])
            for section in ELFFile(file).iter_sections()
            if section["sh_type"] != "SHT_NOBITS"
        ]
    with mapped(tmp_path / "libone.so") as data:
        assert expected == [(section.name, section.offset, section.size) for section in Elf(data).sections()]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"MZ\x90\x00" * 100, id="windows"),
        pytest.param(b"\x7fELF\x01\x01" + b"\0" * 100, id="32-bit"),
        pytest.param(b"\x7fELF\x02\x01", id="cut-off"),
    ],
)
def test_read_elf__not_a_64_bit_elf_file__error_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "libodd.so").write_bytes(content)
    with pytest.raises(GpuenvError, match=r"cannot read `.*libodd\.so`") as caught:
        read_elf(tmp_path / "libodd.so")
    assert caught.value.cause


def test_read_elf__no_such_file__error_says_so(tmp_path: Path) -> None:
    with pytest.raises(GpuenvError) as caught:
        read_elf(tmp_path / "libnone.so")
    assert "no such file" in str(caught.value.cause)


def test_read_elf__cut_off_anywhere__result_or_our_error(tmp_path: Path) -> None:
    compile_library("int one(void) { return 1; }", tmp_path / "libone.so")
    whole = (tmp_path / "libone.so").read_bytes()
    errors = 0
    for size in range(1, len(whole), 61):
        (tmp_path / "libcut.so").write_bytes(whole[:size])
        try:
            read_elf(tmp_path / "libcut.so")
        except GpuenvError:
            errors += 1
    assert errors > 10


def test_binaries__imported__brings_neither_pyelftools_nor_pefile() -> None:
    from gpuenv import process

    script = "import sys, gpuenv.binaries, gpuenv.stage; print({'elftools', 'pefile'} & set(sys.modules))"
    ended = process.run([sys.executable, "-c", script])
    assert ended.stdout.strip() == "set()", ended.stderr
