"""A conda channel of the real size: real Python, and NVIDIA's own libraries under conda-forge's names.

`cudatoolkit` 11.0.3 and `cudnn` 8.0.5.39 are what `recipes/tf-2.4.yaml` takes from conda-forge. Their libraries are
those of the nvidia-*-cu11 wheels of the same recipe (CUDA 11.8, cuDNN 8.6): later ones, of the same names and about the
same size, so that what is fetched, unpacked and linked costs what it costs with the real packages.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from conda_channel import (
    BUILT,
    File,
    Index,
    find_base_python,
    index_channel,
    make_package,
    repackage_python,
    served_channel,
)

__all__ = ["find_base_python", "make_real_channel", "nvidia_requirements", "served_channel"]

TOOLKIT = Index("cudatoolkit", "11.0.3", "h15472ef_8", depends=("libgcc-ng >=12",), constrains=("__cuda >=11",))
CUDNN = Index("cudnn", "8.0.5.39", "ha5ca753_1", depends=("cudatoolkit 11.0|11.0.*", "libgcc-ng >=7.5.0"))
TOOLKIT_PARTS = ("cuda_runtime", "cublas", "cufft", "curand", "cusolver", "cusparse")
# CUDA 11.0's cuSOLVER has an older soname than 11.8's, which the check `files` reads.
SONAMES = {"libcusolver.so.11": "libcusolver.so.10", "libcusolverMg.so.11": "libcusolverMg.so.10"}
LEVEL = 3


@dataclass(frozen=True)
class Link:
    """A symbolic link in a package."""

    target: str


Content = Path | Link


def make_real_channel(channel: Path, nvidia: Path, python: Path) -> None:
    """Make the channel from the directory `nvidia` of the wheels and an interpreter; needs gcc, takes a minute."""
    make_cuda_packages(channel, nvidia)
    libgcc = {f"lib/{path.name}": File(path.read_bytes()) for path in _compilers_own()}
    make_package(channel, Index("libgcc-ng", "12.2.0", "h65d4601_19"), libgcc)
    make_package(channel, Index("tzdata", "2024a", subdir="noarch"), {"share/zoneinfo/UTC": File(b"TZif2")})
    repackage_python(channel, python)
    index_channel(channel)


def make_cuda_packages(channel: Path, nvidia: Path) -> None:
    """Make `cudatoolkit` and `cudnn`."""
    found = [path for part in TOOLKIT_PARTS for path in sorted((nvidia / part / "lib").glob("*.so.*"))]
    toolkit = dict(_laid_out([_of_11_0(path, channel.parent / "renamed") for path in found], "11.0.221"))
    toolkit["lib/libdevice.10.bc"] = nvidia / "cuda_nvcc" / "nvvm" / "libdevice" / "libdevice.10.bc"
    write_package(channel, TOOLKIT, toolkit)
    shutil.rmtree(channel.parent / "renamed", ignore_errors=True)
    write_package(channel, CUDNN, dict(_laid_out(sorted((nvidia / "cudnn" / "lib").glob("*.so.*")), "8.0.5")))


def _of_11_0(library: Path, directory: Path) -> Path:
    """Return a library with the soname that it has in CUDA 11.0: the same file, or a changed copy in a directory."""
    own = SONAMES.get(library.name)
    if own is None:
        return library
    directory.mkdir(parents=True, exist_ok=True)
    (directory / own).write_bytes(library.read_bytes().replace(library.name.encode(), own.encode()))
    return directory / own


def _laid_out(libraries: Iterable[Path], version: str) -> Iterator[tuple[str, Content]]:
    """Lay libraries out as NVIDIA does: `libcudart.so` and `libcudart.so.11.0` link to the file with all numbers."""
    for path in libraries:
        stem = path.name.partition(".so.")[0]
        yield f"lib/{stem}.so.{version}", path
        yield f"lib/{path.name}", Link(f"{stem}.so.{version}")
        yield f"lib/{stem}.so", Link(path.name)


def _compilers_own() -> Iterator[Path]:
    for name in ("libgcc_s.so.1", "libstdc++.so.6"):
        said = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        yield Path(said.stdout.strip())


def write_package(channel: Path, index: Index, files: Mapping[str, Content]) -> None:
    """Add a `.conda` package to a channel without holding its files in memory."""
    import zstandard

    path = channel / index.subdir / f"{index.stem}.conda"
    path.parent.mkdir(parents=True, exist_ok=True)
    compressor = zstandard.ZstdCompressor(level=LEVEL, threads=-1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        with (
            archive.open(f"pkg-{index.stem}.tar.zst", "w", force_zip64=True) as entry,
            compressor.stream_writer(entry, closefd=False) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name, content in files.items():
                _add(tar, name, content)
        archive.writestr(f"info-{index.stem}.tar.zst", compressor.compress(_info(index, files)))


def _add(tar: tarfile.TarFile, name: str, content: Content) -> None:
    member = tarfile.TarInfo(name)
    member.mode, member.mtime = 0o755, BUILT // 1000
    if isinstance(content, Link):
        member.type, member.linkname = tarfile.SYMTYPE, content.target
        tar.addfile(member)
        return
    member.size = content.stat().st_size
    with content.open("rb") as file:
        tar.addfile(member, file)


def _info(index: Index, files: Mapping[str, Content]) -> bytes:
    """Return the tar of `info`, in which installers read what the package is and has."""
    paths = [_entry(name, files) for name in sorted(files)]
    texts = {
        "index.json": json.dumps(index.as_json(), indent=1),
        "paths.json": json.dumps({"paths": paths, "paths_version": 1}, indent=1),
        "files": "".join(f"{name}\n" for name in sorted(files)),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in texts.items():
            member = tarfile.TarInfo(f"info/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _entry(name: str, files: Mapping[str, Content]) -> dict[str, Any]:
    """Describe one file; a link has the hash of what it leads to, as conda-build writes it."""
    content = files[name]
    kind = "softlink" if isinstance(content, Link) else "hardlink"
    while isinstance(content, Link):
        content = files[f"lib/{content.target}"]
    with content.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return {"_path": name, "path_type": kind, "sha256": digest.hexdigest(), "size_in_bytes": content.stat().st_size}


def nvidia_requirements(lock: str) -> str:
    """Return the lines of a lock for NVIDIA's wheels."""
    return "\n".join(re.findall(r"^nvidia-.*(?:\n +.*)*", lock, re.MULTILINE)) + "\n"
