"""A TensorFlow environment of a few kilobytes that is whole, and many ways to break it on disk.

Its libraries are compiled by gcc, its metadata is real, and its Python is a link to the one that runs the tests.
"""

from __future__ import annotations

import os
import shutil
import sys
import venv
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from made_binaries import add_section, fat_binary
from small_stack import compile_library, make_wheel

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
SITE = Path("lib") / f"python{PYTHON}" / "site-packages"
HOMES = {
    "cudart": "cuda_runtime",
    "cublas": "cublas",
    "cublasLt": "cublas",
    "cufft": "cufft",
    "curand": "curand",
    "cusolver": "cusolver",
    "cusparse": "cusparse",
    "cudnn": "cudnn",
}
# The cuDNN wheel that goes with a TensorFlow release.
CUDNN = {"2.15.0": "8.9.7.29", "2.18.0": "9.3.0.75"}


def cudnn_source(part: str, version: tuple[int, ...]) -> str:
    """Write the constant that tells the version: `cudnn_ops_infer_version` is patch, minor, major."""
    return f"const unsigned char cudnn_{part}_version[4] = {{{version[2]}, {version[1]}, {version[0]}, 0}};"


def make_whole(prefix: Path, version: str = "2.4.0") -> Path:
    """Make the environment, with links beside the loader as gpuenv makes them."""
    from packaging.version import Version

    from gpuenv.doctor.releases import built, cudnn_parts

    known = built(Version(version))
    assert known is not None
    cudnn = CUDNN.get(version, "8.6.0.163")
    release = tuple(map(int, cudnn.split(".")[:3]))
    site = prefix / SITE
    package = site / "tensorflow"
    loader = package / "libtensorflow_framework.so.2"
    compile_library("int tf(void) { return 1; }", loader, "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/")
    (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (package / "python" / "platform").mkdir(parents=True)
    (package / "python" / "platform" / "build_info.py").write_text("build_info = {'cuda_version': '11.0'}\n")
    internal = package / "python" / "_pywrap_tensorflow_internal.so"
    compile_library("int code(void) { return 1; }", internal)
    add_section(internal, ".nv_fatbin", fat_binary((2, 80), (1, 80)))
    libraries: dict[Path, str] = {}
    for name in known.libraries:
        stem = name.partition(".so")[0].removeprefix("lib")
        real = "libcusolver.so.11" if name == "libcusolver.so.10" else name
        home = site / "nvidia" / HOMES[stem] / "lib"
        libraries[home / real] = "int cuda(void) { return 1; }"
        link(package / name, home / real)
    for name in cudnn_parts(known.libraries):
        home = site / "nvidia" / "cudnn" / "lib"
        libraries[home / name] = cudnn_source(name.removeprefix("libcudnn_").partition(".so")[0], release)
        link(package / name, home / name)
    with ThreadPoolExecutor() as compilers:
        list(compilers.map(compile_library, libraries.values(), libraries))
    nvcc = site / "nvidia" / "cuda_nvcc" / "bin"
    nvcc.mkdir(parents=True)
    (nvcc / "ptxas").write_text("#!/bin/sh\n")
    (nvcc / "ptxas").chmod(0o755)
    requires = ["numpy ~=1.19.2", "protobuf >=3.9.2", "h5py ~=2.10.0", "tensorboard ~=2.4 ; extra == 'board'"]
    distribution(site, "tensorflow", version, requires=requires, tag=f"{TAG}-{TAG}-manylinux2010_x86_64")
    for name, number in (("numpy", "1.19.5"), ("protobuf", "3.20.3"), ("h5py", "2.10.0")):
        distribution(site, name, number)
    files = [str(path.relative_to(site)) for path in site.glob("nvidia/*/lib/*")]
    for home in sorted(set(HOMES.values())):
        record = [file for file in files if file.startswith(f"nvidia/{home}/")]
        number = cudnn if home == "cudnn" else "11.8.89"
        distribution(site, f"nvidia_{home}_cu11", number, record=record)
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    base = Path(os.path.realpath(sys.executable)).parent
    (prefix / "pyvenv.cfg").write_text(f"home = {base}\nversion = {PYTHON}.0\n")
    return prefix


def link(path: Path, target: Path) -> None:
    """Make a relative link, whatever was there."""
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def distribution(
    site: Path,
    name: str,
    version: str,
    *,
    requires: list[str] | None = None,
    tag: str = "py3-none-any",
    record: list[str] | None = None,
    installer: str = "uv",
) -> Path:
    """Write the metadata of an installed package."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {it}" for it in requires or ()),
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    (info / "INSTALLER").write_text(f"{installer}\n")
    own = f"{info.name}/METADATA,,\n{info.name}/WHEEL,,\n{info.name}/INSTALLER,,\n{info.name}/RECORD,,\n"
    (info / "RECORD").write_text(own + "".join(f"{file},,{(site / file).stat().st_size}\n" for file in record or ()))
    return info


def replace_distribution(site: Path, name: str, version: str, **more: str) -> None:
    """Let another version of a package be installed."""
    for info in site.glob(f"{name}-*.dist-info"):
        shutil.rmtree(info)
    distribution(site, name, version, **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Broken:
    """A way to break the environment: what is done, the rule that must speak first, and which wheels the repair needs.

    `repair` is the safe repair that must be offered and must help. `environ` returns variables of the run.
    """

    rule: str
    break_it: Callable[[Path], None]
    repair: bool = False
    wheels: tuple[tuple[str, str], ...] = ()
    environ: Callable[[Path], Mapping[str, str]] = lambda prefix: {}
    gpu: tuple[int, int] | None = None
    version: str = "2.4.0"
    also: tuple[str, ...] = field(default=())


def site_of(prefix: Path) -> Path:
    return prefix / SITE


def tensorflow(prefix: Path) -> Path:
    return prefix / SITE / "tensorflow"


def library(prefix: Path, home: str, name: str) -> Path:
    return prefix / SITE / "nvidia" / home / "lib" / name


def _unlink_all(prefix: Path) -> None:
    for path in tensorflow(prefix).glob("libcu*"):
        path.unlink()


def _links_elsewhere(prefix: Path) -> None:
    for name in ("libcublas.so.11", "libcudnn.so.8"):
        link(tensorflow(prefix) / name, Path("/opt/gone") / name)


def _unlink_parts(prefix: Path) -> None:
    for path in tensorflow(prefix).glob("libcudnn_*train*"):
        path.unlink()


def _without_cudnn(prefix: Path) -> None:
    shutil.rmtree(site_of(prefix) / "nvidia" / "cudnn")
    for path in tensorflow(prefix).glob("libcudnn*"):
        path.unlink()


def _wrong_name(prefix: Path) -> None:
    made = prefix / "made" / "libcudart.so.12"
    compile_library("int cuda(void) { return 1; }", made)
    shutil.copy(made, library(prefix, "cuda_runtime", "libcudart.so.11.0"))


def _mixed(prefix: Path) -> None:
    compile_library(cudnn_source("cnn_train", (8, 9, 6)), library(prefix, "cudnn", "libcudnn_cnn_train.so.8"))


def _older(prefix: Path) -> None:
    for path in site_of(prefix).glob("nvidia/cudnn/lib/libcudnn_*"):
        compile_library(cudnn_source(path.name.removeprefix("libcudnn_").partition(".so")[0], (8, 5, 0)), path)
    site = site_of(prefix)
    record = [str(path.relative_to(site)) for path in site.glob("nvidia/cudnn/lib/*")]
    shutil.rmtree(site / "nvidia_cudnn_cu11-8.6.0.163.dist-info")
    distribution(site, "nvidia_cudnn_cu11", "8.5.0.96", record=record)


def _cut_off(prefix: Path) -> None:
    path = library(prefix, "cublas", "libcublas.so.11")
    path.write_bytes(path.read_bytes()[:0])


def _needs_another(prefix: Path) -> None:
    other = prefix / "made" / "libnvJitLink.so.12"
    compile_library("int jit(void) { return 1; }", other)
    path = library(prefix, "cusolver", "libcusolver.so.11")
    compile_library(
        "int jit(void); int cuda(void) { return jit(); }",
        path,
        "-Wl,--no-as-needed",
        f"-L{other.parent}",
        "-l:libnvJitLink.so.12",
    )
    shutil.rmtree(other.parent)


def _no_gpu_code(prefix: Path) -> None:
    compile_library("int code(void) { return 1; }", tensorflow(prefix) / "python" / "_pywrap_tensorflow_internal.so")


def _cpu_package(prefix: Path) -> None:
    shutil.rmtree(site_of(prefix) / "tensorflow-2.4.0.dist-info")
    distribution(site_of(prefix), "tensorflow_cpu", "2.4.0")


def _conda(prefix: Path, *records: str) -> None:
    (prefix / "conda-meta").mkdir()
    for record in (f"python-{PYTHON}.0-h955ad1f_0", *records):
        (prefix / "conda-meta" / f"{record}.json").write_text("{}")
    (prefix / "pyvenv.cfg").unlink()


def _openmp(prefix: Path) -> None:
    for place in (prefix / "lib", site_of(prefix) / "torch" / "lib"):
        compile_library("int omp(void) { return 1; }", place / "libiomp5.so")


def _stub(prefix: Path) -> None:
    compile_library("int cuInit(int flags) { return 34; }", prefix / "stubs" / "libcuda.so")
    link(prefix / "lib" / "libcuda.so.1", prefix / "stubs" / "libcuda.so")


def _runpath(prefix: Path) -> None:
    loader = tensorflow(prefix) / "libtensorflow_framework.so.2"
    compile_library("int tf(void) { return 1; }", loader, "-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/")
    compile_library("int cuda(void) { return 2; }", prefix.parent / "cuda-10.1" / "libcublas.so.11")


def _user_site(prefix: Path) -> None:
    _conda(prefix)
    home = prefix.parent / "home" / ".local" / "lib" / f"python{PYTHON}" / "site-packages"
    distribution(home, "numpy", "1.26.4")


def _python_path(prefix: Path) -> None:
    (prefix.parent / "work" / "numpy").mkdir(parents=True)


def _gone_python(prefix: Path) -> None:
    link(prefix / "bin" / "python", Path("/opt/python-that-was-removed/bin/python"))


def _moved(prefix: Path) -> None:
    """Take the activation script that venv wrote for another place."""
    before = prefix.parent / "before"
    venv.create(before, symlinks=True)
    shutil.copy(before / "bin" / "activate", prefix / "bin" / "activate")
    shutil.rmtree(before)


def _other_tag(prefix: Path) -> None:
    replace_distribution(site_of(prefix), "tensorflow", "2.4.0", tag="cp36-cp36m-manylinux2010_x86_64")


def _leave_over(prefix: Path) -> None:
    shutil.copytree(site_of(prefix) / "numpy-1.19.5.dist-info", site_of(prefix) / "~umpy-1.19.5.dist-info")


def _not_executable(prefix: Path) -> None:
    (site_of(prefix) / "nvidia/cuda_nvcc/bin/ptxas").chmod(0o644)


def _site(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """Change the directory of packages."""

    def change_it(prefix: Path) -> None:
        change(site_of(prefix))

    return change_it


def _version(name: str, version: str) -> Callable[[Path], None]:
    return _site(lambda site: replace_distribution(site, name, version))


def _add(name: str, version: str) -> Callable[[Path], None]:
    return _site(lambda site: distribution(site, name, version))


BROKEN: dict[str, Broken] = {
    "links beside the loader removed": Broken("env.library-missing", _unlink_all, repair=True),
    "links that lead nowhere": Broken("env.library-missing", _links_elsewhere, repair=True),
    "links of cuDNN's training parts removed": Broken("env.cudnn-part", _unlink_parts, repair=True),
    "no cuDNN at all": Broken("env.library-missing", _without_cudnn),
    "a runtime renamed to fit": Broken("env.wrong-name", _wrong_name),
    "cuDNN of two versions": Broken("env.cudnn-mixed", _mixed),
    "cuDNN older than TensorFlow's": Broken("env.cudnn-older", _older, version="2.12.0"),
    "a library cut off": Broken("env.library-damaged", _cut_off),
    "a library that needs another": Broken("env.library-needs", _needs_another),
    "no GPU code in the build": Broken("env.cpu-only", _no_gpu_code),
    "the package for the processor": Broken("env.cpu-only", _cpu_package),
    "conda's build for the processor": Broken(
        "env.cpu-only", lambda prefix: _conda(prefix, "tensorflow-2.4.0-mkl_py38hd44d83a_0")
    ),
    "no code for this GPU": Broken("env.no-code", lambda prefix: None, gpu=(6, 1)),
    "two TensorFlows": Broken("env.two-frameworks", _add("tensorflow_cpu", "2.4.1")),
    "a package in two versions": Broken("env.duplicate", _add("numpy", "1.21.6")),
    "an interrupted installation": Broken("env.left-over", _leave_over),
    "protobuf of today": Broken(
        "env.protobuf", _version("protobuf", "5.29.6"), repair=True, wheels=(("protobuf", "3.20.3"),)
    ),
    "NumPy 2": Broken("env.numpy", _version("numpy", "2.0.2"), repair=True, wheels=(("numpy", "1.19.5"),)),
    "h5py 3": Broken("env.h5py", _version("h5py", "3.11.0"), repair=True, wheels=(("h5py", "2.10.0"),)),
    "Keras of another release": Broken(
        "env.keras", _add("keras", "3.4.1"), repair=True, wheels=(("keras", "2.12.0"),), version="2.12.0"
    ),
    "a package that is not there": Broken(
        "env.absent.numpy",
        _site(lambda site: shutil.rmtree(site / "numpy-1.19.5.dist-info")),
        repair=True,
        wheels=(("numpy", "1.19.5"),),
    ),
    "wheels for two CUDA versions": Broken("env.two-cudas", _add("nvidia_cudnn_cu12", "8.9.7.29")),
    "two OpenMP runtimes": Broken("env.openmp-twice", _openmp),
    "pip over conda": Broken("env.conda-and-pip", lambda prefix: _conda(prefix, "numpy-1.21.2-py38h8abd733_0")),
    "a stub of libcuda": Broken("env.stub", _stub, repair=True),
    "LD_LIBRARY_PATH with another CUDA": Broken(
        "env.ld-library-path",
        _runpath,
        environ=lambda prefix: {"LD_LIBRARY_PATH": str(prefix.parent / "cuda-10.1")},
    ),
    "CUDA_VISIBLE_DEVICES without a GPU": Broken(
        "env.hidden", lambda prefix: None, environ=lambda prefix: {"CUDA_VISIBLE_DEVICES": "-1"}
    ),
    "a driver that may use no machine code": Broken(
        "env.ptx-setting", lambda prefix: None, environ=lambda prefix: {"CUDA_FORCE_PTX_JIT": "1"}
    ),
    "a driver that may not compile": Broken(
        "env.ptx-setting", lambda prefix: None, environ=lambda prefix: {"CUDA_DISABLE_PTX_JIT": "1"}
    ),
    "packages of the user before those of conda": Broken(
        "env.user-site", _user_site, environ=lambda prefix: {"HOME": str(prefix.parent / "home")}
    ),
    "PYTHONPATH with another NumPy": Broken(
        "env.python-path", _python_path, environ=lambda prefix: {"PYTHONPATH": str(prefix.parent / "work")}
    ),
    "ptxas that may not be run": Broken("env.not-executable", _not_executable, repair=True),
    "the base Python removed": Broken("env.python-gone", _gone_python),
    "moved": Broken("env.moved", _moved),
    "a wheel for another Python": Broken("env.python-tag", _other_tag),
    "TensorFlow's loader deleted": Broken(
        "env.framework-incomplete", lambda prefix: (tensorflow(prefix) / "libtensorflow_framework.so.2").unlink()
    ),
}


def make_wheels(directory: Path, wheels: tuple[tuple[str, str], ...]) -> None:
    """Write empty wheels for a repair to install."""
    directory.mkdir()
    for name, version in wheels:
        make_wheel(directory, name, version, {f"{name}/__init__.py": b""})
