from __future__ import annotations

import ensurepip
import zipfile
from pathlib import Path

import pefile
import pytest

from gpuenv.binaries import PeInfo, read_pe
from gpuenv.errors import GpuenvError
from made_binaries import make_dll


@pytest.mark.parametrize(
    ("imports", "delayed", "version", "expected"),
    [
        pytest.param([], [], None, PeInfo((), None), id="nothing"),
        pytest.param(
            ["KERNEL32.dll", "cublasLt64_11.dll"], [], None, PeInfo(("KERNEL32.dll", "cublasLt64_11.dll"), None)
        ),
        pytest.param(
            [], ["nvrtc64_112_0.dll"], (8, 9, 5, 29), PeInfo(("nvrtc64_112_0.dll",), "8.9.5.29"), id="delayed"
        ),
        pytest.param(["a.dll", "b.dll"], ["b.dll"], (1, 2, 3, 4), PeInfo(("a.dll", "b.dll"), "1.2.3.4"), id="in-both"),
    ],
)
def test_read_pe__tables__imports_and_version(
    tmp_path: Path, imports: list[str], delayed: list[str], version: tuple[int, int, int, int] | None, expected: PeInfo
) -> None:
    make_dll(tmp_path / "some.dll", imports, delayed, version)
    assert expected == read_pe(tmp_path / "some.dll")


def test_read_pe__a_real_program__as_pefile_reads_it(tmp_path: Path) -> None:
    wheel = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"), None)
    if wheel is None:
        pytest.skip("use a Python with ensurepip's own pip, whose launchers are Windows programs, to run this")
    with zipfile.ZipFile(wheel) as archive:
        program = Path(archive.extract("pip/_vendor/distlib/t64.exe", tmp_path))
    with pefile.PE(str(program)) as pe:
        expected = tuple(entry.dll.decode() for entry in pe.DIRECTORY_ENTRY_IMPORT)
    assert expected == read_pe(program).imports
    assert "KERNEL32.dll" in expected


@pytest.mark.parametrize("content", [b"", b"MZ", b"\x7fELF\x02\x01" + bytes(100)], ids=["empty", "cut-off", "elf"])
def test_read_pe__not_a_pe_file__error_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.dll").write_bytes(content)
    with pytest.raises(GpuenvError, match=r"cannot read `.*odd\.dll`"):
        read_pe(tmp_path / "odd.dll")


def test_read_pe__no_such_file__error(tmp_path: Path) -> None:
    with pytest.raises(GpuenvError, match=r"none\.dll"):
        read_pe(tmp_path / "none.dll")
