"""Read an environment: any one that has a Python, made by gpuenv or not. Nothing in it is run or imported."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gpuenv.binaries import GpuCodeSummary
from gpuenv.doctor.environment import TENSORFLOWS, Distribution, Environment, TensorFlow, Torch
from gpuenv.doctor.read_libraries import libraries_of, shadowing
from gpuenv.errors import GpuenvError, Hint, TargetError
from gpuenv.model import Gpu
from gpuenv.paths import receipt_path

_INFO = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+?)(-py[\d.]+)?\.(dist|egg)-info")
_FRAMEWORKS = (*TENSORFLOWS, "keras", "jax", "jaxlib", "torch", "tf-keras")
_VARIABLES = (
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PYTHONPATH",
    "PYTHONNOUSERSITE",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_FORCE_PTX_JIT",
    "CUDA_DISABLE_PTX_JIT",
    "XLA_FLAGS",
    "KMP_DUPLICATE_LIB_OK",
    "TF_FORCE_GPU_ALLOW_GROWTH",
)
_VIRTUAL_ENV = re.compile(
    r"^\s*(?:@?set \"?|export )?VIRTUAL_ENV=[\"']?(?P<place>(?:/|[A-Za-z]:\\)[^\"'\r\n]+)", re.MULTILINE
)
_OPENMP = ("libiomp5.so", "libomp.so", "libomp5.so", "libiomp5md.dll", "libomp.dll")
_DRIVER = ("libcuda.so.1", "libcuda.so", "nvcuda.dll")


def read_environment(prefix: Path, environ: Mapping[str, str], gpus: Sequence[Gpu] = ()) -> Environment:
    """Read an environment. Raises TargetError when there is no Python in the directory."""
    windows = (prefix / "Lib" / "site-packages").is_dir()
    site_packages = tuple(_site_packages(prefix))
    if not site_packages:
        raise TargetError(
            f"`{prefix}` has no Python" if prefix.is_dir() else f"`{prefix}` does not exist",
            cause="expected a directory with `lib/python3.*/site-packages`",
            hints=[Hint("target.prefix", "name a virtual or conda environment, or `-p /usr` for the system's Python")],
        )
    python = _python(prefix, windows=windows)
    conda, receipt = _conda_packages(prefix), _receipt(prefix)
    found = tuple(dist for directory in site_packages for dist in distributions(directory))
    links = tuple(_gone_links(prefix, receipt))
    return Environment(
        prefix=prefix,
        kind="gpuenv" if receipt else "conda" if conda else "venv" if (prefix / "pyvenv.cfg").exists() else "python",
        platform="win-64" if windows else "linux-64",
        python=python,
        python_version=_version(prefix, conda, site_packages[0]),
        site_packages=site_packages,
        python_works=python.exists(),
        made_at=_made_at(prefix),
        distributions=found,
        conda_packages=conda,
        tensorflow=_tensorflow(found, prefix, site_packages, environ, windows=windows),
        torch=_torch(found, windows=windows),
        variables={name: environ[name] for name in _VARIABLES if name in environ},
        shadowing=shadowing(prefix, environ),
        driver_libraries=tuple(_driver_libraries(prefix, site_packages, environ)),
        openmp=tuple(_openmp(prefix, site_packages)),
        not_executable=tuple(_not_executable(site_packages)),
        left_over=tuple(path for directory in site_packages for path in sorted(directory.glob("~*"))),
        user_site=tuple(_user_site(prefix, python, environ, _version(prefix, conda, site_packages[0]))),
        receipt_links=links,
        missing_startup=_missing_startup(prefix, receipt),
        gpus=tuple(gpus),
    )


def _made_at(prefix: Path) -> Path | None:
    """Return the directory that the activation script of a virtual environment puts first.

    Samples of venv, virtualenv and uv: `VIRTUAL_ENV="/home/user/tf"`, `export VIRTUAL_ENV=/home/user/tf`; of Windows'
    batch file: `set VIRTUAL_ENV=C:\\envs\\tf`.
    """
    for script in (prefix / "bin" / "activate", prefix / "Scripts" / "activate.bat"):
        try:
            text = script.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if match := _VIRTUAL_ENV.search(text):
            return Path(match["place"])
    return None


def distributions(site_packages: Path) -> list[Distribution]:
    """List the packages in a directory by the names of their metadata, `six-1.15.0.dist-info`."""
    found = []
    for path in sorted(site_packages.glob("*-info")):
        match = _INFO.fullmatch(path.name)
        if match is None:
            continue
        name = re.sub(r"[-_.]+", "-", match["name"]).lower()
        read = name in _FRAMEWORKS
        found.append(
            Distribution(
                name,
                match["version"],
                path,
                installer=_text(path / "INSTALLER").strip(),
                tag=_field(path / "WHEEL", "Tag") if read else "",
                requires=tuple(_fields(path / "METADATA", "Requires-Dist")) if read else (),
            )
        )
    return found


def _site_packages(prefix: Path) -> Iterator[Path]:
    """Give the directories of packages: of an environment, or of the system's Python (Debian has `dist-packages`)."""
    places = [prefix / "Lib" / "site-packages", *sorted(prefix.glob("lib/python3.*/site-packages"))]
    if prefix in (Path("/usr"), Path("/usr/local")):
        places += [
            *sorted(Path("/usr/local").glob("lib/python3.*/dist-packages")),
            prefix / "lib/python3/dist-packages",
        ]
    yield from (place for place in dict.fromkeys(places) if place.is_dir())


