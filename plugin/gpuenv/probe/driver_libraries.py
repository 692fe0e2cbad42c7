"""Ask NVML and libcuda, each in a child process with a time limit."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gpuenv import process
from gpuenv.model import Note
from gpuenv.probe.answer import Answer, Doubts, Failure, RawGpu

_CHILD = Path(__file__).with_name("ask_driver.py")
# Set by users and honoured by libcuda, which would then hide GPUs or count them in another order than NVML.
_HIDING = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES")
_NAMES = {"nvml": "libnvidia-ml.so.1", "libcuda": "libcuda.so.1"}
_WINDOWS_NAMES = {"nvml": "nvml.dll", "libcuda": "nvcuda.dll"}
# Where drivers, distributions, WSL 2, container runtimes and NixOS put them; the loader's cache is read before.
_UNIX_DIRS = (
    "usr/lib/wsl/lib",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "usr/lib/nvidia",
    "usr/local/nvidia/lib64",
    "usr/local/nvidia/lib",
    "run/opengl-driver/lib",
)
_OWN_ELF_CLASS = 2 if struct.calcsize("P") == 8 else 1

LibraryKind = Literal["nvml", "libcuda"]


@dataclass(frozen=True, slots=True)
class Libraries:
    """Where the two libraries are, and notes about files of that name that are no libraries."""

    paths: Mapping[str, Path]
    notes: tuple[Note, ...] = ()


def find_libraries(root: Path, environ: Mapping[str, str], *, windows: bool = os.name == "nt") -> Libraries:
    """Find NVML and libcuda the way the loader would, without loading anything or starting a process.

    `root` is `/`; tests give another. Files of another word size are passed over, empty ones (left behind in images
    that were made from a GPU container) are noted.
    """
    paths: dict[str, Path] = {}
    notes: list[Note] = []
    for kind, name in (_WINDOWS_NAMES if windows else _NAMES).items():
        directories = _windows_dirs(environ) if windows else _unix_dirs(root, environ, name)
        for path in (directory / name for directory in directories):
            if not path.is_file():
                continue
            if windows or _is_own_elf(path):
                paths[kind] = path
                break
            if path.stat().st_size == 0:
                hint = f"run `rm {path}`, or start the container with GPUs"
                notes.append(Note("gpu.empty-library", f"`{path}` is an empty file", hint))
    return Libraries(paths, tuple({note.message: note for note in notes}.values()))


def ask(kind: LibraryKind, library: Path, environ: Mapping[str, str], timeout_s: float) -> Answer:
    """Ask one library in a child process; a hang, a crash and nonsense become a failure in the answer."""
    env = {name: value for name, value in environ.items() if name not in _HIDING}
    env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # as NVML counts them
    try:
        done = process.run([sys.executable, "-I", "-S", _CHILD, kind, library], timeout_s=timeout_s, env=env)
    except OSError as err:
        return Answer(kind, failure=Failure(library.name, None, f"no child process could be started: {err}"))
    if done.timed_out:
        failure = Failure(library.name, None, f"no answer within {timeout_s:g} s")
        return Answer(kind, failure=failure, notes=(_hung(kind, timeout_s),), hung=True)
    said = _said(done.stdout)
    if not done.ok or said is None:
        return Answer(kind, failure=Failure(library.name, None, done.ending), notes=(_broken(kind, library, done),))
    return read_answer(kind, said)


def read_answer(kind: LibraryKind, said: Mapping[str, Any]) -> Answer:
    """Read what `ask_driver.py` printed (its docstring shows a sample) and refuse what cannot be true."""
    doubts = Doubts(kind)
    doubts.count(said["count"])
    gpus = tuple(
        doubts.gpu(index, RawGpu(gpu["name"], _capability(gpu), gpu["memory_bytes"]))
        for index, gpu in enumerate(said["gpus"])
    )
    error = said["error"]
    known = error is None and 0 <= said["count"] == len(gpus)
    return Answer(
        kind,
        gpus if known else None,
        doubts.driver_version(said["driver_version"]),
        doubts.cuda_driver_api(said["cuda_driver_api"]),
        Failure(error["call"], error["code"], error["text"]) if error is not None else None,
        tuple(doubts.notes),
    )


def _capability(gpu: Mapping[str, Any]) -> tuple[int, int] | None:
    return (gpu["major"], gpu["minor"]) if gpu["major"] is not None else None


def _said(stdout: str) -> dict[str, Any] | None:
    """Return the child's line as an object; a library may have printed before it, and after it at its end."""
    import json

    for line in stdout.splitlines():
        if line.startswith('{"driver_version": '):
            try:
                said = json.loads(line)
            except ValueError:
                return None
            return said if isinstance(said, dict) else None
    return None


def _hung(kind: str, timeout_s: float) -> Note:
    message = f"`{kind}` gave no answer within {timeout_s:g} s: the driver hangs, or starts slowly"
    return Note("gpu.hung", message, "set `GPUENV_PROBE_TIMEOUT_S=60` to wait longer, or restart the machine")


def _broken(kind: str, library: Path, done: process.Completed) -> Note:
    how = "said nothing usable" if done.ok else f"ended with {done.ending}"
    message = f"`{kind}` ({library}) {how} when asked for the GPUs"
    return Note("gpu.crashed", message, "reinstall the NVIDIA driver")


def _windows_dirs(environ: Mapping[str, str]) -> list[Path]:
    system = Path(environ.get("SystemRoot", r"C:\Windows"), "System32")
    programs = Path(environ.get("ProgramFiles", r"C:\Program Files"))
    return [system, programs / "NVIDIA Corporation" / "NVSMI"]


def _unix_dirs(root: Path, environ: Mapping[str, str], name: str) -> list[Path]:
    """List directories in the loader's order: LD_LIBRARY_PATH, the loader's cache, then the usual ones."""
    own = [Path(entry) for entry in environ.get("LD_LIBRARY_PATH", "").split(":") if entry]
    return own + _cached_dirs(root, name) + [root / directory for directory in _UNIX_DIRS]


def _cached_dirs(root: Path, name: str) -> list[Path]:
    r"""Find a library's directories in `/etc/ld.so.cache`, a binary file with NUL-ended strings in it.

    Sample: `...libcuda.so.1\0/lib/x86_64-linux-gnu/libcuda.so.1\0...`. Read here because asking `ldconfig -p`, as
    ctypes.util.find_library does, starts a process.
    """
    import re

    try:
        cache = (root / "etc/ld.so.cache").read_bytes()
    except OSError:
        return []
    pattern = re.compile(rb"(/[^\0]*)/" + re.escape(name.encode()) + rb"\0")
    return [root / os.fsdecode(found).lstrip("/") for found in pattern.findall(cache)]


def _is_own_elf(path: Path) -> bool:
    """Say whether the file is an ELF of this process's word size (byte 4: 1 for 32 bits, 2 for 64)."""
    try:
        with path.open("rb") as file:
            head = file.read(5)
    except OSError:
        return False
    return head == b"\x7fELF" + bytes([_OWN_ELF_CLASS])
