from __future__ import annotations

import hashlib
import json
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
import zstandard

from benchmarks import create_conda, real_channel
from conda_channel import Index, index_channel, read_index

LOCK = """\
# gpuenv lock of tf-2.4: source pypi, linux-64, Python 3.8
numpy==1.19.5 \\
    --hash=sha256:01
nvidia-cublas-cu11==11.11.3.6 \\
    --hash=sha256:02 \\
    --hash=sha256:03
nvidia-cudnn-cu11==8.6.0.163 \\
    --hash=sha256:04
oauthlib==3.3.1 \\
    --hash=sha256:05
"""


def test_nvidia_requirements__lock__only_nvidias_with_their_hashes() -> None:
    assert real_channel.nvidia_requirements(LOCK) == "\n".join(LOCK.splitlines()[3:8]) + "\n"


@pytest.fixture
def nvidia(tmp_path: Path) -> Path:
    """Wheels' directory with two libraries in it, one of which has another soname in CUDA 11.0."""
    for part, name in (("cublas", "libcublas.so.11"), ("cusolver", "libcusolver.so.11"), ("cudnn", "libcudnn.so.8")):
        library = tmp_path / "nvidia" / part / "lib" / name
        library.parent.mkdir(parents=True)
        library.write_bytes(b"ELF" + name.encode() + b"\0")
    device = tmp_path / "nvidia" / "cuda_nvcc" / "nvvm" / "libdevice" / "libdevice.10.bc"
    device.parent.mkdir(parents=True)
    device.write_bytes(b"BC")
    return tmp_path / "nvidia"


def test_cuda_packages__libraries_of_wheels__under_the_names_of_cuda_11_0(tmp_path: Path, nvidia: Path) -> None:
    channel = tmp_path / "channel"
    real_channel.make_cuda_packages(channel, nvidia)
    index_channel(channel)
    toolkit = channel / "linux-64" / "cudatoolkit-11.0.3-h15472ef_8.conda"
    assert read_index(toolkit)["version"] == "11.0.3"
    files = contents(toolkit, "pkg-")
    assert files["lib/libcusolver.so.11.0.221"] == b"ELFlibcusolver.so.10\0"
    assert files["lib/libcublas.so.11.0.221"] == b"ELFlibcublas.so.11\0"
    assert {"lib/libcusolver.so", "lib/libcusolver.so.10", "lib/libdevice.10.bc"} < set(files)
    paths = {entry["_path"]: entry for entry in json.loads(contents(toolkit, "info-")["info/paths.json"])["paths"]}
    assert paths["lib/libcusolver.so.10"]["path_type"] == "softlink"
    expected = hashlib.sha256(files["lib/libcusolver.so.11.0.221"]).hexdigest()
    assert {paths[name]["sha256"] for name in paths if "cusolver" in name} == {expected}
    listed = json.loads((channel / "linux-64" / "repodata.json").read_text())["packages.conda"]
    assert sorted(listed) == ["cudatoolkit-11.0.3-h15472ef_8.conda", "cudnn-8.0.5.39-ha5ca753_1.conda"]
    assert not (tmp_path / "renamed").exists()


def contents(package: Path, part: str) -> dict[str, bytes]:
    """Read the files of one of the two archives in a package; for a link nothing."""
    with zipfile.ZipFile(package) as archive:
        packed = archive.read(next(name for name in archive.namelist() if name.startswith(part)))
    with tarfile.open(fileobj=BytesIO(zstandard.ZstdDecompressor().decompressobj().decompress(packed))) as tar:
        read = {member.name: tar.extractfile(member) if member.isfile() else None for member in tar}
        return {name: file.read() if file is not None else b"" for name, file in read.items()}


def test_write_package__unpacked_by_rattler__the_files_are_there(tmp_path: Path) -> None:
    streaming = pytest.importorskip("rattler.package_streaming", reason="install gpuenv[rattler] to run this")
    (tmp_path / "one").write_bytes(b"1")
    files = {"lib/one.so.1": tmp_path / "one", "lib/one.so": real_channel.Link("one.so.1")}
    real_channel.write_package(tmp_path / "channel", Index("one", "1"), files)
    streaming.extract(tmp_path / "channel" / "linux-64" / "one-1-0.conda", tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "lib" / "one.so").read_bytes() == b"1"


def test_pairs__three__order_changes_and_differences_are_gpuenvs() -> None:
    made: list[str] = []

    def contestant(name: str, seconds: float) -> float:
        made.append(name)
        return seconds

    times = create_conda.pairs(("bare", "ours"), lambda: contestant("bare", 2.0), lambda: contestant("ours", 3.0), 3)
    assert made == ["bare", "ours", "ours", "bare", "bare", "ours"]
    assert times["bare"] == [2.0] * 3
    assert times["ours - bare, in a pair"] == [1.0] * 3
    assert times["ours / bare, in a pair"] == [1.5] * 3
