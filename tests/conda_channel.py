"""A conda channel made by the tests: real packages in both formats, real repodata, served as a directory or over HTTP.

What there is for other tests:

- `make_channel(directory, python)` makes a whole channel: `python` repackaged from an installed one, `cudatoolkit`
  11.0.3 and `cudnn` 8.0.5.39 with the file names and sonames of conda-forge's, a `libgcc-ng` that both need, and for
  `win-64` the same names with empty DLLs (enough to solve, not to run). `python=None` leaves the real Python out.
- `make_package(channel, index, files, ...)` adds one package; afterwards call `index_channel(channel)`.
- `index_channel(channel)` writes `repodata.json` of every subdir from the packages that lie there.
- `repackage_python(channel, interpreter)` makes the `python` package of an interpreter.
- `find_base_python("3.8", "3.12")` finds one that can be repackaged, or skips the test and says what would help.
- `served_channel(channel)` serves it on loopback; the `Served` that it yields can damage files and records requests.

`conda_channel` in conftest.py is the fixture: a `MadeChannel`, made once a session, a copy for each test that asks.

A channel in a directory is named by `channel.as_uri()` (`file:///...`), one over HTTP by `Served.address`. Installed
files are real: `bin/python` runs wherever it lies, text files and one binary have a prefix to be replaced.
"""

from __future__ import annotations

import bz2
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What a package was built for and what an installer replaces with the environment's own path. conda-build pads it to
# 255 characters, since in a binary the new text cannot be longer than the old one.
PLACEHOLDER = "/placehold" * 25 + "_env"
PLATFORMS = ("linux-64", "win-64", "noarch")
BUILT = 1_700_000_000_000  # the packages' time stamp, in milliseconds

CUDA_LIBRARIES = (
    "libcudart.so.11.0", "libcublas.so.11", "libcublasLt.so.11", "libcufft.so.10", "libcurand.so.10",
    "libcusolver.so.10", "libcusparse.so.11",
)  # fmt: skip
CUDNN_LIBRARIES = (
    "libcudnn.so.8", "libcudnn_ops_infer.so.8", "libcudnn_ops_train.so.8", "libcudnn_cnn_infer.so.8",
    "libcudnn_cnn_train.so.8", "libcudnn_adv_infer.so.8", "libcudnn_adv_train.so.8",
)  # fmt: skip
CUDA_DLLS = (
    "cudart64_110.dll", "cublas64_11.dll", "cublasLt64_11.dll", "cufft64_10.dll", "curand64_10.dll",
    "cusolver64_10.dll", "cusparse64_11.dll",
)  # fmt: skip
CUDNN_DLLS = (
    "cudnn64_8.dll", "cudnn_ops_infer64_8.dll", "cudnn_ops_train64_8.dll", "cudnn_cnn_infer64_8.dll",
    "cudnn_cnn_train64_8.dll", "cudnn_adv_infer64_8.dll", "cudnn_adv_train64_8.dll",
)  # fmt: skip


@dataclass(frozen=True)
class Index:
    """What `info/index.json` says of a package."""

    name: str
    version: str
    build: str = "0"
    subdir: str = "linux-64"
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    def as_json(self) -> dict[str, Any]:
        number = re.search(r"\d+$", self.build)
        noarch = {"noarch": "generic"} if self.subdir == "noarch" else {}
        platform, _, bits = self.subdir.partition("-")
        arch = {} if noarch else {"platform": platform, "arch": {"64": "x86_64"}[bits]}
        return {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": int(number[0]) if number else 0,
            "depends": list(self.depends),
            "constrains": list(self.constrains),
            "license": "test",
            "subdir": self.subdir,
            "timestamp": BUILT,
            **noarch,
            **arch,
        }


@dataclass(frozen=True)
class File:
    """One file of a package: bytes, or the target of a symbolic link. `prefix` is how its prefix is replaced."""

    content: bytes = b""
    link: str | None = None
    executable: bool = False
    prefix: str | None = None  # "text", "binary"


