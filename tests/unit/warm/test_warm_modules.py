from __future__ import annotations

from pathlib import Path

import pytest

from check_contexts import context_of, make_environment
from fake_gpu import Act, make_library
from gpuenv.binaries import FatBinary
from gpuenv.model import ComputeCapability
from gpuenv.warm.modules import Library, Scanned, find_libraries, plan_modules, scan
from made_binaries import add_section, fat_binary
from small_stack import compile_library

PTX, MACHINE_CODE = 1, 2


def region(
    offset: int,
    machine_code: set[ComputeCapability],
    ptx: set[ComputeCapability],
    ptx_bytes: int = 10,
) -> FatBinary:
    return FatBinary(offset, 100, frozenset(machine_code), frozenset(ptx), ptx_bytes)


@pytest.mark.parametrize(
    ("machine_code", "ptx", "gpu", "compiles"),
    [
        ({(8, 0)}, {(8, 0)}, (9, 0), True),
        ({(8, 0)}, {(8, 0)}, (8, 6), False),
        ({(8, 0), (9, 0)}, {(8, 0)}, (9, 0), False),
        ({(8, 0)}, set(), (9, 0), False),
        (set(), {(9, 0)}, (8, 6), False),
        (set(), {(7, 0)}, (8, 6), True),
        (set(), set(), (9, 0), False),
    ],
    ids=["newer", "same major", "has it", "no PTX", "PTX too new", "only PTX", "nothing"],
)
def test_plan_modules__one_fat_binary__is_compiled_when_only_its_ptx_serves(
    machine_code: set[ComputeCapability], ptx: set[ComputeCapability], gpu: ComputeCapability, *, compiles: bool
) -> None:
    scanned = Scanned(Library(Path("a.so"), ""), (region(0, machine_code, ptx),))
    assert bool(plan_modules([scanned], gpu)) == compiles


def test_plan_modules__several_libraries__largest_first_and_done_left_out() -> None:
    first = Scanned(Library(Path("a.so"), ""), (region(0, set(), {(8, 0)}, 5), region(8, set(), {(8, 0)}, 50)))
    second = Scanned(Library(Path("b.so"), ""), (region(0, set(), {(8, 0)}, 20), region(8, set(), {(8, 0)}, 5)))
    modules = plan_modules([second, first], (9, 0))
    assert [(str(it.library), it.offset) for it in modules] == [("a.so", 8), ("b.so", 0), ("a.so", 0), ("b.so", 8)]
    left = plan_modules([second, first], (9, 0), {(Path("a.so"), 8), (Path("b.so"), 8)})
    assert [(str(it.library), it.offset) for it in left] == [("b.so", 0), ("a.so", 0)]


def test_find_libraries__framework_and_cuda__each_file_once(tmp_path: Path) -> None:
    built = make_environment(tmp_path / "env")
    site = built.site_packages
    kernels = make_library(site / "tensorflow" / "python" / "_pywrap.so", Act("T"))
    cublas = make_library(site / "nvidia" / "cublas" / "lib" / "libcublas.so.11", Act("T"))
    make_library(site / "other" / "libother.so", Act("T"))
    (site / "tensorflow" / "libcublas.so.11").symlink_to(cublas)
    (site / "tensorflow" / "libscript.so").write_text("INPUT(libcublas.so.11)")
    found = find_libraries(context_of(built, tmp_path / "log"))
    assert [library.path for library in found] == [cublas, kernels]
    kernels.write_bytes(kernels.read_bytes() + b"\0")
    assert [it.state for it in find_libraries(context_of(built, tmp_path / "log"))] != [it.state for it in found]


def test_scan__relocatable_constants_and_damaged__first_left_out_last_named(tmp_path: Path) -> None:
    good, bad, none = tmp_path / "good.so", tmp_path / "bad.so", tmp_path / "none.so"
    for path in (good, bad, none):
        compile_library("int one(void) { return 1; }", path)
    add_section(good, ".nv_fatbin", fat_binary((MACHINE_CODE, 80), (PTX, 80), payload=96))
    add_section(good, "__nv_relfatbin", fat_binary((PTX, 80)))
    add_section(bad, ".nv_fatbin", fat_binary((PTX, 80))[:-8])
    scanned, problems = scan(Library(path, "") for path in (good, bad, none))
    assert [it.library.path for it in scanned] == [good]
    (found,) = scanned[0].fat_binaries
    assert (found.machine_code, found.ptx, found.ptx_bytes) == ({(8, 0)}, {(8, 0)}, 96)
    (problem,) = problems
    assert "bad.so" in problem
    assert "beyond" in problem
    content = good.read_bytes()
    assert content[found.offset :][: found.size_bytes] == fat_binary((MACHINE_CODE, 80), (PTX, 80), payload=96)
