"""TensorFlow 2.4.0 with CUDA from a toolkit directory and cuDNN from NVIDIA's archive, both made of the real libraries.

The wheels of CUDA 11.8 and cuDNN 8.6 stand in for CUDA 11.0 and cuDNN 8.0.4: real sizes, real dependencies, the names
that the toolkit and the archive have (1 GiB unpacked).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from made_toolkit import HEADER, LINUX_NAME

Run = Callable[..., Any]
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the libraries are those for Linux; run there"),
    pytest.mark.slow,
    pytest.mark.network,
]


@pytest.fixture(scope="module")
def nvidia(tf_prefix: Path) -> Path:
    return tf_prefix / "lib" / "python3.8" / "site-packages" / "nvidia"


@pytest.fixture(scope="module")
def toolkit(nvidia: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A toolkit of links to the wheels' libraries; cuSOLVER under the name that CUDA 11.0 has."""
    directory = tmp_path_factory.mktemp("toolkit") / "cuda-11.0"
    libraries = directory / "lib64"
    libraries.mkdir(parents=True)
    for path in sorted(nvidia.glob("*/lib/lib*.so*")):
        if "cudnn" not in path.name:
            os.link(path, libraries / path.name)
    whole = (libraries / "libcusolver.so.11").read_bytes()
    assert whole.count(b"libcusolver.so.11\0") == 1
    (libraries / "libcusolver.so.10").write_bytes(whole.replace(b"libcusolver.so.11\0", b"libcusolver.so.10\0"))
    for name in ("bin", "nvvm"):
        shutil.copytree(nvidia / "cuda_nvcc" / name, directory / name)
    (directory / "version.txt").write_text("CUDA Version 11.0.228\n")
    yield directory
    shutil.rmtree(directory.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def archive(nvidia: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """NVIDIA's archive, with its names, of the wheel's libraries."""
    path = tmp_path_factory.mktemp("archive") / LINUX_NAME
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        for library in sorted((nvidia / "cudnn" / "lib").glob("libcudnn*.so.8")):
            stem = library.name.removesuffix(".8")
            for name, target in ((stem, f"{stem}.8"), (f"{stem}.8", f"{stem}.8.0.4")):
                info = tarfile.TarInfo(f"cuda/lib64/{name}")
                info.type, info.linkname = tarfile.SYMTYPE, target
                file.addfile(info)
            file.add(library, f"cuda/lib64/{stem}.8.0.4")
        header = tmp_path_factory.mktemp("header") / "cudnn_version.h"
        header.write_bytes(HEADER)
        file.add(header, "cuda/include/cudnn_version.h")
    yield path
    shutil.rmtree(path.parent, ignore_errors=True)


def hashes(directory: Path) -> dict[str, str]:
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(directory))] = os.readlink(path)
        elif path.is_file():
            found[str(path.relative_to(directory))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_create__toolkit_and_archive__imports_activated_and_not(
    gpuenv: Run, toolkit: Path, archive: Path, isolated: Path
) -> None:
    ended = gpuenv(
        "create", "-n", "tf", "--recipe", "tf-2.4", "--cuda-from", "toolkit", "--toolkit-dir", toolkit,
        "--archive", archive, "--allow-any-hash", "--gpu", "8.6", "--driver", "460.89",
        "--verify", "files,import", "--yes", "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err + ended.out
    checks = [(check["check"], check["activated"], check["status"]) for check in ended.document["data"]["checks"]]
    assert checks == [("files", None, "ok"), ("import", False, "ok"), ("import", True, "ok")]
    prefix = isolated / "data" / "envs" / "tf"
    own = prefix / "opt" / "gpuenv" / "cuda" / "lib64"
    # Take one file of cuDNN away: `files` names it, and what will happen.
    (own / "libcudnn_cnn_train.so.8.0.4").unlink()
    broken = gpuenv("verify", "-n", "tf", "files")
    assert broken.code == 7
    assert "libcudnn_cnn_train.so.8" in broken.out
    assert "training will end the process" in broken.out
    assert gpuenv("remove", "-n", "tf", "--yes").code == 0


def test_stage__real_archive_into_the_toolkit__proven_and_restored(gpuenv: Run, toolkit: Path, archive: Path) -> None:
    before = hashes(toolkit)
    ended = gpuenv("stage", "cudnn", "--toolkit-dir", toolkit, "--archive", archive, "--allow-any-hash", "--json")
    assert ended.code == 0, ended.err + ended.out
    assert ended.document["data"]["problems"] == []
    assert (toolkit / "lib64" / "libcudnn.so.8").resolve().name == "libcudnn.so.8.0.4"
    assert gpuenv("unstage", "cudnn", "--toolkit-dir", toolkit).code == 0
    assert hashes(toolkit) == before
