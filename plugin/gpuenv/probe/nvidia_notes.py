"""Say what is in the way of NVIDIA GPUs, from what the sources found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.version import Version

from gpuenv.model import Gpu, Note, format_driver_version
from gpuenv.probe.answer import Answer, Failure
from gpuenv.probe.driver_libraries import LibraryKind
from gpuenv.probe.merge import STUB_LIBRARY
from gpuenv.probe.proc import PciGpu

# nvmlReturn_t of nvml.h.
_NVML_DRIVER_NOT_LOADED = 9
_NVML_VERSION_MISMATCH = 18
# CUresult of cuda.h, where the number alone would tell nobody anything.
_CUDA_NO_DEVICE = 100
_CUDA_DRIVER_MISMATCH = 803
_CUDA_NAMES = {
    STUB_LIBRARY: "CUDA_ERROR_STUB_LIBRARY",
    _CUDA_NO_DEVICE: "CUDA_ERROR_NO_DEVICE",
    _CUDA_DRIVER_MISMATCH: "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
    802: "CUDA_ERROR_SYSTEM_NOT_READY",
    804: "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
    999: "CUDA_ERROR_UNKNOWN",
}
_CONTAINER_HINTS = {
    "docker": "start it with `docker run --gpus all ...`",
    "podman": "start it with `podman run --device nvidia.com/gpu=all ...`",
    "apptainer": "start it with `apptainer exec --nv ...`",
    "kubernetes": "ask for `nvidia.com/gpu: 1` under the pod's `resources.limits`",
    "lxc": "run `lxc config device add NAME gpu gpu` on the host",
}
_RESTART = "restart the machine: `sudo reboot`"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, before it is worded. `container` is the kind of a container that was given no GPU device."""

    gpus: tuple[Gpu, ...] = ()
    answers: Mapping[LibraryKind, Answer] = field(default_factory=dict)
    module_version: Version | None = None
    pci: tuple[PciGpu, ...] = ()
    container: str | None = None
    wsl_driver_missing: bool = False
    visible_devices: str | None = None

    @property
    def answers_with_gpus(self) -> bool:
        """Say whether a library listed GPUs: then there is a driver, whatever /proc shows (WSL has none there)."""
        return any(answer.gpus for answer in self.answers.values())


def notes_on(found: Findings) -> tuple[Note, ...]:
    """Return every note that fits, the most telling first; `gpu.none` is last."""
    return (*_places(found), *_nvml(found), *_libcuda(found), *_hidden(found), *_none(found))


def _places(found: Findings) -> Iterator[Note]:
    """Word what is wrong with the machine around the driver: container, WSL, kernel."""
    if found.container is not None and not found.gpus:
        host = f"; its host has {len(found.pci)}" if found.pci else ""
        hint = _CONTAINER_HINTS.get(found.container, "start the container with its host's GPUs")
        yield Note("gpu.container", f"this `{found.container}` container was given no GPU device{host}", hint)
    elif found.wsl_driver_missing:
        hint = "install the NVIDIA driver in Windows (none in Linux), then run `wsl --shutdown` there"
        yield Note("gpu.wsl-driver", "WSL has no `/usr/lib/wsl/lib/libcuda.so.1`: Windows gives it no GPU", hint)
    if found.pci and found.module_version is None and not found.answers_with_gpus:
        yield _no_driver(found.pci)


def _no_driver(pci: Sequence[PciGpu]) -> Note:
    used = sorted({gpu.kernel_driver for gpu in pci if gpu.kernel_driver not in (None, "nvidia")})
    count = f"{len(pci)} NVIDIA GPU{'s' if len(pci) > 1 else ''}"
    if "nouveau" in used:
        message = f"{count} found, run by the `nouveau` driver, which has no CUDA"
    elif used:
        message = f"{count} found, run by `{used[0]}` and not by the NVIDIA driver"
    else:
        message = f"{count} found, but no NVIDIA driver is loaded"
    if used == ["vfio-pci"]:
        return Note("gpu.no-driver", message, "it is handed to a virtual machine: run gpuenv in there")
    return Note("gpu.no-driver", message, "run `sudo ubuntu-drivers install` or `sudo apt install nvidia-driver`")


