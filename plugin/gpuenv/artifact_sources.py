"""Where CUDA and cuDNN come from: the built-in kinds of places."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gpuenv.errors import GpuenvError, Hint
from gpuenv.extension import ArtifactSource
from gpuenv.hookspec import hookimpl
from gpuenv.model import Built, CudaFiles, Source
from gpuenv.text_files import typed


class PypiSource:
    """NVIDIA's own wheels, installed into the environment: everything lies under `site-packages/nvidia`."""

    name = "pypi"

    def locate(self, built: Built, source: Source) -> CudaFiles:
        """Find the library directories of the wheels, and the tools of `nvidia-cuda-nvcc` when it is installed.

        Raises GpuenvError when there is no library at all.
        """
        root = built.site_packages / "nvidia"
        windows = built.platform.startswith("win")
        layouts, pattern = (("bin", "lib/x64"), "*.dll") if windows else (("lib",), "lib*.so*")
        candidates = (path for layout in layouts for path in sorted(root.glob(f"*/{layout}")))
        library_dirs = tuple(path for path in candidates if any(path.glob(pattern)))
        if not library_dirs:
            raise GpuenvError(
                "the environment has no CUDA libraries from NVIDIA's wheels",
                cause=f"expected `{pattern}` in `{root}`, found none",
                hints=[_recreate(built)],
            )
        return CudaFiles(library_dirs, _tools(root / "cuda_nvcc"))


class CondaSource:
    """Conda packages (`cudatoolkit`, `cudnn`), whose files lie among those of all other packages of the environment."""

    name = "conda"

    def locate(self, built: Built, source: Source) -> CudaFiles:
        """Find the library directory, and tools for XLA where a package brought them.

        conda-forge's `cudatoolkit` has no `ptxas`, and keeps libdevice where XLA does not look (`lib/libdevice.10.bc`,
        on Windows in `Library/bin`), so that the tools are those of a newer package (`<prefix>/nvvm/libdevice`) or of
        the wheel `nvidia-cuda-nvcc`. Source: the packages' file lists (regro/libcfgraph, cudatoolkit 11.0.3 build 12,
        read 2026-11).

        Raises GpuenvError when the CUDA runtime is not there.
        """
        windows = built.platform.startswith("win")
        library_dir = built.prefix / "Library" / "bin" if windows else built.prefix / "lib"
        pattern = "cudart64_*.dll" if windows else "libcudart.so.*"
        if not any(library_dir.glob(pattern)):
            raise GpuenvError(
                "the environment has no CUDA libraries from conda packages",
                cause=f"expected `{pattern}` in `{library_dir}`, found none",
                hints=[_recreate(built)],
            )
        root = built.prefix / "Library" if windows else built.prefix
        return CudaFiles((library_dir,), _tools(root) or _tools(built.site_packages / "nvidia" / "cuda_nvcc"))


def _recreate(built: Built) -> Hint:
    return Hint("source.recreate", f"make the environment again with `gpuenv create -p {typed(built.prefix)} --force`")


def _tools(nvcc: Path) -> Path | None:
    """Return the directory that XLA can use as its CUDA, which it can when libdevice is in it."""
    return nvcc if (nvcc / "nvvm" / "libdevice").is_dir() else None


@hookimpl
def gpuenv_artifact_sources() -> Iterable[ArtifactSource]:
    """Give the built-in sources."""
    return [PypiSource(), CondaSource()]
