"""Facts about the system around the GPU: operating system, libc, WSL, container, shell, disk, memory, conda."""

from __future__ import annotations

import os
import re
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gpuenv.model import Fact, Host, Overrides
from gpuenv.probe.container import container_kind

_WINDOWS = sys.platform == "win32"
# (sys.platform, machine) to conda's names of platforms, for a 64-bit Python.
_SYSTEMS = {"linux": "linux", "win32": "win", "darwin": "osx"}
_MACHINES = {"x86_64": "64", "amd64": "64", "aarch64": "aarch64", "arm64": "arm64", "i686": "32", "x86": "32"}


def run(host: Host, overrides: Overrides) -> Host:
    """Add the facts to the host."""
    root = Path("/")
    found = [
        *os_facts(root),
        *_libc_facts(),
        *wsl_facts(root),
        *container_facts(root, os.environ),
        *_shell_facts(),
        *disk_facts(data_dir(os.environ)),
        *_hardware_facts(),
        *cpu_facts(root),
        *conda_facts(os.environ),
    ]
    return replace(host, facts=(*host.facts, *found))


def current_platform() -> str:
    """Return conda's name of the platform that this Python runs on: `linux-64`, `win-64`, `linux-aarch64`, ..."""
    if sys.platform == "win32":
        machine = os.environ.get("PROCESSOR_ARCHITECTURE", "AMD64")
    else:
        machine = os.uname().machine
    return conda_subdir(sys.platform, machine, bits=struct.calcsize("P") * 8)


def conda_subdir(system: str, machine: str, *, bits: int) -> str:
    """Turn `linux`, `x86_64`, 64 into `linux-64`. A 32-bit Python on a 64-bit Intel machine is `-32`."""
    name = _MACHINES.get(machine.lower(), machine.lower())
    if name == "64" and bits == 32:
        name = "32"
    if name in ("arm64", "aarch64"):
        name = "aarch64" if system == "linux" else "arm64"
    return f"{_SYSTEMS.get(system, system)}-{name}"


def os_facts(root: Path) -> Iterator[Fact]:
    """Name the operating system and the kernel."""
    if sys.platform == "win32":
        build = sys.getwindowsversion()
        # Windows 11 still calls itself 10.0; its builds start at 22000.
        name = "11" if build.major == 10 and build.build >= 22000 else str(build.major)
        yield Fact("os", f"Windows {name} build {build.build}", "getwindowsversion")
        return
    pretty = parse_os_release(_read(root / "etc/os-release") or _read(root / "usr/lib/os-release"))
    uname = os.uname()
    if pretty is not None:
        yield Fact("os", pretty, "os-release")
    else:
        yield Fact("os", f"{uname.sysname} {uname.release}", "uname")
    yield Fact("kernel", uname.release, "uname")


def parse_os_release(text: str) -> str | None:
    """Return the name for people from `/etc/os-release`.

    Sample::

        PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
        NAME="Debian GNU/Linux"
    """
    found = re.search(r"^PRETTY_NAME=(?P<quote>[\"']?)(?P<name>.*?)(?P=quote)[ \t]*$", text, re.MULTILINE)
    return re.sub(r"\\(.)", r"\1", found["name"]) if found is not None and found["name"] else None


def _libc_facts() -> Iterator[Fact]:
    """Name the glibc version; another C library (musl) has no such name and gives no fact."""
    if sys.platform == "win32":
        return
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return
    if text.startswith("glibc "):
        yield Fact("glibc", text.removeprefix("glibc "), "confstr")


def wsl_facts(root: Path) -> Iterator[Fact]:
    """Say whether this is Linux in Windows, by the kernel's name: `5.15.90.1-microsoft-standard-WSL2`."""
    if not _WINDOWS:
        yield Fact("wsl", "microsoft" in _read(root / "proc/sys/kernel/osrelease").lower(), "proc")


def container_facts(root: Path, environ: Mapping[str, str]) -> Iterator[Fact]:
    """Name the kind of container, if this is one."""
    found = container_kind(root, environ)
    if found is not None:
        yield Fact("container", found[0], found[1])


def _shell_facts() -> Iterator[Fact]:
    """Name the user's shell. Not knowing it is no failure: cron and services have none."""
    import shellingham

    try:
        name, _path = shellingham.detect_shell()
    except (shellingham.ShellDetectionFailure, OSError):
        return
    yield Fact("shell", name, "process tree")


def data_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory where environments go: `GPUENV_DATA_DIR`, else the platform's data directory."""
    given = environ.get("GPUENV_DATA_DIR")
    if given:
        return Path(given)
    import platformdirs

    return platformdirs.user_data_path("gpuenv", appauthor=False)


def disk_facts(directory: Path) -> Iterator[Fact]:
    """Say how many bytes are free where environments go; the directory itself need not exist yet."""
    import shutil

    for existing in (directory, *directory.absolute().parents):
        if existing.is_dir():
            yield Fact("disk_free_bytes", shutil.disk_usage(existing).free, str(existing))
            return


def _hardware_facts() -> Iterator[Fact]:
    """Count memory in bytes, and the processors that this process may use."""
    if sys.platform == "win32":
        import ctypes

        kib = ctypes.c_ulonglong(0)
        if ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kib)):
            yield Fact("memory_bytes", kib.value * 1024, "kernel32")
        yield Fact("cpu_count", os.cpu_count() or 1, "os.cpu_count")
        return
    yield Fact("memory_bytes", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "sysconf")
    if hasattr(os, "sched_getaffinity"):
        yield Fact("cpu_count", len(os.sched_getaffinity(0)), "sched_getaffinity")
    else:
        yield Fact("cpu_count", os.cpu_count() or 1, "os.cpu_count")


def cpu_facts(root: Path) -> Iterator[Fact]:
    """Say whether an Intel or AMD processor has AVX, which TensorFlow's wheels need: a word in `flags` on Linux.

    Sample: `flags : fpu vme de pse ... avx f16c rdrand`. A virtual machine may show less than its host has.
    """
    if sys.platform == "win32":
        import ctypes

        # PF_AVX_INSTRUCTIONS_AVAILABLE in winnt.h.
        yield Fact("avx", bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(39)), "kernel32")
        return
    flags = re.search(r"^flags\s*:(.*)$", _read(root / "proc/cpuinfo"), re.MULTILINE)
    if flags is not None:
        yield Fact("avx", "avx" in flags[1].split(), "proc")


def conda_facts(environ: Mapping[str, str]) -> Iterator[Fact]:
    """Name the active conda environment and the conda program."""
    for name, variable in (("conda", "CONDA_PREFIX"), ("conda_exe", "CONDA_EXE")):
        if environ.get(variable):
            yield Fact(name, environ[variable], variable)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
