"""Where the members of NVIDIA's archives belong in a toolkit directory. Pure.

The archives of cuDNN up to 8.2 have the top directory `cuda`, later ones and the parts of CUDA have one with their
whole name (`cudnn-linux-x86_64-8.3.1.22_cuda11.5-archive`); below it they are alike::

    bin/cudnn64_8.dll  include/cudnn.h  lib/x64/cudnn.lib                        Windows
    include/cudnn.h  lib64/libcudnn.so.8.0.4  (later: lib/libcudnn.so.8.3.1)     Linux

Source: the file lists in `facts/cudnn_files.json`, NVIDIA's cuDNN installation guide (sections on tar and zip files)
and the redistributable archives of CUDA 11.8 and 12, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

Place = Callable[[str], PurePosixPath | None]

# Of the compiler a framework needs what XLA calls, and its device library; the rest compiles programs of one's own.
_TOOLS = re.compile(r"(ptxas|fatbinary|nvlink)(\.exe)?")
_SHARED = re.compile(r"lib[^/]+\.so(\.\d+)*")
_COMPILER = "cuda_nvcc"


def layout_of(component: str, platform: str) -> Place:
    """Return what says where a member of an archive goes, relative to the toolkit directory; None: nowhere.

    `component` is `cudnn` or a part of CUDA (`libcublas`, `cuda_nvcc`), `platform` a conda subdir. Every shared library
    is taken, with its links, every header, and on Windows every import library. Static libraries, which only linking
    needs and which are larger than all the rest, stay in the archive.
    """
    rule = _windows if platform.startswith("win") else _linux

    def place(member: str) -> PurePosixPath | None:
        parts = PurePosixPath(member).parts[1:]
        if not parts:
            return None
        if component == _COMPILER:
            return _compiler(parts)
        return rule(parts)

    return place


def _windows(parts: tuple[str, ...]) -> PurePosixPath | None:
    name = parts[-1]
    if parts[0] == "include":
        return PurePosixPath(*parts)
    if parts[0] == "bin" and name.lower().endswith(".dll"):  # CUDA 13 has them in `bin/x64`
        return PurePosixPath("bin", name)
    if parts[0] == "lib" and name.lower().endswith(".lib"):
        return PurePosixPath("lib", "x64", name)
    return None


def _linux(parts: tuple[str, ...]) -> PurePosixPath | None:
    name = parts[-1]
    if parts[0] == "include":
        return PurePosixPath(*parts)
    # Not what lies in `lib/stubs`: a libcuda that only says it is one.
    if parts[0] in ("lib", "lib64") and len(parts) == 2 and _SHARED.fullmatch(name):
        return PurePosixPath("lib64", name)
    return None


def _compiler(parts: tuple[str, ...]) -> PurePosixPath | None:
    if parts[0] == "bin" and len(parts) == 2 and _TOOLS.fullmatch(parts[1]):
        return PurePosixPath(*parts)
    if parts[:2] == ("nvvm", "libdevice"):
        return PurePosixPath(*parts)
    return None
