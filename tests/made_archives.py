"""Archives made for a test: as NVIDIA packs them, and as nobody should."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

FORMATS = ("tar", "tgz", "txz", "zip")
# A value is a file's content, or the text of a link.
Content = bytes | str
LIBRARY = bytes(range(256)) * 2000
CUDNN: dict[str, Content] = {
    "cuda/include/cudnn.h": b"#include <cudnn_version.h>\n",
    "cuda/include/cudnn_version.h": b"#define CUDNN_MAJOR 8\n",
    "cuda/NVIDIA_SLA_cuDNN_Support.txt": b"terms\n",
    "cuda/lib64/libcudnn.so": "libcudnn.so.8",
    "cuda/lib64/libcudnn.so.8": "libcudnn.so.8.0.4",
    "cuda/lib64/libcudnn.so.8.0.4": LIBRARY,
    "cuda/lib64/libcudnn_static.a": LIBRARY[::-1],
}


def make(path: Path, members: Mapping[str, Content] | list[tuple[str, Content]]) -> Path:
    """Write an archive whose format is its suffix."""
    entries = list(members.items()) if isinstance(members, Mapping) else members
    if path.suffix == ".zip":
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            warnings.simplefilter("ignore")  # two members of one name are what some tests want
            for name, content in entries:
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = (0o120777 if isinstance(content, str) else 0o100644) << 16
                archive.writestr(info, content)
        return path
    data = tar_bytes(entries)
    packed = {".tgz": lambda: gzip.compress(data, 1), ".txz": lambda: lzma.compress(data), ".tar": lambda: data}
    path.write_bytes(packed[path.suffix]())
    return path


def tar_bytes(entries: list[tuple[str, Content]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_with(path: Path, *members: tarfile.TarInfo, data: bytes = b"") -> Path:
    """Write a .tar with members of any type; `data` is the content of each that has a size."""
    with tarfile.open(path, "w") as archive:
        for info in members:
            archive.addfile(info, io.BytesIO(data[: info.size]) if info.size else None)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