@dataclass(frozen=True)
class MadeChannel:
    """A channel with a Python that runs, of the minor version `python`."""

    directory: Path
    python: str

    @property
    def uri(self) -> str:
        return self.directory.as_uri()

    def copy(self, directory: Path) -> MadeChannel:
        """Copy the channel by hard links, so that a test can add, damage (by replacing) or remove packages."""
        own = directory / self.directory.name
        shutil.copytree(self.directory, own, copy_function=os.link)
        return MadeChannel(own, self.python)


@dataclass
class Served:
    """A channel on loopback.

    `requests` are the paths asked for; files named in `damaged` get another last byte; packages wait `slow_s` seconds.
    """

    address: str
    requests: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    slow_s: float = 0.0


def make_package(channel: Path, index: Index, files: Mapping[str, File], extension: str = ".conda") -> Path:
    """Add a package to a channel, as `.conda` or `.tar.bz2`, with the `info` directory that installers read."""
    directory = channel / index.subdir
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{index.stem}{extension}"
    info = _info(index, files)
    if extension == ".tar.bz2":
        path.write_bytes(bz2.compress(_tar({**info, **files}), compresslevel=1))
        return path
    import zstandard

    pack = zstandard.ZstdCompressor(level=1, threads=-1).compress
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        archive.writestr(f"pkg-{index.stem}.tar.zst", pack(_tar(files)))
        archive.writestr(f"info-{index.stem}.tar.zst", pack(_tar(info)))
    return path


def index_channel(channel: Path) -> None:
    """Write `repodata.json` of every subdir, with hashes and sizes of the files as they are now."""
    for subdir in PLATFORMS:
        directory = channel / subdir
        directory.mkdir(parents=True, exist_ok=True)
        listed: dict[str, dict[str, Any]] = {"packages": {}, "packages.conda": {}}
        for path in sorted(directory.iterdir()):
            if path.name.endswith((".conda", ".tar.bz2")):
                key = "packages.conda" if path.suffix == ".conda" else "packages"
                content = path.read_bytes()
                listed[key][path.name] = {
                    **read_index(path),
                    "md5": hashlib.md5(content).hexdigest(),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                }
        repodata = {"info": {"subdir": subdir}, **listed, "removed": [], "repodata_version": 1}
        # Never in place: the file may be a hard link to another channel's.
        temporary = directory / "repodata.json.new"
        temporary.write_text(json.dumps(repodata, indent=1))
        temporary.replace(directory / "repodata.json")


