"""Find installed CUDA toolkits, and the cuDNN copied into them.

Each gives a fact `cuda_toolkit` such as `11.0.228 at /usr/local/cuda-11.0 (cuDNN 8.0.4)`; its source is the file that
told the version.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gpuenv.model import Fact, Host, Note, Overrides, Toolkit

_CUDA_HEADER = "include/cuda.h"
_CUDNN_HEADERS = ("include/cudnn_version.h", "include/cudnn.h")


def run(host: Host, overrides: Overrides) -> Host:
    """Add a fact for each toolkit to the host, and a note for each with a cuDNN of several versions."""
    found = find_toolkits(Path("/"), os.environ)
    notes = (note for toolkit in found for note in mixed_notes(toolkit))
    return replace(host, facts=(*host.facts, *map(toolkit_fact, found)), notes=(*host.notes, *notes))


def find_toolkits(root: Path, environ: Mapping[str, str], *, windows: bool = os.name == "nt") -> tuple[Toolkit, ...]:
    """Describe every toolkit once, however many names lead to it; those that variables name come first."""
    found: dict[Path, Toolkit] = {}
    for directory in _candidates(root, environ, windows=windows):
        real = directory.resolve()
        if real not in found and real.is_dir() and (toolkit := toolkit_at(real, windows=windows)) is not None:
            found[real] = toolkit
    return tuple(found.values())


def toolkit_at(directory: Path, *, windows: bool = os.name == "nt") -> Toolkit | None:
    """Describe the toolkit in a directory; None when nothing there tells a version."""
    from gpuenv.toolkit_files import cudnn_versions

    found = toolkit_version(directory)
    if found is None:
        return None
    versions = tuple(cudnn_versions(directory, windows=windows).items())
    return Toolkit(str(directory), *found, cudnn_version(directory), versions)


def toolkit_fact(toolkit: Toolkit) -> Fact:
    """Say what a toolkit is: `11.0.228 at /usr/local/cuda-11.0 (cuDNN 8.0.4)`."""
    cudnn = f" (cuDNN {toolkit.cudnn})" if toolkit.cudnn else ""
    return Fact("cuda_toolkit", f"{toolkit.version} at {toolkit.path}{cudnn}", toolkit.source)


def mixed_notes(toolkit: Toolkit) -> Iterator[Note]:
    """Name the files when the cuDNN in a toolkit is of several versions, headers or libraries."""
    releases = {name: ".".join(version.split(".")[:3]) for name, version in toolkit.cudnn_files}
    shown = ", ".join(f"`{name}` {release}" for name, release in sorted(releases.items()))
    where = f"`{toolkit.path}`"
    if len(set(releases.values())) > 1:
        message = (
            f"the files of cuDNN in {where} are of different versions ({shown}): convolutions will end the process"
        )
    elif releases and toolkit.cudnn_header and toolkit.cudnn_header not in releases.values():
        message = f"the headers of cuDNN in {where} are of {toolkit.cudnn_header}, its libraries of {toolkit.cudnn}"
    else:
        return
    fix = f"stage one version: `gpuenv stage cudnn --toolkit-dir {toolkit.path}`"
    yield Note("toolkit.mixed-cudnn", message, fix)


def toolkit_version(directory: Path) -> tuple[str, str] | None:
    """Return a toolkit's version and the name of the file that told it, None when neither file is there."""
    texts = (
        ("version.json", parse_version_json),
        ("version.txt", parse_version_txt),
        (_CUDA_HEADER, parse_cuda_header),
    )
    for name, parse in texts:
        version = parse(_read(directory / name))
        if version is not None:
            return version, name
    return None


def parse_version_json(text: str) -> str | None:
    """Read the `version.json` of CUDA 11.1 and later: `{"cuda": {"name": "CUDA SDK", "version": "11.8.20220929"}}`."""
    import json

    try:
        version = json.loads(text)["cuda"]["version"]
    except (ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) and re.fullmatch(r"\d+(\.\d+)+", version) else None


def parse_version_txt(text: str) -> str | None:
    """Read the `version.txt` of CUDA 11.0 and earlier: `CUDA Version 11.0.228`."""
    found = re.search(r"CUDA Version (\d+(?:\.\d+)+)", text)
    return found[1] if found is not None else None


def parse_cuda_header(text: str) -> str | None:
    """Read `cuda.h` of a toolkit without a version file, as distributions package it: `#define CUDA_VERSION 11080`."""
    found = re.search(r"^#define CUDA_VERSION\s+(\d+)", text, re.MULTILINE)
    return f"{int(found[1]) // 1000}.{int(found[1]) % 1000 // 10}" if found is not None else None


def cudnn_version(directory: Path) -> str | None:
    """Return the version of the cuDNN headers in a toolkit: `8.0.4`; None without them."""
    for header in _CUDNN_HEADERS:
        version = parse_cudnn_header(_read(directory / header))
        if version is not None:
            return version
    return None


def parse_cudnn_header(text: str) -> str | None:
    """Read `cudnn_version.h` (cuDNN 8 and later) or `cudnn.h` (before).

    Sample::

        #define CUDNN_MAJOR 8
        #define CUDNN_MINOR 0
        #define CUDNN_PATCHLEVEL 4
    """
    numbers = [re.search(rf"^#define CUDNN_{part}\s+(\d+)", text, re.MULTILINE) for part in ("MAJOR", "MINOR")]
    patch = re.search(r"^#define CUDNN_PATCHLEVEL\s+(\d+)", text, re.MULTILINE)
    return ".".join(number[1] for number in (*numbers, patch) if number) if all((*numbers, patch)) else None


def _candidates(root: Path, environ: Mapping[str, str], *, windows: bool) -> Iterator[Path]:
    """List directories that can be toolkits: what variables name (`CUDA_PATH_V11_0`), nvcc's own, the usual places."""
    named = [*("CUDA_PATH", "CUDA_HOME"), *sorted(name for name in environ if name.startswith("CUDA_PATH_V"))]
    yield from (Path(environ[name]) for name in named if environ.get(name))
    nvcc = shutil.which("nvcc", path=environ.get("PATH"))
    if nvcc is not None:
        yield Path(nvcc).resolve().parent.parent
    if windows:
        programs = Path(environ.get("ProgramFiles", r"C:\Program Files"))
        yield from sorted((programs / "NVIDIA GPU Computing Toolkit" / "CUDA").glob("v*"), reverse=True)
    else:
        yield from sorted((root / "usr/local").glob("cuda*"), reverse=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