def _python(prefix: Path, *, windows: bool) -> Path:
    names = ("Scripts/python.exe", "python.exe") if windows else ("bin/python", "bin/python3")
    return next((prefix / name for name in names if os.path.lexists(prefix / name)), prefix / names[-1])


def _version(prefix: Path, conda: Mapping[str, str], site_packages: Path) -> str:
    """Return `3.8`, or what conda and `pyvenv.cfg` know more exactly."""
    if "python" in conda:
        return conda["python"].partition(" ")[0]
    known = re.search(r"^version(?:_info)?\s*=\s*(3[\d.]*\d)", _text(prefix / "pyvenv.cfg"), re.MULTILINE)
    named = re.fullmatch(r"python(3\.\d+)", site_packages.parent.name)
    return known[1] if known else named[1] if named else "3"


def _conda_packages(prefix: Path) -> dict[str, str]:
    """Return version and build of each conda package, from names such as `numpy-1.19.5-py38h8abd733_3.json`."""
    found = {}
    for path in prefix.glob("conda-meta/*.json"):
        parts = path.stem.rsplit("-", 2)
        if len(parts) == 3:
            found[parts[0]] = f"{parts[1]} {parts[2]}"
    return found


def _receipt(prefix: Path) -> dict[str, object]:
    try:
        read = json.loads(receipt_path(prefix).read_bytes())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _gone_links(prefix: Path, receipt: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Give the links of a receipt that are gone or lead nowhere, as (link, target), if their target is still there."""
    manifest = receipt.get("manifest")
    files = manifest.get("files", ()) if isinstance(manifest, dict) else ()
    for file in files:
        path, target = str(file.get("path", "")), str(file.get("target") or "")
        if file.get("kind") != "symlink" or not target or ".." in Path(path).parts:
            continue
        if not (prefix / path).exists() and (prefix / target).exists():
            yield path, os.path.relpath(prefix / target, (prefix / path).parent)


def _missing_startup(prefix: Path, receipt: Mapping[str, object]) -> tuple[str, ...]:
    """Return the start-up files of a receipt that are gone."""
    manifest = receipt.get("manifest")
    files = manifest.get("files", ()) if isinstance(manifest, dict) else ()
    paths = [str(file.get("path", "")) for file in files]
    return tuple(path for path in paths if path.endswith(".pth") and not (prefix / path).exists())


def _tensorflow(
    found: Sequence[Distribution],
    prefix: Path,
    site_packages: Sequence[Path],
    environ: Mapping[str, str],
    *,
    windows: bool,
) -> TensorFlow | None:
    dist = next((it for name in TENSORFLOWS for it in found if it.name == name), None)
    if dist is None:
        return None
    package = dist.info_dir.parent / "tensorflow"
    if not package.is_dir() and (dist.info_dir.parent / "tensorflow_core").is_dir():
        package = dist.info_dir.parent / "tensorflow_core"
    loader = next((path for path in sorted(package.glob("libtensorflow_framework.so.*")) if path.exists()), None)
    if windows or loader is None:
        return TensorFlow(dist.parsed, package, loader, code=_code(package))
    kind, libraries = libraries_of(dist.parsed, loader, prefix, site_packages, environ)
    return TensorFlow(dist.parsed, package, loader, kind, libraries, _code(package))


def _code(package: Path) -> GpuCodeSummary | None:
    """Read the GPU code of the file of TensorFlow that has it; None when there is none of these files."""
    from gpuenv.binaries import gpu_code

    for name in (
        "libtensorflow_cc.so.2",
        "python/_pywrap_tensorflow_internal.so",
        "python/_pywrap_tensorflow_internal.pyd",
    ):
        if (package / name).is_file():
            try:
                return gpu_code(package / name)
            except GpuenvError:
                return None
    return None


def _torch(found: Sequence[Distribution], *, windows: bool) -> Torch | None:
    dist = next((it for it in found if it.name == "torch"), None)
    if dist is None:
        return None
    names = ("torch_cuda.dll", "c10_cuda.dll") if windows else ("libtorch_cuda.so", "libc10_cuda.so")
    return Torch(dist.version, any((dist.info_dir.parent / "torch" / "lib" / name).exists() for name in names))


def _driver_libraries(prefix: Path, site_packages: Sequence[Path], environ: Mapping[str, str]) -> Iterator[Path]:
    """Give files named like the driver's library where none belongs: in the environment, in LD_LIBRARY_PATH."""
    entries = [Path(entry) for entry in environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if entry]
    places = [prefix / "lib", *(site / "tensorflow" for site in site_packages)]
    places += [entry for entry in entries if "stubs" in entry.parts or "compat" in entry.parts]
    yield from (place / name for place in places for name in _DRIVER if os.path.lexists(place / name))


def _openmp(prefix: Path, site_packages: Sequence[Path]) -> Iterator[Path]:
    """Give the copies of the OpenMP runtimes that do not bear each other; links to one file count once."""
    places = [prefix / "lib", prefix / "Library" / "bin"]
    for site in site_packages:
        places += [site / "torch" / "lib", *site.glob("*.libs"), site / "sklearn" / ".libs", site / "ctranslate2"]
    seen = set()
    for place in places:
        for name in _OPENMP:
            path = place / name
            if path.exists() and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _not_executable(site_packages: Sequence[Path]) -> Iterator[Path]:
    """Give the programs of NVIDIA's wheels that lost their permission, as after a copy through Windows."""
    if os.name == "nt":
        return
    for site in site_packages:
        for name in ("nvidia/cuda_nvcc/bin/ptxas", "nvidia/cuda_nvcc/bin/nvlink", "triton/backends/nvidia/bin/ptxas"):
            if (site / name).is_file() and not os.access(site / name, os.X_OK):
                yield site / name


def _user_site(prefix: Path, python: Path, environ: Mapping[str, str], version: str) -> Iterator[Distribution]:
    """Give the packages in the user's own directory, which go before those of an environment that is no venv."""
    if environ.get("PYTHONNOUSERSITE") or (prefix / "pyvenv.cfg").exists() or not environ.get("HOME"):
        return
    minor = ".".join(version.split(".")[:2])
    yield from distributions(Path(environ["HOME"], ".local", "lib", f"python{minor}", "site-packages"))


def _fields(path: Path, name: str) -> Iterator[str]:
    for line in _text(path).splitlines():
        if not line.strip():
            return
        if line.startswith(f"{name}: "):
            yield line.partition(": ")[2]


def _field(path: Path, name: str) -> str:
    return next(_fields(path, name), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
