"""Look quickly, with the standard library alone, whether an environment's framework still finds its CUDA libraries.

No child process, no network, and nothing is imported that conda has not loaded: it runs behind conda's own commands.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Where libraries of the system lie: a cuDNN there serves a framework too. /usr/local/cuda is NVIDIA's own choice.
_SYSTEM_DIRS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/cuda/lib64", "/usr/local/lib")
_TENSORFLOW = re.compile(r"tensorflow(?:_gpu|_cpu|_intel)?-(\d[^-]*)\.(?:dist|egg)-info")


@dataclass(frozen=True, slots=True)
class Managed:
    """What is wrong with an environment that gpuenv made: links that are gone, and facts that no link mends."""

    prefix: Path
    broken: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def look_at_managed(prefix: Path) -> Managed | None:
    """Compare an environment with its receipt; None when it has none that can be read.

    `broken` are (link, text of the link) pairs, relative to the prefix.
    """
    try:
        receipt: dict[str, Any] = json.loads((prefix / "etc" / "gpuenv" / "receipt.json").read_bytes())
    except (OSError, ValueError):
        return None
    broken, problems = [], []
    for file in receipt.get("manifest", {}).get("files", ()):
        path, target = str(file.get("path", "")), file.get("target")
        if file.get("kind") != "symlink" or not target or ".." in Path(path).parts or Path(path).is_absolute():
            continue
        if not (prefix / path).exists():
            text = os.path.relpath(prefix / target, (prefix / path).parent)
            if (prefix / target).exists():
                broken.append((path, text))
            else:
                problems.append(f"`{Path(target).name}` is gone")
    name, version = str(receipt.get("framework")), str(receipt.get("framework_version"))
    found = installed(prefix, name)
    if found != version:
        problems.insert(0, f"{name} is {found or 'not installed'}, gpuenv installed {version}")
    return Managed(prefix, tuple(broken), tuple(problems))


def link_again(managed: Managed) -> int:
    """Make the links that are gone, and return how many; what stands in the way of one is left alone."""
    count = 0
    for path, text in managed.broken:
        link = managed.prefix / path
        if link.is_symlink():
            link.unlink()
        if not link.exists() and link.parent.is_dir():
            link.symlink_to(text)
            count += 1
    return count


def processor_only(prefix: Path) -> str | None:
    """Say why a TensorFlow in an environment that gpuenv did not make cannot use a GPU; None when nothing is wrong.

    A build for the processor is told by its name or its conda build text; a build for GPUs by no cuDNN being in reach.
    """
    version = installed(prefix, "tensorflow")
    if version is None:
        return None
    for record in prefix.glob("conda-meta/tensorflow*-*.json"):
        build = record.stem.rpartition("-")[2]
        if re.search(r"(^|_)(cpu|mkl|eigen)", build):
            return f"TensorFlow {version} is a build for the processor (`{record.stem}`)"
    packages = site_packages(prefix)
    if packages is not None and next(packages.glob("tensorflow_cpu-*.dist-info"), None) is not None:
        return f"TensorFlow {version} is a build for the processor (`tensorflow-cpu`)"
    places = [prefix / "lib", *map(Path, _SYSTEM_DIRS)]
    places += [Path(it) for it in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if it]
    places += [packages / "tensorflow", packages / "nvidia" / "cudnn" / "lib"] if packages else []
    if any(next(place.glob("libcudnn.so*"), None) is not None for place in places):
        return None
    return f"TensorFlow {version} has no cuDNN"


def has_gpu() -> bool:
    """Say whether the NVIDIA driver is loaded, or WSL has its library, without asking it."""
    places = ("/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1", "C:\\Windows\\System32\\nvcuda.dll")
    return any(os.path.exists(place) for place in places)


def installed(prefix: Path, name: str) -> str | None:
    """Return the version of a framework in an environment, by its metadata; None when it is not there."""
    packages = site_packages(prefix)
    if packages is None:
        return None
    if name == "tensorflow":
        found = (_TENSORFLOW.fullmatch(path.name) for path in packages.glob("tensorflow*-info"))
        return next((match[1] for match in found if match), None)
    infos = packages.glob(f"{name.replace('-', '_')}-*.dist-info")
    return next((path.name.removesuffix(".dist-info").partition("-")[2] for path in infos), None)


def site_packages(prefix: Path) -> Path | None:
    """Return the environment's directory of Python packages; None when it has no Python."""
    windows = prefix / "Lib" / "site-packages"
    found = [windows] if windows.is_dir() else sorted(prefix.glob("lib/python3.*/site-packages"))
    return found[0] if found else None
