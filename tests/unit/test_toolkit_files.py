from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gpuenv.toolkit_files import cudnn_versions, mixed_cudnn, problems
from made_binaries import make_dll
from made_toolkit import make_windows_toolkit
from small_stack import compile_library

linux = pytest.mark.skipif(sys.platform != "linux", reason="gcc makes ELF files on Linux; run there")


@linux
def test_problems__linux__what_is_needed_and_not_there(tmp_path: Path) -> None:
    libraries = tmp_path / "lib64"
    compile_library("int a(void) { return 1; }", libraries / "libneeded.so.1")
    needs = ["-Wl,--no-as-needed", str(libraries / "libneeded.so.1")]
    compile_library("int b(void) { return 1; }", libraries / "libcudnn.so.8", *needs)
    (libraries / "libcudnn.so").symlink_to("libcudnn.so.8")
    assert problems(tmp_path, windows=False) == ()
    (libraries / "libneeded.so.1").unlink()
    (libraries / "libcublas.so").symlink_to("libcublas.so.11")
    assert problems(tmp_path, windows=False) == (
        "`libcublas.so` is a link to `libcublas.so.11`, which is missing",
        "`libneeded.so.1`, which `libcudnn.so.8` needs, is missing",
    )
    elsewhere = tmp_path / "elsewhere"
    compile_library("int a(void) { return 1; }", elsewhere / "libneeded.so.1")
    assert problems(tmp_path, [elsewhere], windows=False)[1:] == ()


@linux
def test_problems__file_that_is_no_library__is_named(tmp_path: Path) -> None:
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64" / "libcudnn.so.8").write_bytes(b"not a library")
    (said,) = problems(tmp_path, windows=False)
    assert said.startswith("`libcudnn.so.8` cannot be read")


def test_problems__windows__dlls_of_cuda_by_any_case_and_none_of_windows_own(tmp_path: Path) -> None:
    make_windows_toolkit(tmp_path)
    make_dll(tmp_path / "bin" / "cudnn64_8.dll", imports=["KERNEL32.dll", "CUBLAS64_11.dll", "nvcuda.dll"])
    assert problems(tmp_path, windows=True) == ()
    make_dll(tmp_path / "bin" / "cudnn_ops_infer64_8.dll", imports=["cublas64_12.dll"], version=(8, 0, 4, 30))
    assert problems(tmp_path, windows=True) == ("`cublas64_12.dll`, which `cudnn_ops_infer64_8.dll` needs, is missing",)


def test_problems__windows__mixed_cudnn_is_named_with_its_files(tmp_path: Path) -> None:
    make_windows_toolkit(tmp_path)
    make_dll(tmp_path / "bin" / "cudnn_ops_infer64_8.dll", version=(8, 0, 4, 30))
    make_dll(tmp_path / "bin" / "cudnn_ops_train64_8.dll", version=(8, 6, 0, 163))
    assert cudnn_versions(tmp_path, windows=True) == {
        "cudnn_ops_infer64_8.dll": "8.0.4.30",
        "cudnn_ops_train64_8.dll": "8.6.0.163",
    }
    (said,) = problems(tmp_path, windows=True)
    assert "`cudnn_ops_infer64_8.dll` 8.0.4, `cudnn_ops_train64_8.dll` 8.6.0" in said


@pytest.mark.parametrize(
    ("versions", "mixed"),
    [
        ({}, False),
        ({"a": "8.0.4.30"}, False),
        ({"a": "8.0.4.30", "b": "8.0.4"}, False),
        ({"a": "8.0.4", "b": "8.0.5"}, True),
    ],
    ids=["none", "one", "same to three numbers", "two"],
)
def test_mixed_cudnn__versions__named_when_they_differ(versions: dict[str, str], mixed: bool) -> None:
    assert bool(list(mixed_cudnn(versions))) == mixed
