"""Where CUDA and cuDNN come from: the built-in kinds of places."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gpuenv.errors import GpuenvError, Hint
from gpuenv.extension import ArtifactSource
from gpuenv.hookspec import hookimpl
from gpuenv.model import Built, CudaFiles, Source


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
                hints=[Hint("source.recreate", f"make the environment again with `gpuenv create -p {built.prefix}`")],
            )
        return CudaFiles(library_dirs, _tools(root / "cuda_nvcc"))


def _tools(nvcc: Path) -> Path | None:
    """Return the directory that XLA can use as its CUDA, which it can when libdevice is in it."""
    return nvcc if (nvcc / "nvvm" / "libdevice").is_dir() else None


@hookimpl
def gpuenv_artifact_sources() -> Iterable[ArtifactSource]:
    """Give the built-in sources."""
    return [PypiSource()]
