"""Read what the kernel says about NVIDIA GPUs: /proc/driver/nvidia and /sys/bus/pci."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from gpuenv.model import Gpu
from gpuenv.probe.answer import MOST_GPUS, Answer, Doubts, RawGpu

SOURCE = "proc"
_NVIDIA_VENDOR = "0x10de"
# PCI base class 03 is "display controller": 0x030000 VGA, 0x030200 3D (GPUs without an output).
_DISPLAY_CLASS = "0x03"


@dataclass(frozen=True, slots=True)
class PciGpu:
    """An NVIDIA display controller on the bus; `kernel_driver` is `nvidia`, `nouveau`, `vfio-pci`, ... or None."""

    address: str
    kernel_driver: str | None


def kernel_module_version(root: Path) -> Version | None:
    """Return the version of the loaded NVIDIA kernel module, None when it is not loaded."""
    found = parse_module_version(_read(root / "proc/driver/nvidia/version"))
    return Version(found) if found is not None else None


def parse_module_version(text: str) -> str | None:
    """Read the first line of `/proc/driver/nvidia/version`.

    Of the closed and of the open module::

        NVRM version: NVIDIA UNIX x86_64 Kernel Module  460.91.03  Fri Jul  2 06:04:10 UTC 2021
        NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (dvs-builder@...)
    """
    found = re.search(r"Kernel Module(?:\s+for\s+\S+)?\s+(\d{2,4}(?:\.\d{1,4}){1,2})\s", text)
    return found[1] if found is not None else None


def pci_gpus(root: Path) -> tuple[PciGpu, ...]:
    """List NVIDIA display controllers, by bus address."""
    try:
        devices = sorted((root / "sys/bus/pci/devices").iterdir())
    except OSError:
        return ()
    return tuple(
        PciGpu(device.name, _kernel_driver(device))
        for device in devices
        if _read(device / "vendor").strip() == _NVIDIA_VENDOR and _read(device / "class").startswith(_DISPLAY_CLASS)
    )


def look(root: Path, pci: tuple[PciGpu, ...]) -> Answer:
    """List GPUs by the kernel module's names, or without names by the bus."""
    doubts = Doubts(SOURCE)
    names = _module_names(root)[:MOST_GPUS]
    gpus = tuple(doubts.gpu(index, RawGpu(name)) for index, name in enumerate(names))
    if not gpus:
        gpus = tuple(Gpu(index, None, None, None, "pci") for index in range(len(pci)))
    return Answer(SOURCE, gpus or None, kernel_module_version(root), notes=tuple(doubts.notes))


def _module_names(root: Path) -> list[str | None]:
    try:
        directories = sorted((root / "proc/driver/nvidia/gpus").iterdir())
    except OSError:
        return []
    return [parse_model(_read(directory / "information")) for directory in directories]


def parse_model(text: str) -> str | None:
    """Read the name from a GPU's file `information` under `/proc/driver/nvidia/gpus`.

    Sample::

        Model: 		 NVIDIA GeForce RTX 3080
        IRQ:   		 171

    None when the module does not know it (`Model: Unknown`).
    """
    found = re.search(r"^Model:[ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE)
    return found[1] if found is not None and found[1] != "Unknown" else None


def _kernel_driver(device: Path) -> str | None:
    try:
        return (device / "driver").readlink().name
    except OSError:
        return None


def _read(path: Path) -> str:
    """Return a small file's text, nothing when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