def _nvml(found: Findings) -> Iterator[Note]:
    """Word what NVML could not do."""
    answer = found.answers.get("nvml")
    if answer is None:
        if found.module_version is not None and found.container is None:
            module = format_driver_version(found.module_version)
            message = f"the NVIDIA kernel module {module} is loaded, but no NVML library was found"
            yield Note("gpu.no-nvml", message, "install the driver's libraries: `sudo apt install libnvidia-ml1`")
        return
    failure = answer.failure
    if failure is None or _has_own_note(answer):
        return
    if failure.code == _NVML_VERSION_MISMATCH:
        version = found.module_version
        loaded = "of unknown version" if version is None else format_driver_version(version)
        yield _mismatch(f"{failure}: kernel module {loaded} is loaded, NVML is of another version")
    elif failure.code == _NVML_DRIVER_NOT_LOADED:
        yield Note(
            "gpu.not-loaded", f"the NVIDIA kernel module is not loaded ({failure})", "run `sudo modprobe nvidia`"
        )
    else:
        yield Note("gpu.nvml-failed", f"NVML does not work: {failure}", "run `nvidia-smi` to see more")


def _libcuda(found: Findings) -> Iterator[Note]:
    """Word what libcuda could not do: without it no program computes, whatever NVML lists."""
    answer = found.answers.get("libcuda")
    if answer is None:
        if found.gpus and "nvml" in found.answers:
            hint = "run `sudo apt install libcuda1`; in a container set `NVIDIA_DRIVER_CAPABILITIES=compute,utility`"
            yield Note("gpu.no-libcuda", "no libcuda was found: programs cannot compute on the GPUs listed", hint)
        return
    failure = answer.failure
    if failure is None or _has_own_note(answer):
        return
    words = _cuda_words(failure)
    if failure.code == STUB_LIBRARY:
        hint = "take the toolkit's `stubs` directory out of `LD_LIBRARY_PATH`"
        yield Note("gpu.cuda-stub", f"the libcuda that programs get is a stub for linking: {words}", hint)
    elif failure.code == _CUDA_DRIVER_MISMATCH:
        yield _mismatch(words)
    elif failure.code != _CUDA_NO_DEVICE or found.gpus:
        yield Note("gpu.cuda-failed", f"libcuda does not work: {words}", "run `nvidia-smi`, then restart the machine")


def _has_own_note(answer: Answer) -> bool:
    return any(note.code in ("gpu.hung", "gpu.crashed") for note in answer.notes)


def _cuda_words(failure: Failure) -> str:
    name = _CUDA_NAMES.get(failure.code) if failure.code is not None else None
    return f"{failure} ({name})" if name is not None else str(failure)


def _mismatch(what: str) -> Note:
    return Note("gpu.driver-mismatch", f"driver and library versions differ: {what}", _RESTART)


def _hidden(found: Findings) -> Iterator[Note]:
    """Note GPUs that `CUDA_VISIBLE_DEVICES` hides from every CUDA program."""
    if found.visible_devices is None or not found.gpus:
        return
    count = visible_count(found.visible_devices, len(found.gpus))
    if count < len(found.gpus):
        message = f"`CUDA_VISIBLE_DEVICES={found.visible_devices}` hides {len(found.gpus) - count} of {len(found.gpus)}"
        yield Note("gpu.hidden", f"{message} GPUs from CUDA programs", "run `unset CUDA_VISIBLE_DEVICES`")


def visible_count(text: str, count: int) -> int:
    """Count the GPUs that CUDA shows under `CUDA_VISIBLE_DEVICES`: it stops at the first entry that is no GPU.

    `0,2` shows two, `1,-1,0` one, an empty text and `-1` none; `GPU-8932f937` (a UUID) is taken for one that is there.
    """
    seen: set[str] = set()
    for entry in (part.strip() for part in text.split(",")):
        is_index = entry.isdigit() and int(entry) < count
        if not (is_index or entry.startswith(("GPU-", "MIG-"))):
            break
        seen.add(str(int(entry)) if is_index else entry)
    return min(len(seen), count)


def _none(found: Findings) -> Iterator[Note]:
    if not found.gpus:
        hint = "to build for another machine, name its GPU and driver: `--gpu 8.6 --driver 460.89`"
        yield Note("gpu.none", "no NVIDIA GPU was found", hint)
