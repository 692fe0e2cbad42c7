from __future__ import annotations

import pytest

from gpuenv.facts.cudnn import cudnn_files
from gpuenv.toolkit.layout import layout_of


@pytest.mark.parametrize(
    ("component", "platform", "member", "place"),
    [
        ("cudnn", "win-64", "cuda/bin/cudnn64_8.dll", "bin/cudnn64_8.dll"),
        ("cudnn", "win-64", "cuda/lib/x64/cudnn.lib", "lib/x64/cudnn.lib"),
        ("cudnn", "win-64", "cuda/include/cudnn_version.h", "include/cudnn_version.h"),
        ("cudnn", "win-64", "cuda/NVIDIA_SLA_cuDNN_Support.txt", None),
        ("cudnn", "win-64", "cudnn-windows-x86_64-8.9.7.29_cuda11-archive/bin/cudnn64_8.dll", "bin/cudnn64_8.dll"),
        ("cudnn", "win-64", "cudnn-windows-x86_64-9.1.0.70_cuda12-archive/lib/x64/cudnn.lib", "lib/x64/cudnn.lib"),
        ("cudnn", "win-64", "cudnn-windows-x86_64-9.13.0_cuda13-archive/bin/x64/cudnn64_9.dll", "bin/cudnn64_9.dll"),
        ("cudnn", "linux-64", "cuda/lib64/libcudnn.so.8.0.4", "lib64/libcudnn.so.8.0.4"),
        ("cudnn", "linux-64", "cuda/lib64/libcudnn_static.a", None),
        ("cudnn", "linux-64", "cudnn-linux-x86_64-8.9.7.29_cuda11-archive/lib/libcudnn.so.8", "lib64/libcudnn.so.8"),
        ("cudnn", "linux-64", "cudnn-linux-x86_64-9.1.0.70_cuda12-archive/LICENSE", None),
        (
            "libcublas",
            "linux-64",
            "libcublas-linux-x86_64-11.11.3.6-archive/lib/libcublas.so.11",
            "lib64/libcublas.so.11",
        ),
        ("cuda_cudart", "linux-64", "cuda_cudart-linux-x86_64-11.8.89-archive/lib/stubs/libcuda.so", None),
        (
            "libcublas",
            "win-64",
            "libcublas-windows-x86_64-11.11.3.6-archive/bin/cublas64_11.dll",
            "bin/cublas64_11.dll",
        ),
        ("cuda_nvcc", "linux-64", "cuda_nvcc-linux-x86_64-11.8.89-archive/bin/ptxas", "bin/ptxas"),
        ("cuda_nvcc", "linux-64", "cuda_nvcc-linux-x86_64-11.8.89-archive/bin/nvcc", None),
        (
            "cuda_nvcc",
            "linux-64",
            "cuda_nvcc-linux-x86_64-11.8.89-archive/nvvm/libdevice/libdevice.10.bc",
            "nvvm/libdevice/libdevice.10.bc",
        ),
        ("cuda_nvcc", "win-64", "cuda_nvcc-windows-x86_64-11.8.89-archive/bin/ptxas.exe", "bin/ptxas.exe"),
        ("cudnn", "linux-64", "README", None),
    ],
    ids=lambda value: value.rpartition("/")[2] if isinstance(value, str) else None,
)
def test_layout_of__member__goes_where_it_belongs(
    component: str, platform: str, member: str, place: str | None
) -> None:
    found = layout_of(component, platform)(member)
    assert (str(found) if found is not None else None) == place


def test_layout_of__windows_archive__every_dll_goes_to_bin() -> None:
    """A guide copies `bin` into `include`, and only `cudnn64_8.dll`: the GPU is listed, and training crashes."""
    listed = cudnn_files("cudnn-11.0-windows-x64-v8.0.5.39.zip")
    assert listed is not None
    places = {name: layout_of("cudnn", "win-64")(name) for name in listed.names}
    dlls = [name for name in listed.names if name.endswith(".dll")]
    assert len(dlls) == 7
    assert all(str(places[name]) == f"bin/{name.rpartition('/')[2]}" for name in dlls)
    assert sum(place is not None and place.parts[0] == "include" for place in places.values()) == 9
    assert sum(place is not None and place.parts[:2] == ("lib", "x64") for place in places.values()) == 14


def test_layout_of__linux_archive__every_library_with_its_links() -> None:
    listed = cudnn_files("cudnn-11.0-linux-x64-v8.0.5.39.tgz")
    assert listed is not None
    places = [layout_of("cudnn", "linux-64")(name) for name in listed.names]
    assert sum(place is not None and place.parts[0] == "lib64" for place in places) == 21
