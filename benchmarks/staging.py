"""Time one-pass staging and downloading against what people type: side by side, in one run.

    python -m benchmarks.staging [--pairs 5] [--cudnn DIR] [--format tgz] [--keep DIR]

Makes an archive with the names of cudnn-11.0-linux-x64-v8.0.4.30.tgz from the real libraries of NVIDIA's wheel
`nvidia-cudnn-cu11` (about 1.1 GiB unpacked; `--cudnn` names the directory with its `libcudnn*.so.8`, else the wheel is
fetched from the package index), and then times in turn (A B A B ...), so that a slow minute meets all:

- `tar xf` the archive, then `cp -a` the same files to where they belong: what guides say, which checks no hash;
- the same after `sha256sum` of the archive: what a careful person does;
- `gpuenv.archive.extract` of the same members, with the hash of the archive and of each file;
- `curl` and `sha256sum` of the archive from a server on loopback, against `gpuenv.fetch`.

The first pair warms the page cache and is not counted. Deleting is not timed. Needs tar, cp, curl, sha256sum.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from gpuenv.archive import extract
from gpuenv.facts.cudnn import cudnn_files
from gpuenv.fetch import FetchOptions, fetch
from gpuenv.model import Archive, silent

NAME = "cudnn-11.0-linux-x64-v8.0.4.30.tgz"
# The first release of the wheel whose libraries are those of cuDNN 8 with seven parts.
WHEEL = "nvidia-cudnn-cu11==8.6.0.163"


def main() -> None:
    """Make the archive, run the pairs, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="counted pairs (default: 5)")
    parser.add_argument("--cudnn", type=Path, metavar="DIR", help="directory with libcudnn*.so.8")
    parser.add_argument("--format", choices=["tgz", "txz", "zip"], default="tgz", help="format (default: tgz)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the made archive here, and take it from here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gpuenv-bench-", dir=os.environ.get("TMPDIR")) as directory:
        home = Path(directory)
        archive = (args.keep or home) / str(Path(NAME).with_suffix(f".{args.format}"))
        if not archive.exists():
            archive.parent.mkdir(parents=True, exist_ok=True)
            make_archive(archive, args.cudnn or _wheel_libraries(home))
        digest = _run(["sha256sum", str(archive)]).split()[0]
        times = _race(args.pairs, {**_staging(home, archive, digest), **_downloading(home, archive, digest)})
        _table(times, archive)


def make_archive(archive: Path, libraries: Path) -> None:
    """Write an archive with the names that NVIDIA's has, and real libraries behind them."""
    files = cudnn_files(NAME)
    assert files is not None
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as zipped:
            for name in files.names:
                if name.endswith(".so.8.0.4"):
                    zipped.write(libraries / PurePosixPath(name).name.removesuffix(".0.4"), name)
        return
    with _tar(archive) as tar:
        for name in files.names:
            info = tarfile.TarInfo(name)
            base = PurePosixPath(name).name
            if base.endswith(".so.8.0.4"):
                info = tar.gettarinfo(libraries / base.removesuffix(".0.4"), name)
                with (libraries / base.removesuffix(".0.4")).open("rb") as file:
                    tar.addfile(info, file)
            else:
                if base.endswith((".so", ".so.8")):
                    info.type, info.linkname = tarfile.SYMTYPE, f"{base}.8" if base.endswith(".so") else f"{base}.0.4"
                tar.addfile(info)


def _tar(archive: Path) -> tarfile.TarFile:
    """Begin an archive, with gzip's usual level, or xz's lowest, which is quicker to make."""
    if archive.suffix == ".tgz":
        return tarfile.open(archive, "w:gz", compresslevel=6)
    return tarfile.open(archive, "w:xz", preset=1)


