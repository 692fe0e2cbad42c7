from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.binaries import LibraryVersion, library_version
from made_binaries import make_dll
from small_stack import compile_library

CONSTANT = "const unsigned int {stem}_version = 0x00080600;"
LOGGED = """
void log_it(volatile int *);
void {function}(void) {{ volatile int room[32]; room[20] = 8600; log_it(room); room[20] = {second}; }}
"""


def installed(site_packages: Path, member: str, version: str, *, size: int | None = None) -> None:
    path = site_packages / member
    record = site_packages / f"nvidia_some_cu11-{version}.dist-info" / "RECORD"
    record.parent.mkdir(parents=True)
    record.write_text(f"nvidia/__init__.py,sha256=47D,0\n{member},sha256=abc,{size or path.stat().st_size}\n")


def test_library_version__cudnn_constant__read_from_the_binary(tmp_path: Path) -> None:
    path = tmp_path / "libcudnn_ops_infer.so.8"
    compile_library(CONSTANT.format(stem="cudnn_ops_infer"), path, "-Wl,--hash-style=gnu")
    assert library_version(path) == LibraryVersion("8.6.0", "binary")


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param("8600", LibraryVersion("8.6.0", "binary"), id="one-number"),
        pytest.param("9999", None, id="two-numbers-no-guess"),
    ],
)
def test_library_version__cudnn_logs_it__read_from_the_code(
    tmp_path: Path, second: str, expected: LibraryVersion | None
) -> None:
    path = tmp_path / "libcudnn_cnn_train.so.8"
    source = LOGGED.format(function="cudnnCnnTrainVersionCheck", second=second)
    # No frame pointer and a large frame make the compiler address the stack as cuDNN's did: 32 bits from rsp.
    compile_library(source.replace("[32]", "[64]").replace("[20]", "[50]"), path, "-O1", "-Wl,--hash-style=gnu")
    assert expected == library_version(path)


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("libcufft.so.10", 10900, "10.9.0"),
        ("libcurand.so.10", 10300, "10.3.0"),
        ("libcusolver.so.11", 11401, "11.4.1"),
    ],
)
def test_library_version__version_function__read_from_the_code(
    tmp_path: Path, name: str, number: int, expected: str
) -> None:
    function = f"{name[3:].partition('.')[0]}GetVersion"
    source = f"int {function}(int *version) {{ if (version) *version = {number}; return 0; }}"
    compile_library(source, tmp_path / name, "-O1", "-Wl,--hash-style=gnu")
    assert library_version(tmp_path / name) == LibraryVersion(expected, "binary")


@pytest.mark.parametrize("name", ["libcublas.so.11", "libcudnn.so.8", "libcufft.so.10"])
def test_library_version__not_in_the_binary__metadata_of_its_package(tmp_path: Path, name: str) -> None:
    member = f"nvidia/some/lib/{name}"
    compile_library("int one(void) { return 1; }", tmp_path / member)
    installed(tmp_path, member, "11.11.3.6")
    (tmp_path / "link.so").symlink_to(tmp_path / member)
    assert library_version(tmp_path / member) == LibraryVersion("11.11.3.6", "metadata")
    assert library_version(tmp_path / "link.so") == LibraryVersion("11.11.3.6", "metadata")


def test_library_version__file_was_replaced__metadata_does_not_count(tmp_path: Path) -> None:
    member = "nvidia/cublas/lib/libcublas.so.11"
    compile_library("int one(void) { return 1; }", tmp_path / member)
    installed(tmp_path, member, "11.11.3.6", size=7)
    assert library_version(tmp_path / member) is None


def test_library_version__no_package__none(tmp_path: Path) -> None:
    compile_library("int one(void) { return 1; }", tmp_path / "libcublas.so.11")
    assert library_version(tmp_path / "libcublas.so.11") is None


def test_library_version__dll_of_cudnn__its_resource(tmp_path: Path) -> None:
    make_dll(tmp_path / "cudnn64_8.dll", version=(8, 9, 5, 29))
    assert library_version(tmp_path / "cudnn64_8.dll") == LibraryVersion("8.9.5.29", "binary")


def test_library_version__dll_of_the_toolkit__metadata_because_the_resource_has_no_dots(tmp_path: Path) -> None:
    member = "nvidia/cublas/bin/cublas64_11.dll"
    make_dll(tmp_path / member, version=(6, 14, 11, 11113))
    assert library_version(tmp_path / member) is None
    installed(tmp_path, member, "11.11.3.6")
    assert library_version(tmp_path / member) == LibraryVersion("11.11.3.6", "metadata")


def test_release__binary_and_metadata_of_one_version__equal() -> None:
    assert LibraryVersion("8.6.0", "binary").release == LibraryVersion("8.6.0.163", "metadata").release == (8, 6, 0)
