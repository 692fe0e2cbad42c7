"""What one source said about GPUs and driver, with implausible values refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from packaging.version import Version

from gpuenv.model import ComputeCapability, Gpu, Note

# Plausible ranges. Compute capabilities so far: 1.0 (2006) to 12.1; CUDA driver APIs: 7 and later matter to any stack;
# memory: a server GPU has less than 1 TiB. Anything outside comes from a broken or lying driver.
MOST_GPUS = 64
CAPABILITY_MIN: ComputeCapability = (1, 0)
CAPABILITY_MAX: ComputeCapability = (20, 9)
CUDA_API_MAJORS = range(7, 100)
MEMORY_MAX_BYTES = 16 * 2**40
_DRIVER_VERSION = re.compile(r"\d{2,4}(\.\d{1,4}){1,2}")


@dataclass(frozen=True, slots=True)
class Failure:
    """A call of a library that failed: `cuInit`, 34. The code is None when the library could not even be asked."""

    call: str
    code: int | None
    text: str = ""

    def __str__(self) -> str:
        """Say it in words: `cuInit` failed with error 34."""
        if self.code is not None:
            return f"`{self.call}` failed with error {self.code}"
        return f"`{self.call}` failed: {self.text}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source (`nvml`, `libcuda`, `nvidia-smi`, `proc`) said. `gpus` is None when it did not get that far."""

    source: str
    gpus: tuple[Gpu, ...] | None = None
    driver_version: Version | None = None
    cuda_driver_api: Version | None = None
    failure: Failure | None = None
    notes: tuple[Note, ...] = ()
    hung: bool = False


@dataclass(frozen=True, slots=True)
class RawGpu:
    """One GPU as a source words it, before anything is believed."""

    name: str | None = None
    capability: ComputeCapability | None = None
    memory_bytes: int | None = None


class Doubts:
    """Collect what a source said and cannot be true."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.notes: list[Note] = []

    def refuse(self, what: str, value: object, expected: str) -> None:
        """Note that a value was dropped."""
        message = f"`{self._source}` reports {what} `{value}`, expected {expected}: ignored"
        self.notes.append(Note("gpu.implausible", message, "run `nvidia-smi -q` and compare"))

    def driver_version(self, text: str | None) -> Version | None:
        """Read `460.91.03`; refuse what is not a driver version."""
        if text is None:
            return None
        if not _DRIVER_VERSION.fullmatch(text):
            self.refuse("driver version", _printable(text), "something like `460.91.03`")
            return None
        return Version(text)

    def cuda_driver_api(self, number: int | None) -> Version | None:
        """Read the number of `cuDriverGetVersion`: 1000 * major + 10 * minor, so 12080 is 12.8."""
        if number is None:
            return None
        major, minor = number // 1000, number % 1000 // 10
        if major not in CUDA_API_MAJORS:
            self.refuse("CUDA driver API", number, "7.0 to 99.9")
            return None
        return Version(f"{major}.{minor}")

    def count(self, number: int | None) -> None:
        """Refuse a number of GPUs that no machine has."""
        if number is not None and not 0 <= number <= MOST_GPUS:
            self.refuse("a number of GPUs of", number, f"0 to {MOST_GPUS}")

    def gpu(self, index: int, raw: RawGpu) -> Gpu:
        """Keep what can be true of one GPU."""
        name = raw.name.strip() if raw.name is not None else None
        if name is not None and (not name or not name.isprintable() or "\ufffd" in name):
            self.refuse(f"GPU {index} with the name", _printable(name), "a product name")
            name = None
        capability = raw.capability
        if capability is not None and not (CAPABILITY_MIN <= capability <= CAPABILITY_MAX and 0 <= capability[1] <= 9):
            self.refuse(f"GPU {index} with compute capability", f"{capability[0]}.{capability[1]}", "1.0 to 20.9")
            capability = None
        memory_bytes = raw.memory_bytes
        if memory_bytes is not None and not 0 < memory_bytes <= MEMORY_MAX_BYTES:
            self.refuse(f"GPU {index} with memory of", f"{memory_bytes} bytes", "1 byte to 16 TiB")
            memory_bytes = None
        return Gpu(index, name, capability, memory_bytes, self._source)


def _printable(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")[:40]


def fill(gpu: Gpu, other: Gpu) -> Gpu:
    """Return `gpu` with what it lacks from another source's view of the same GPU."""
    return replace(
        gpu,
        name=gpu.name or other.name,
        compute_capability=gpu.compute_capability or other.compute_capability,
        memory_bytes=gpu.memory_bytes or other.memory_bytes,
    )
