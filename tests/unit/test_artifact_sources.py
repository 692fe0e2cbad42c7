from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.artifact_sources import CondaSource, PypiSource
from gpuenv.errors import GpuenvError
from gpuenv.model import Built, CudaFiles, Source
from gpuenv.plugins import Plugins, new_manager

SOURCE = Source(cuda_toolkit="11.8", cudnn="8.6", driver_min={})


def built(prefix: Path, platform: str) -> Built:
    folder = "Lib/site-packages" if platform == "win-64" else "lib/python3.8/site-packages"
    return Built(prefix, prefix / "bin" / "python", Version("3.8.18"), prefix / folder, platform)


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def test_locate__linux__directories_with_libraries_and_the_tools(tmp_path: Path) -> None:
    environment = built(tmp_path, "linux-64")
    root = environment.site_packages / "nvidia"
    touch(root, "cudnn/lib/libcudnn.so.8", "cublas/lib/libcublas.so.11", "cublas/include/cublas.h")
    touch(root, "cuda_nvcc/lib/__init__.py", "cuda_nvcc/bin/ptxas", "cuda_nvcc/nvvm/libdevice/libdevice.10.bc")
    expected = CudaFiles((root / "cublas" / "lib", root / "cudnn" / "lib"), root / "cuda_nvcc")
    assert expected == PypiSource().locate(environment, SOURCE)


def test_locate__windows__bin_and_x64(tmp_path: Path) -> None:
    environment = built(tmp_path, "win-64")
    root = environment.site_packages / "nvidia"
    touch(root, "cublas/bin/cublas64_11.dll", "cublas/lib/x64/cublas.lib", "cuda_nvcc/bin/ptxas.exe")
    touch(root, "cudnn/lib/x64/cudnn64_8.dll")
    expected = CudaFiles((root / "cublas" / "bin", root / "cudnn" / "lib" / "x64"), None)
    assert expected == PypiSource().locate(environment, SOURCE)


@pytest.mark.parametrize(
    ("platform", "files"),
    [
        pytest.param("linux-64", [], id="no-nvidia"),
        pytest.param("linux-64", ["cublas/bin/cublas64_11.dll"], id="windows-wheels-on-linux"),
        pytest.param("win-64", ["cublas/lib/libcublas.so.11"], id="linux-wheels-on-windows"),
    ],
)
def test_locate__no_library__error_says_where_it_looked(tmp_path: Path, platform: str, files: list[str]) -> None:
    environment = built(tmp_path, platform)
    touch(environment.site_packages / "nvidia", *files)
    with pytest.raises(GpuenvError, match="no CUDA libraries") as caught:
        PypiSource().locate(environment, SOURCE)
    assert str(environment.site_packages / "nvidia") in str(caught.value.cause)
    assert [hint.code for hint in caught.value.hints] == ["source.recreate"]


def test_gpuenv_artifact_sources__built_in__registered_through_the_hook() -> None:
    plugins = Plugins(new_manager(["gpuenv.artifact_sources"]))
    assert isinstance(plugins.artifact_sources()["pypi"], PypiSource)


WHEEL_LIBDEVICE = "lib/python3.8/site-packages/nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc"


@pytest.mark.parametrize(
    ("platform", "files", "library_dir", "cuda_dir"),
    [
        pytest.param(
            "linux-64", ["lib/libcudart.so.11.0", "lib/libdevice.10.bc"], "lib", None, id="cudatoolkit: no tools"
        ),
        pytest.param(
            "linux-64",
            ["lib/libcudart.so.11.0", WHEEL_LIBDEVICE],
            "lib",
            "lib/python3.8/site-packages/nvidia/cuda_nvcc",
            id="tools of the wheel",
        ),
        pytest.param(
            "linux-64",
            ["lib/libcudart.so.12", "nvvm/libdevice/libdevice.10.bc", WHEEL_LIBDEVICE],
            "lib",
            "",
            id="tools of a conda package",
        ),
        pytest.param("win-64", ["Library/bin/cudart64_110.dll"], "Library/bin", None, id="Windows"),
    ],
)
def test_locate__conda_packages__libraries_and_tools(
    tmp_path: Path, platform: str, files: list[str], library_dir: str, cuda_dir: str | None
) -> None:
    touch(tmp_path, *files)
    found = CondaSource().locate(replace(built(tmp_path, platform), conda=True), SOURCE)
    assert found.library_dirs == (tmp_path / library_dir,)
    assert found.cuda_dir == (None if cuda_dir is None else tmp_path / cuda_dir)


def test_locate__conda_prefix_without_cuda__is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "lib/libz.so.1")
    with pytest.raises(GpuenvError, match="no CUDA libraries from conda packages"):
        CondaSource().locate(replace(built(tmp_path, "linux-64"), conda=True), SOURCE)
