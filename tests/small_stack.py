"""A stack of a few kilobytes with all the parts of a real one: wheels, ELF libraries, an index, a recipe with a lock.

The wheels are real, the libraries are compiled by gcc, the index is served over HTTP on loopback, and uv installs them.
Only the framework does nothing. So whole runs of `gpuenv create` take under a second and need no network.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBRARIES = {"nvidia/cuda_runtime/lib": ["libcudart.so.11.0"], "nvidia/cusolver/lib": ["libcusolver.so.11"]}

RECIPE = """\
gpuenv_recipe_version: "1"
name: small
summary: A stack of a few kilobytes
framework:
  name: tensorflow
  version: "2.4.0"
  loader: {{linux-64: tensorflow/libtensorflow_framework.so.2}}
  gpu_code: {{linux-64: tensorflow/libtensorflow_framework.so.2}}
  libraries: {{linux-64: [libcudart.so.11.0, libcusolver.so.10]}}
pythons: ["{python}"]
platforms: [linux-64]
gpu: {{compute_capability_min: "3.5", machine_code: ["8.0"], ptx: "8.0"}}
requirements: [tensorflow==2.4.0]
sources:
  pypi:
    cuda_toolkit: "11.8"
    cudnn: "8.6"
    driver_min: {{linux-64: "450.80.02"}}
    requirements: {{linux-64: [nvidia-cuda-runtime-cu11==11.8.89]}}
    aliases: {{linux-64: {{libcusolver.so.10: libcusolver.so.11}}}}
environment:
  CUDA_MODULE_LOADING: {{value: LAZY}}
checks: [files]
"""


@dataclass(frozen=True)
class SmallStack:
    """The recipe file, and the directory of the wheels it needs."""

    recipe: Path
    wheels: Path


def compile_library(source: str, path: Path, *flags: str) -> None:
    """Compile C into a shared library whose soname is its file name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    library = _compiled(source, path.name, flags)
    path.unlink(missing_ok=True)  # as the linker does: what it is a link to stays as it is
    path.write_bytes(library)
    path.chmod(0o755)


@cache
def _compiled(source: str, name: str, flags: tuple[str, ...]) -> bytes:
    """Compile once for all tests: many want the same few libraries, and the compiler takes longer than they do."""
    code = _object(source, tuple(flag for flag in flags if flag.startswith("-O")))
    with tempfile.TemporaryDirectory() as directory:
        given, made = Path(directory) / "code.o", Path(directory) / name
        given.write_bytes(code)
        subprocess.run(["gcc", "-shared", f"-Wl,-soname,{name}", *flags, str(given), "-o", str(made)], check=True)
        return made.read_bytes()


@cache
def _object(source: str, flags: tuple[str, ...]) -> bytes:
    """Compile what libraries of several names have in common."""
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory) / "code.o"
        subprocess.run(
            ["gcc", "-c", "-fPIC", *flags, "-x", "c", "-", "-o", str(made)], input=source.encode(), check=True
        )
        return made.read_bytes()


def make_wheel(
    directory: Path, name: str, version: str, files: Mapping[str, bytes], requires: Sequence[str] = ()
) -> Path:
    """Write a wheel with a RECORD, as an installer wants it."""
    path = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    content = dict(files)
    needed = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}".encode()
    content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(
        f"{file},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for file, data in content.items()
    )
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in content.items():
            archive.writestr(file, data)
    return path


def make_small_stack(directory: Path) -> SmallStack:
    """Build the wheels and write the recipe with its lock. Needs gcc and objcopy."""
    from made_binaries import add_section, fat_binary

    if shutil.which("gcc") is None or shutil.which("objcopy") is None:
        import pytest

        pytest.skip("install gcc and binutils to run this")
    build, wheels, recipes = directory / "build", directory / "wheels", directory / "recipes"
    wheels.mkdir(parents=True)
    recipes.mkdir()
    loader = build / "tensorflow" / "libtensorflow_framework.so.2"
    compile_library("int tf(void) { return 1; }", loader, "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/")
    add_section(loader, ".nv_fatbin", fat_binary((2, 80), (1, 80)))
    for folder, names in LIBRARIES.items():
        for name in names:
            compile_library("int cuda(void) { return 1; }", build / folder / name)
    read = {str(file.relative_to(build)): file.read_bytes() for file in build.rglob("*") if file.is_file()}
    framework = {"tensorflow/__init__.py": b'__version__ = "2.4.0"\n'}
    framework.update({file: data for file, data in read.items() if file.startswith("tensorflow/")})
    cuda = {file: data for file, data in read.items() if file.startswith("nvidia/")}
    cuda["nvidia/__init__.py"] = b""
    made = [
        make_wheel(wheels, "tensorflow", "2.4.0", framework),
        make_wheel(wheels, "nvidia_cuda_runtime_cu11", "11.8.89", cuda),
    ]
    recipe = recipes / "small.yaml"
    recipe.write_text(RECIPE.format(python=PYTHON))
    write_lock(recipe, made)
    return SmallStack(recipe, wheels)


def write_lock(
    recipe: Path,
    wheels: list[Path],
    *,
    hashes: Mapping[str, str] | None = None,
    source: str = "pypi",
    python: str = PYTHON,
) -> Path:
    """Write a lock of the small recipe; `hashes` replaces the right ones by file name."""
    from gpuenv.recipes.lock import format_lock, lock_path
    from gpuenv.recipes.search import load_recipe_file

    lines = []
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        digest = (hashes or {}).get(wheel.name) or hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}\n")
    loaded = load_recipe_file(recipe, [])
    path = lock_path(recipe, source, "linux-64", python)
    path.parent.mkdir(exist_ok=True)
    text = format_lock(
        loaded,
        source,
        "linux-64",
        python,
        "".join(lines),
        made="2026-11-23",
        tool="uv test",
        download_bytes=sum(wheel.stat().st_size for wheel in wheels),
        installed_bytes=None,
    )
    path.write_text(text)
    return path


@contextmanager
def served(wheels: Path) -> Iterator[str]:
    """Serve a directory of wheels as a simple index (PEP 503) on loopback; yield its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(wheels), **kwargs)

        def do_GET(self) -> None:
            if not self.path.startswith("/simple/"):
                super().do_GET()
                return
            project = self.path.removeprefix("/simple/").strip("/").replace("-", "_")
            links = [f'<a href="/{f.name}">{f.name}</a>' for f in sorted(wheels.glob(f"{project}-*.whl"))]
            body = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
            self.send_response(200 if links else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # The interval in seconds in which it looks whether it shall end.
        thread = threading.Thread(target=server.serve_forever, args=(0.002,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
