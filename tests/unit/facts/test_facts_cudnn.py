from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gpuenv import facts
from gpuenv.facts import cudnn
from gpuenv.model import Archive

TABLE = Path(facts.__file__).with_name("nvidia_archives.csv")
LINUX, WINDOWS = "cudnn-11.0-linux-x64-v8.0.4.30.tgz", "cudnn-11.0-windows-x64-v8.0.4.30.zip"


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) > 1000
    return found


def archives() -> list[Archive]:
    found = [cudnn.archive_named(row["name"]) for row in rows()]
    assert None not in found
    return [archive for archive in found if archive is not None]


def test_archives__every_row__has_a_name_of_its_own_and_a_source() -> None:
    names = [row["name"].lower() for row in rows()]
    assert len(set(names)) == len(names)
    assert [row["name"] for row in rows() if not row["sources"]] == []


def test_archives__every_hash__is_one_and_of_one_version() -> None:
    """NVIDIA gives out some files under two names, for CUDA 11.2 and 11.3; a hash of two versions is a mistake."""
    hashes = [row["sha256"] for row in rows() if row["sha256"]]
    assert [value for value in hashes if not re.fullmatch("[0-9a-f]{64}", value)] == []
    versions: dict[str, set[tuple[str, str]]] = {}
    for row in rows():
        versions.setdefault(row["sha256"] or row["name"], set()).add((row["component"], row["version"]))
    assert [value for value, found in versions.items() if len(found) > 1] == []


def test_archives__only_installers__lack_a_hash() -> None:
    assert {archive.kind for archive in archives() if archive.sha256 is None} == {"cuda-installer"}


def test_archives__every_address__is_nvidias_and_ends_in_the_name() -> None:
    for archive in archives():
        for url in archive.urls:
            parts = urlsplit(url)
            assert parts.scheme == "https"
            assert parts.netloc in ("developer.download.nvidia.com", "developer.nvidia.com")
            assert parts.path.endswith(f"/{archive.name}")
            assert "/secure/" not in url


def test_archives__without_an_address__take_a_login() -> None:
    assert [archive.name for archive in archives() if not archive.urls and not archive.needs_login] == []
    assert all(archive.page and archive.page.startswith("https://") for archive in archives())


def test_archives__every_licence__is_known() -> None:
    for key in {archive.licence for archive in archives()}:
        assert key is not None
        assert cudnn.licence(key).url.startswith("https://docs.nvidia.com/")


@pytest.mark.parametrize(
    ("version", "cuda", "platform", "first"),
    [
        ("8.0.4", "11.0", "linux-64", LINUX),
        ("8.0.4.30", "11.0.3", "win-64", WINDOWS),
        ("8.0", "11.0", "linux-64", "cudnn-11.0-linux-x64-v8.0.5.39.tgz"),
        ("8.9.7", "11.8", "linux-64", "cudnn-linux-x86_64-8.9.7.29_cuda11-archive.tar.xz"),
        ("8.9.7", "11.8", "win-64", "cudnn-windows-x86_64-8.9.7.29_cuda11-archive.zip"),
        ("8.9.7", "12.2.2", "linux-aarch64", "cudnn-linux-sbsa-8.9.7.29_cuda12-archive.tar.xz"),
    ],
)
def test_cudnn_archives__version_and_cuda__newest_that_fits_first(
    version: str, cuda: str, platform: str, first: str
) -> None:
    assert cudnn.cudnn_archives(version, cuda, platform)[0].name == first


@pytest.mark.parametrize(
    ("version", "cuda", "platform"),
    [
        ("8.0.40", "11.0", "linux-64"),
        ("8.0.4", "11.2", "linux-64"),
        ("8.0.4", "11.0", "osx-64"),
        ("", "11.0", "linux-64"),
        ("newest", "11.0", "linux-64"),
    ],
)
def test_cudnn_archives__not_in_the_table__is_empty(version: str, cuda: str, platform: str) -> None:
    assert cudnn.cudnn_archives(version, cuda, platform) == ()


def test_archive_named__the_article_archive__is_behind_a_login_with_the_hash_known() -> None:
    archive = cudnn.archive_named(WINDOWS.upper())
    assert archive is not None
    assert archive.needs_login
    assert archive.sha256 == "1b1438b828ce61888b7f1ed3ac506b32137425dd48aed8bc71abd5d4a7006143"
    assert archive.page == "https://developer.nvidia.com/rdp/cudnn-archive"
    assert cudnn.archive_named("cudnn.zip") is None


@pytest.mark.parametrize("platform", ["linux-64", "win-64", "linux-aarch64"])
@pytest.mark.parametrize("cuda", ["11.8", "11.8.0", "12.4"])
def test_cuda_components__toolkit__has_what_tensorflow_opens(cuda: str, platform: str) -> None:
    needed = {"cuda_cudart", "cuda_nvcc", "libcublas", "libcufft", "libcurand", "libcusolver", "libcusparse"}
    found = cudnn.cuda_components(cuda, platform)
    assert needed <= {archive.component for archive in found}
    assert len({archive.component for archive in found}) == len(found)
    assert all(archive.size_bytes and archive.sha256 for archive in found)
    assert {archive.name.rpartition("-archive.")[2] for archive in found} == {
        "zip" if platform == "win-64" else "tar.xz"
    }


def test_cuda_components__no_source_has_them__is_empty() -> None:
    assert cudnn.cuda_components("11.0", "linux-64") == ()


def test_cuda_installers__toolkit__newest_first() -> None:
    found = [archive.name for archive in cudnn.cuda_installers("11.0", "win-64")]
    assert found[0] == "cuda_11.0.3_451.82_win10.exe"
    assert len(found) == 3


def test_cudnn_files__linux__every_library_with_its_links() -> None:
    files = cudnn.cudnn_files(LINUX)
    assert files is not None
    assert not files.exact
    libraries = [name for name in files.names if ".so" in name]
    assert len(libraries) == 21
    assert sum(name.endswith(".so.8.0.4") for name in libraries) == 7


def test_cudnn_files__windows__seven_dlls() -> None:
    files = cudnn.cudnn_files(WINDOWS)
    assert files is not None
    assert sum(name.startswith("cuda/bin/") and name.endswith(".dll") for name in files.names) == 7
    assert cudnn.cudnn_files("cudnn-9.zip") is None


def test_import__reads_no_table() -> None:
    """The largest table takes 20 ms to read, which a command that needs no archive must not pay."""
    script = "import gpuenv.facts.cudnn as c; print(*(f.cache_info().currsize for f in (c._by_name, c._file_lists)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["0", "0"]
