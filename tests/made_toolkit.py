"""CUDA Toolkit directories and cuDNN archives for tests: NVIDIA's names and layouts, small libraries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from made_archives import Content, make
from made_binaries import make_dll
from small_stack import SmallStack, compile_library, write_lock

TOOLKIT_LIBRARIES = ("libcudart.so.11.0", "libcusolver.so.10", "libcublas.so.11")
PARTS = ("", "_ops_infer", "_ops_train", "_cnn_infer", "_cnn_train", "_adv_infer", "_adv_train")
LINUX_NAME = "cudnn-11.0-linux-x64-v8.0.4.30.tgz"
WINDOWS_NAME = "cudnn-11.0-windows-x64-v8.0.4.30.zip"
HEADER = b"#define CUDNN_MAJOR 8\n#define CUDNN_MINOR 0\n#define CUDNN_PATCHLEVEL 4\n"

RECIPE = """\
gpuenv_recipe_version: "1"
name: small-toolkit
summary: A stack of a few kilobytes, with CUDA from an installed toolkit
framework:
  name: tensorflow
  version: "2.4.0"
  loader: {{linux-64: tensorflow/libtensorflow_framework.so.2}}
  gpu_code: {{linux-64: tensorflow/libtensorflow_framework.so.2}}
  libraries: {{linux-64: [libcudart.so.11.0, libcusolver.so.10, libcudnn.so.8]}}
  lazy_libraries: {{linux-64: [libcudnn_ops_infer.so.8, libcudnn_cnn_train.so.8]}}
pythons: ["{python}"]
platforms: [linux-64]
gpu: {{compute_capability_min: "3.5", machine_code: ["8.0"], ptx: "8.0"}}
requirements: [tensorflow==2.4.0]
sources:
  toolkit:
    cuda_toolkit: "11.0"
    cudnn: "8.0.4"
    driver_min: {{linux-64: "450.36.06"}}
environment:
  XLA_FLAGS: {{value: "--xla_gpu_cuda_data_dir={{cuda_dir}}", mode: flag}}
checks: [files]
"""


def make_toolkit(directory: Path, version: str = "11.0.228", libraries: Sequence[str] = TOOLKIT_LIBRARIES) -> Path:
    """Make an installed toolkit for Linux: runtime libraries, ptxas, libdevice, no cuDNN."""
    for name in libraries:
        compile_library("int cuda(void) { return 1; }", directory / "lib64" / name)
    for name, text in {
        "version.txt": f"CUDA Version {version}\n",
        "include/cuda.h": "",
        "bin/ptxas": "#!/bin/sh\n",
    }.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (directory / "bin" / "ptxas").chmod(0o755)
    (directory / "nvvm" / "libdevice").mkdir(parents=True)
    (directory / "nvvm" / "libdevice" / "libdevice.10.bc").write_bytes(b"BC\xc0\xde")
    return directory


def make_cudnn(
    directory: Path, build: Path, name: str = LINUX_NAME, parts: Sequence[str] = PARTS, needs: str | None = None
) -> Path:
    """Make NVIDIA's archive for Linux: each library with its two links, headers, a static library, the licence.

    `needs` is a library that all of them need.
    """
    version = name.rpartition("-v")[2].removesuffix(".tgz").rpartition(".")[0]
    members: dict[str, Content] = {
        "cuda/NVIDIA_SLA_cuDNN_Support.txt": b"terms\n",
        "cuda/include/cudnn_version.h": HEADER,
    }
    members["cuda/include/cudnn.h"] = b'#include "cudnn_version.h"\n'
    flags: list[str] = []
    if needs is not None:
        compile_library("int needed(void) { return 1; }", build / needs)
        flags = ["-Wl,--no-as-needed", str(build / needs)]
    for part in parts:
        stem = f"libcudnn{part}"
        library = build / f"{stem}.so.8"
        compile_library(f"int cudnn{part}(void) {{ return 1; }}", library, *flags)
        members[f"cuda/lib64/{stem}.so"] = f"{stem}.so.8"
        members[f"cuda/lib64/{stem}.so.8"] = f"{stem}.so.{version}"
        members[f"cuda/lib64/{stem}.so.{version}"] = library.read_bytes()
    members["cuda/lib64/libcudnn_static.a"] = b"static"
    directory.mkdir(parents=True, exist_ok=True)
    return make(directory / name, members)


def make_windows_toolkit(directory: Path) -> Path:
    """Make an installed toolkit for Windows, as the tree of its files."""
    for name in ("cudart64_110.dll", "cublas64_11.dll", "cublasLt64_11.dll", "cusolver64_10.dll"):
        make_dll(directory / "bin" / name, imports=["KERNEL32.dll"])
    for name in ("include/cuda.h", "lib/x64/cudart.lib"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(b"")
    (directory / "version.txt").write_text("CUDA Version 11.0.228\n")
    return directory


def make_windows_cudnn(
    directory: Path, build: Path, versions: Sequence[int] = (4,) * 7, needs: str = "cublas64_11.dll"
) -> Path:
    """Make NVIDIA's zip for Windows: seven DLLs with their versions (8.0.`versions`), headers, import libraries."""
    members: dict[str, Content] = {"cuda/NVIDIA_SLA_cuDNN_Support.txt": b"terms\n"}
    for part, patch in zip(PARTS, versions, strict=True):
        path = build / f"cudnn{part}64_8.dll"
        make_dll(path, imports=["KERNEL32.dll", needs], version=(6, 14, 11, 8004) if not part else (8, 0, patch, 30))
        members[f"cuda/bin/{path.name}"] = path.read_bytes()
        members[f"cuda/lib/x64/cudnn{part}.lib"] = b"import"
        members[f"cuda/lib/x64/cudnn{part}64_8.lib"] = b"import"
    for header in ("cudnn.h", "cudnn_version.h", "cudnn_ops_infer.h"):
        members[f"cuda/include/{header}"] = HEADER
    directory.mkdir(parents=True, exist_ok=True)
    return make(directory / WINDOWS_NAME, members)


def write_toolkit_recipe(stack: SmallStack) -> Path:
    """Write the recipe with its lock beside the small stack's; return its file."""
    from small_stack import PYTHON

    recipe = stack.recipe.with_name("small-toolkit.yaml")
    recipe.write_text(RECIPE.format(python=PYTHON))
    wheels = [wheel for wheel in sorted(stack.wheels.glob("*.whl")) if "nvidia" not in wheel.name]
    write_lock(recipe, wheels, source="toolkit")
    return recipe
