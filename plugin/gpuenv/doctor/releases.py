"""What each TensorFlow release opens and was built with, on Linux. Measured from the wheels, November 2026.

The file names are what the loader of each wheel opens (2.4 and 2.5 say so themselves, see `binaries.loader`); the
versions of cuDNN are those of https://www.tensorflow.org/install/source#gpu (read November 2026).
"""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version


@dataclass(frozen=True, slots=True)
class Built:
    """What TensorFlow releases from `since` on open, and the cuDNN that they were built with."""

    since: str
    libraries: tuple[str, ...]
    cudnn: str


def _names(
    cudart: str, cublas: str, cufft: str, cusolver: str, cusparse: str, cudnn: str, *more: str
) -> tuple[str, ...]:
    versions = {"cudart": cudart, "cublas": cublas, "cufft": cufft, "cusolver": cusolver, "cusparse": cusparse}
    return (*(f"lib{name}.so.{version}" for name, version in versions.items()), f"libcudnn.so.{cudnn}", *more)


_LT11, _RAND10 = "libcublasLt.so.11", "libcurand.so.10"
_BUILT = (
    Built("2.18", _names("12", "12", "11", "11", "12", "9", "libcublasLt.so.12"), "9.3"),
    Built("2.15", _names("12", "12", "11", "11", "12", "8", "libcublasLt.so.12"), "8.9"),
    Built("2.14", _names("11.0", "11", "10", "11", "11", "8", _LT11), "8.7"),
    Built("2.12", _names("11.0", "11", "10", "11", "11", "8", _LT11, _RAND10), "8.6"),
    Built("2.5", _names("11.0", "11", "10", "11", "11", "8", _LT11, _RAND10), "8.1"),
    Built("2.4", _names("11.0", "11", "10", "10", "11", "8", _LT11, _RAND10), "8.0"),
    Built("2.1", _names("10.1", "10", "10", "10", "10", "7", _RAND10), "7.6"),
    Built("1.15", _names("10.0", "10.0", "10.0", "10.0", "10.0", "7", "libcurand.so.10.0"), "7.4"),
)
# cuDNN 8 opens these itself, later; without one of them the process ends (measured on an H100).
CUDNN_8_PARTS = tuple(f"libcudnn_{part}_{use}.so.8" for part in ("ops", "cnn", "adv") for use in ("infer", "train"))
CUDNN_9_PARTS = tuple(
    f"libcudnn_{part}.so.9"
    for part in ("ops", "cnn", "adv", "graph", "engines_precompiled", "engines_runtime_compiled", "heuristic")
)


def built(tensorflow: Version) -> Built | None:
    """Return what a TensorFlow release opens; None for one older than 1.15."""
    return next((it for it in _BUILT if tensorflow.release[:2] >= Version(it.since).release[:2]), None)


def cudnn_parts(libraries: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts of the cuDNN that is opened."""
    if "libcudnn.so.8" in libraries:
        return CUDNN_8_PARTS
    return CUDNN_9_PARTS if "libcudnn.so.9" in libraries else ()