def _wheel_libraries(home: Path) -> Path:
    from gpuenv.engines.uv import uv_binary

    target = home / "wheel"
    command = [str(uv_binary()), "pip", "install", "--no-deps", "--only-binary=:all:", "--target", str(target)]
    _run([*command, "--python-platform", "x86_64-manylinux_2_17", WHEEL])
    return target / "nvidia" / "cudnn" / "lib"


def place(name: str) -> PurePosixPath | None:
    """Take headers, and libraries with their links, without the top folder."""
    parts = PurePosixPath(name).parts
    return PurePosixPath(*parts[1:]) if parts[1] in ("include", "lib64") else None


def _staging(home: Path, archive: Path, digest: str) -> dict[str, Callable[[], float]]:
    unpack = ["unzip", "-q", str(archive), "-d"] if archive.suffix == ".zip" else ["tar", "xf", str(archive), "-C"]

    def by_hand(*before: Sequence[str]) -> float:
        unpacked, toolkit = home / "unpacked", home / "toolkit"
        unpacked.mkdir()
        (toolkit / "lib64").mkdir(parents=True)
        (toolkit / "include").mkdir()
        started = time.monotonic()
        for command in before:
            _run(command)
        _run([*unpack, str(unpacked)])
        for folder in ("lib64", "include"):
            found = sorted(map(str, (unpacked / "cuda" / folder).glob("*")))
            if found:
                _run(["cp", "-a", *found, str(toolkit / folder)])
        elapsed = time.monotonic() - started
        shutil.rmtree(unpacked)
        shutil.rmtree(toolkit)
        return elapsed

    def one_pass() -> float:
        started = time.monotonic()
        done = extract(archive, place, home / "staged", sha256=digest)
        elapsed = time.monotonic() - started
        assert len(done) >= 7
        shutil.rmtree(home / "staged")
        return elapsed

    tool = "unzip" if archive.suffix == ".zip" else "tar xf"
    return {
        f"{tool} + cp": by_hand,
        f"sha256sum + {tool} + cp": functools.partial(by_hand, ["sha256sum", str(archive)]),
        "gpuenv, one pass": one_pass,
    }


def _downloading(home: Path, archive: Path, digest: str) -> dict[str, Callable[[], float]]:
    def curl() -> float:
        with _served(archive.parent) as address:
            started = time.monotonic()
            _run(["curl", "-sSf", "-o", str(home / "download"), f"{address}/{archive.name}"])
            found = _run(["sha256sum", str(home / "download")]).split()[0]
            elapsed = time.monotonic() - started
        assert found == digest
        (home / "download").unlink()
        return elapsed

    def ours() -> float:
        with _served(archive.parent) as address:
            url = f"{address}/{archive.name}"
            wanted = Archive(archive.name, "cudnn", "cudnn", "8.0.4.30", "11.0", "linux-64", digest, urls=(url,))
            started = time.monotonic()
            fetch([wanted], FetchOptions(home / "cache"), silent)
            elapsed = time.monotonic() - started
        shutil.rmtree(home / "cache")
        return elapsed

    return {"curl + sha256sum": curl, "gpuenv fetch": ours}


@contextmanager
def _served(directory: Path) -> Iterator[str]:
    """Serve a directory on loopback, from a process of its own as a real server is."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(directory)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        yield "http://127.0.0.1:" + server.stdout.readline().split(" port ")[1].split()[0]
    finally:
        server.terminate()
        server.wait()


def _race(pairs: int, contestants: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for pair in range(pairs + 1):
        for name, contestant in contestants.items():
            elapsed = contestant()
            if pair:
                times[name].append(elapsed)
    return times


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _table(times: dict[str, list[float]], archive: Path) -> None:
    size = archive.stat().st_size / 1024**2
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"{archive.name}: {size:.0f} MiB")
    print(f"{'seconds':26} {'min':>7} {'median':>7} {'max':>7}  runs")
    for name, values in times.items():
        print(f"{name:26} {min(values):7.2f} {statistics.median(values):7.2f} {max(values):7.2f}  {len(values)}")


if __name__ == "__main__":
    main()
