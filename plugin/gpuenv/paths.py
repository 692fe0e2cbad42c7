"""Where gpuenv keeps its own files inside an environment. A leaf: everybody may import it, it imports nobody."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

# Why something was moved aside.
ASIDE = ("before", "undone", "removed")


def etc_dir(prefix: Path) -> Path:
    """Return the directory of what gpuenv wrote down about the environment: receipt, recipe, lock."""
    return prefix / "etc" / "gpuenv"


def added_path(prefix: Path) -> Path:
    """Return the file whose being there says that gpuenv added to an environment and did not make it."""
    return etc_dir(prefix) / "added"


def receipt_path(prefix: Path) -> Path:
    """Return the file whose presence says that gpuenv made this environment and that it is whole."""
    return etc_dir(prefix) / "receipt.json"


def aside(prefix: Path, why: str) -> Path:
    """Return where an environment waits while it is being replaced or removed: `.tf.before-4711`."""
    return prefix.with_name(f".{prefix.name}.{why}-{os.getpid()}")


def is_aside(prefix: Path) -> bool:
    """Say whether a directory is what was moved aside; any other may begin with a dot too, as `.venv` does."""
    return re.fullmatch(rf"\..+\.({'|'.join(ASIDE)})-\d+", prefix.name) is not None


def is_writable(prefix: Path) -> bool:
    """Say whether this user may change the environment, which may be one that an administrator made for everybody."""
    return all(os.access(it, os.W_OK) for it in (prefix, etc_dir(prefix)) if it.exists())


def log_dir(prefix: Path) -> Path:
    """Return the directory of the full output of child processes."""
    return prefix / "var" / "gpuenv" / "log"


def warm_record_path(prefix: Path) -> Path:
    """Return the file that says which GPU code of the environment was compiled ahead, and for what."""
    return prefix / "var" / "gpuenv" / "warm.json"


def dll_dir(prefix: Path) -> Path:
    """Return the directory of the CUDA DLLs that TensorFlow opens on Windows; it belongs in front of PATH."""
    return prefix / "opt" / "gpuenv" / "bin"


def env_toolkit_dir(prefix: Path) -> Path:
    """Return the directory in an environment that has the shape of a CUDA toolkit, for what is staged from archives."""
    return prefix / "opt" / "gpuenv" / "cuda"


def env_of_toolkit_dir(directory: Path) -> Path | None:
    """Return the environment that such a directory lies in; None for a toolkit of the machine."""
    is_one = directory.parts[-3:] == ("opt", "gpuenv", "cuda") and is_environment(directory.parents[2])
    return directory.parents[2] if is_one else None


def is_environment(prefix: Path) -> bool:
    """Say whether a directory is a virtual environment or one of conda's."""
    return any((prefix / mark).exists() for mark in ("pyvenv.cfg", "conda-meta"))


def toolkit_note_path(prefix: Path) -> Path:
    """Return the file that says which toolkit of the machine an environment takes its CUDA from."""
    return etc_dir(prefix) / "toolkit.txt"


def free_bytes(path: Path) -> int:
    """Return the free bytes of the file system that a path, which need not exist yet, is or will be on."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    return shutil.disk_usage(existing).free
