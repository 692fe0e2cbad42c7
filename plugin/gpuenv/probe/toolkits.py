"""Find installed CUDA toolkits, and the cuDNN copied into them.

Each gives a fact `cuda_toolkit` such as `11.0.228 at /usr/local/cuda-11.0 (cuDNN 8.0.4)`; its source is the file that
told the version.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gpuenv.model import Fact, Host, Overrides

_CUDNN_HEADERS = ("include/cudnn_version.h", "include/cudnn.h")


def run(host: Host, overrides: Overrides) -> Host:
    """Add a fact for each toolkit to the host."""
    return replace(host, facts=(*host.facts, *toolkit_facts(Path("/"), os.environ)))


def toolkit_facts(root: Path, environ: Mapping[str, str], *, windows: bool = os.name == "nt") -> Iterator[Fact]:
    """Describe every toolkit once, however many names lead to it; those that variables name come first."""
    seen: set[Path] = set()
    for directory in _candidates(root, environ, windows=windows):
        real = directory.resolve()
        if real in seen or not real.is_dir():
            continue
        seen.add(real)
        found = toolkit_version(real)
        if found is None:
            continue
        version, source = found
        cudnn = cudnn_version(real)
        yield Fact("cuda_toolkit", f"{version} at {real}" + (f" (cuDNN {cudnn})" if cudnn else ""), source)


def toolkit_version(directory: Path) -> tuple[str, str] | None:
    """Return a toolkit's version and the name of the file that told it, None when neither file is there."""
    for name, parse in (("version.json", parse_version_json), ("version.txt", parse_version_txt)):
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
    """List directories that can be toolkits: `CUDA_PATH`, `CUDA_HOME`, `CUDA_PATH_V11_0`, then the usual places."""
    named = [*("CUDA_PATH", "CUDA_HOME"), *sorted(name for name in environ if name.startswith("CUDA_PATH_V"))]
    yield from (Path(environ[name]) for name in named if environ.get(name))
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
