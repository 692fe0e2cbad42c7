from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gpuenv.binaries import FatBinary, GpuCodeSummary, fat_binaries, gpu_code
from gpuenv.errors import GpuenvError
from gpuenv.model import ComputeCapability
from made_binaries import add_section, fat_binary, make_dll
from small_stack import compile_library

PTX, MACHINE_CODE, FOR_LINKING = 1, 2, 8


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "libkernels.so"
    compile_library("int one(void) { return 1; }", path)
    return path


def summarized(*regions: tuple[set[ComputeCapability], set[ComputeCapability]]) -> GpuCodeSummary:
    return GpuCodeSummary(Counter((frozenset(machine_code), frozenset(ptx)) for machine_code, ptx in regions))


def test_gpu_code__padding_and_relocatable_code__whole_programs_are_counted(library: Path) -> None:
    whole = fat_binary((MACHINE_CODE, 75), (MACHINE_CODE, 80), (MACHINE_CODE, 80), (PTX, 80)) + b"\0" * 24
    add_section(library, ".nv_fatbin", whole + fat_binary((MACHINE_CODE, 80), payload=8) + b"\0" * 8)
    add_section(library, "__nv_relfatbin", fat_binary((MACHINE_CODE, 80), (PTX, 120)))
    summary = gpu_code(library)
    assert summarized(({(7, 5), (8, 0)}, {(8, 0)}), ({(8, 0)}, set())) == summary
    assert summary.regions == 2
    assert summary.machine_code == {(7, 5), (8, 0)}
    assert summary.machine_code_everywhere == {(8, 0)}
    assert summary.ptx == {(8, 0)}


def test_gpu_code__magic_inside_the_code__not_a_region(library: Path) -> None:
    inner = fat_binary((PTX, 90), payload=8)
    outer = bytearray(fat_binary((MACHINE_CODE, 80), payload=len(inner)))
    outer[-len(inner) :] = inner
    add_section(library, ".nv_fatbin", bytes(outer))
    assert gpu_code(library) == summarized(({(8, 0)}, set()))


def test_gpu_code__among_the_constants__counted(tmp_path: Path) -> None:
    numbers = ", ".join(str(byte) for byte in fat_binary((MACHINE_CODE, 80)))
    source = f"__attribute__((aligned(8))) const unsigned char kernel[] = {{ {numbers} }};"
    compile_library(source, tmp_path / "libjit.so")
    assert gpu_code(tmp_path / "libjit.so") == summarized(({(8, 0)}, set()))


def test_gpu_code__windows__section_name_cut_at_8(tmp_path: Path) -> None:
    content = fat_binary((MACHINE_CODE, 35), (PTX, 80)) + fat_binary((MACHINE_CODE, 35))
    make_dll(tmp_path / "kernels.dll", sections={b".nv_fatb": content, b".nvFatBi": b"\0" * 24})
    assert gpu_code(tmp_path / "kernels.dll") == summarized(({(3, 5)}, {(8, 0)}), ({(3, 5)}, set()))


def test_gpu_code__library_without_any__no_regions(library: Path) -> None:
    assert gpu_code(library) == GpuCodeSummary({})


def test_fat_binaries__whole_programs_only__unless_asked(library: Path) -> None:
    program = fat_binary((MACHINE_CODE, 80), (PTX, 80), payload=96)
    add_section(library, ".nv_fatbin", program + fat_binary((FOR_LINKING, 80), (PTX, 80)))
    add_section(library, "__nv_relfatbin", fat_binary((PTX, 80)))
    (found,) = fat_binaries(library)
    assert library.read_bytes()[found.offset :][: found.size_bytes] == program
    assert found == FatBinary(found.offset, len(program), frozenset({(8, 0)}), frozenset({(8, 0)}), 96)
    assert [it.for_linking for it in fat_binaries(library, relocatable=True)] == [False, True, False]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        pytest.param(fat_binary((MACHINE_CODE, 80))[:-8], "goes beyond its section", id="cut-off"),
        pytest.param(fat_binary((MACHINE_CODE, 80))[:20] + bytes(124), "has no header", id="entry-of-zeros"),
    ],
)
def test_gpu_code__damaged__error_with_the_place(library: Path, content: bytes, cause: str) -> None:
    add_section(library, ".nv_fatbin", content)
    with pytest.raises(GpuenvError, match=r"libkernels\.so") as caught:
        gpu_code(library)
    assert cause in str(caught.value.cause)


@pytest.mark.parametrize("content", [b"", b"MZ", b"text"], ids=["empty", "cut-off-pe", "text"])
def test_gpu_code__neither_elf_nor_pe__error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd").write_bytes(content)
    with pytest.raises(GpuenvError, match="cannot read"):
        gpu_code(tmp_path / "odd")