def read_index(package: Path) -> dict[str, Any]:
    """Read `info/index.json` out of a package of either format."""
    if package.suffix == ".conda":
        import zstandard

        with zipfile.ZipFile(package) as archive:
            name = next(name for name in archive.namelist() if name.startswith("info-"))
            content = zstandard.ZstdDecompressor().decompressobj().decompress(archive.read(name))
    else:
        content = bz2.decompress(package.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        member = tar.extractfile("info/index.json")
        assert member is not None
        found: dict[str, Any] = json.load(member)
        return found


def make_channel(directory: Path, python: Path | None) -> Path:
    """Make the whole channel; `python` is the interpreter to repackage. Needs gcc."""
    if shutil.which("gcc") is None:
        import pytest

        pytest.skip("install gcc to run this")
    channel = directory / "channel"
    _make_cuda_linux(channel, directory / "build")
    _make_windows(channel)
    make_package(channel, Index("tzdata", "2024a", subdir="noarch"), {"share/zoneinfo/UTC": File(b"TZif2")})
    if python is not None:
        repackage_python(channel, python)
    index_channel(channel)
    return channel


def _make_cuda_linux(channel: Path, build: Path) -> None:
    libgcc = Index("libgcc-ng", "12.2.0", "h65d4601_19", constrains=("libgomp 12.2.0",))
    make_package(channel, libgcc, {f"lib/{path.name}": File(path.read_bytes()) for path in _compilers_own()})
    toolkit = Index(
        "cudatoolkit", "11.0.3", "h15472ef_8", depends=("libgcc-ng >=12",), constrains=("__cuda >=11",)
    )  # fmt: skip
    files = _with_versions(_compile(CUDA_LIBRARIES, build), "11.0.221")
    # Where conda-forge's package has it, and XLA does not look.
    make_package(channel, toolkit, {**files, "lib/libdevice.10.bc": File(b"BC\xc0\xde")}, ".tar.bz2")
    cudnn = Index("cudnn", "8.0.5.39", "ha5ca753_1", depends=("cudatoolkit 11.0|11.0.*", "libgcc-ng >=7.5.0"))
    # cuDNN needs these two, as NVIDIA's does: what is linked beside a framework shall be CUDA and no more.
    needed = ["-Wl,--no-as-needed", *map(str, _compilers_own())]
    libraries = _compile(CUDNN_LIBRARIES, build, *needed, sources={CUDNN_LIBRARIES[0]: _cudnn_source()})
    make_package(channel, cudnn, _with_versions(libraries, "8.0.5"))
    older = Index("cudnn", "7.6.5.32", "h01f27c4_1", depends=("cudatoolkit 10.1|10.1.*",))
    make_package(channel, older, {})


def _make_windows(channel: Path) -> None:
    toolkit = Index("cudatoolkit", "11.0.3", "hd336c7a_12", "win-64", constrains=("__cuda >=11",))
    make_package(channel, toolkit, {f"Library/bin/{name}": File() for name in CUDA_DLLS}, ".tar.bz2")
    cudnn = Index("cudnn", "8.0.5.39", "hfe7f257_1", "win-64", depends=("cudatoolkit 11.0|11.0.*",))
    make_package(channel, cudnn, {f"Library/bin/{name}": File() for name in CUDNN_DLLS}, ".tar.bz2")
    for version in ("3.6.15", "3.7.12", "3.8.18"):
        make_package(channel, Index("python", version, "h4de0772_0_cpython", "win-64"), {"python.exe": File()})


def _compilers_own() -> list[Path]:
    """Find the libraries of gcc itself: real ones, since Python and TensorFlow are going to load them."""
    found = []
    for name in ("libgcc_s.so.1", "libstdc++.so.6"):
        said = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        path = Path(said.stdout.strip())
        if path.is_absolute():  # else gcc only repeats the name
            found.append(path)
    return found


def _cudnn_source() -> str:
    """Write a cuDNN that opens its parts as NVIDIA's does: at the first call, and whoever lacks one is ended."""
    functions = [
        f"int cudnn{name.partition('_')[2].partition('.')[0].title().replace('_', '')}VersionCheck(void) "
        f'{{ if (!dlopen("{name}", RTLD_LAZY)) abort(); return 0; }}'
        for name in CUDNN_LIBRARIES[1:]
    ]
    return "\n".join(["#include <dlfcn.h>", "#include <stdlib.h>", *functions])


def _compile(
    names: Iterable[str], build: Path, *flags: str, sources: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """Compile libraries whose soname is their name, of one function, or of the C in `sources`."""
    from small_stack import compile_library

    made = {}
    for name in names:
        function = re.sub(r"\W", "_", name)
        source = (sources or {}).get(name) or f"int {function}(void) {{ return 1; }}"
        compile_library(source, build / name, *flags)
        made[name] = (build / name).read_bytes()
    return made


def _with_versions(libraries: Mapping[str, bytes], version: str) -> dict[str, File]:
    """Lay libraries out as NVIDIA does: `libcudart.so` and `libcudart.so.11.0` link to the file with all numbers."""
    files = {}
    for name, content in libraries.items():
        stem = name.partition(".so.")[0]
        full = f"{stem}.so.{version}"
        files[f"lib/{full}"] = File(content, executable=True)
        files[f"lib/{name}"] = File(link=full)
        files[f"lib/{stem}.so"] = File(link=name)
    return files


def find_base_python(*minors: str) -> Path:
    """Find an interpreter of the first of these minor versions whose files can be repackaged; else skip the test."""
    import pytest

    found = next((python for minor in minors if (python := _base_python(minor)) is not None), None)
    if found is None:
        pytest.skip(f"install Python {minors[0]} with pyenv or uv to run this")
    return found


def _base_python(minor: str) -> Path | None:
    own = Path(sys.base_prefix) / "bin" / f"python{minor}"
    roots = [Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"]
    roots += [Path.home() / ".local" / "share" / "uv" / "python"]
    found = [own, *(path for root in roots for path in sorted(root.glob(f"*{minor}*/bin/python{minor}"), reverse=True))]
    # A system's Python in /usr has its packages elsewhere (`dist-packages`), and its library is everybody's.
    usable = (python for python in found if python.exists() and python.parent.parent != Path("/usr"))
    return next(
        (one for one in usable if (one.parent.parent / "lib" / f"python{minor}" / "site-packages").is_dir()), None
    )


def repackage_python(channel: Path, interpreter: Path) -> Path:
    """Make the conda package `python` of an installed interpreter: smaller, movable, with a prefix to replace.

    Left out is what no test needs: the interpreter's own tests, IDLE, Tk, pip, compiled files, static libraries.
    """
    root = interpreter.resolve().parent.parent
    said = subprocess.run(
        [interpreter, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"],
        capture_output=True,
        text=True,
        check=True,
    )
    version = said.stdout.strip()
    minor = version.rpartition(".")[0]
    files = dict(_stdlib(root, minor))
    executable = (root / "bin" / f"python{minor}").resolve()
    files[f"bin/python{minor}"] = File(_movable(executable.read_bytes()), executable=True)
    files["bin/python3"] = files["bin/python"] = File(link=f"python{minor}")
    for library in (root / "lib").glob(f"libpython{minor}*.so.*"):
        files[f"lib/{library.name}"] = File(_movable(library.read_bytes()), executable=True)
    files["bin/pydoc3"] = File(
        f"#!{PLACEHOLDER}/bin/python{minor}\nimport pydoc\npydoc.cli()\n".encode(), executable=True, prefix="text"
    )
    files["lib/prefix-probe"] = File(_prefix_probe(channel.parent), executable=True, prefix="binary")
    index = Index("python", version, "h955ad1f_0_cpython", depends=("libgcc-ng >=12", "tzdata"))
    return make_package(channel, index, files)


_LEFT_OUT = re.compile(
    r"(^|/)(__pycache__|test|tests|idlelib|idle_test|tkinter|turtledemo|lib2to3|ensurepip|site-packages|config-3[^/]*)/"
    r"|\.a$|\.pyc$|_test[a-z]*\.[^/]*so$|_ctypes_test|_tkinter"
)


def _stdlib(root: Path, minor: str) -> Iterator[tuple[str, File]]:
    start = root / "lib" / f"python{minor}"
    for path in sorted(start.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or _LEFT_OUT.search(name):
            continue
        content = path.read_bytes()
        if path.name.startswith("_sysconfigdata") and str(root).encode() in content:
            yield name, File(content.replace(str(root).encode(), PLACEHOLDER.encode()), prefix="text")
        else:
            yield name, File(_movable(content) if path.suffix == ".so" else content, executable=path.suffix == ".so")
    yield f"lib/python{minor}/site-packages/README.txt", File(b"This directory contains site packages.\n")


def _movable(content: bytes) -> bytes:
    """Let an ELF file find libpython beside itself, by DT_RPATH as conda's Python does, wherever it is put."""
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(io.BytesIO(content))
    dynamic = elf.get_section_by_name(".dynamic")
    strings = elf.get_section_by_name(".dynstr")
    changed = bytearray(content)
    for number, tag in enumerate(dynamic.iter_tags() if dynamic else ()):
        if tag.entry.d_tag not in ("DT_RUNPATH", "DT_RPATH"):
            continue
        old, new = strings.get_string(tag.entry.d_val).encode(), b"$ORIGIN/../lib"
        if len(new) <= len(old):
            at = strings["sh_offset"] + tag.entry.d_val
            changed[at : at + len(old)] = new.ljust(len(old), b"\0")
            entry = dynamic["sh_offset"] + number * dynamic["sh_entsize"]
            changed[entry : entry + 8] = (15).to_bytes(8, "little")  # DT_RPATH
    return bytes(changed)


def _prefix_probe(directory: Path) -> bytes:
    """Compile a program that prints the prefix it was installed into: a binary with a placeholder in it."""
    path = directory / "prefix-probe"
    directory.mkdir(parents=True, exist_ok=True)
    source = f'#include <stdio.h>\nconst char prefix[] = "{PLACEHOLDER}";\nint main(void) {{ puts(prefix); return 0; }}'
    subprocess.run(["gcc", "-O0", "-x", "c", "-", "-o", str(path)], input=source.encode(), check=True)
    return path.read_bytes()


def _info(index: Index, files: Mapping[str, File]) -> dict[str, File]:
    paths = []
    for name, file in sorted(files.items()):
        # A link has the hash of what it leads to, as conda-build writes it and `conda doctor` looks it up.
        content = _at(name, files).content
        entry: dict[str, Any] = {
            "_path": name,
            "path_type": "softlink" if file.link else "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        if file.prefix:
            entry |= {"file_mode": file.prefix, "prefix_placeholder": PLACEHOLDER}
        paths.append(entry)
    texts = {
        "index.json": json.dumps(index.as_json(), indent=1),
        "paths.json": json.dumps({"paths": paths, "paths_version": 1}, indent=1),
        "files": "".join(f"{name}\n" for name in sorted(files)),
        "has_prefix": "".join(
            f"{PLACEHOLDER} {file.prefix} {name}\n" for name, file in sorted(files.items()) if file.prefix
        ),
        "about.json": json.dumps({"summary": f"{index.name} for tests"}),
    }
    return {f"info/{name}": File(text.encode()) for name, text in texts.items() if text}


def _at(name: str, files: Mapping[str, File]) -> File:
    """Follow links within a package."""
    file = files[name]
    while file.link is not None:
        name = os.path.normpath(os.path.join(os.path.dirname(name), file.link))
        file = files[name]
    return file


def _tar(files: Mapping[str, File]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, file in files.items():
            member = tarfile.TarInfo(name)
            member.mode = 0o755 if file.executable else 0o644
            member.mtime = BUILT // 1000
            if file.link is not None:
                member.type, member.linkname = tarfile.SYMTYPE, file.link
                tar.addfile(member)
            else:
                member.size = len(file.content)
                tar.addfile(member, io.BytesIO(file.content))
    return buffer.getvalue()


@contextmanager
def served_channel(channel: Path) -> Iterator[Served]:
    """Serve a channel over HTTP on loopback, byte ranges left out as simple mirrors do."""
    import time

    served = Served("")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(channel.parent), **kwargs)

        def do_GET(self) -> None:
            served.requests.append(self.path)
            name = self.path.rpartition("/")[2]
            time.sleep(served.slow_s if name.endswith((".conda", ".tar.bz2")) else 0)
            if name not in served.damaged:
                with suppress(ConnectionError):  # a client that was ended
                    super().do_GET()
                return
            content = bytearray(Path(self.translate_path(self.path)).read_bytes())
            content[-1] ^= 0xFF
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.address = f"http://127.0.0.1:{server.server_port}/{channel.name}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()
