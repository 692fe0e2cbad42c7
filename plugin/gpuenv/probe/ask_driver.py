"""Ask one NVIDIA library about the GPUs, in a process of its own: it may hang, crash or lie there.

Run as `python -I -S ask_driver.py nvml|libcuda LIBRARY`. Uses the standard library only and imports nothing of gpuenv.
Prints one line of JSON with whatever has been learnt up to the first call that failed::

    {"driver_version": "460.91.03", "cuda_driver_api": 11020, "count": 1, "error": null,
     "gpus": [{"name": "GeForce RTX 3080", "major": 8, "minor": 6, "memory_bytes": 10499260416}]}

`error` is `{"call": "cuInit", "code": 34, "text": "..."}`; the code is null when the library could not be opened.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable

# More than any one machine has; a count above it comes from a lying driver and is not worth a loop.
MOST_GPUS = 64
# CUdevice_attribute COMPUTE_CAPABILITY_MAJOR and _MINOR, from cuda.h.
MAJOR, MINOR = 75, 76


class Failed(Exception):
    """A library call did not work."""

    def __init__(self, call: str, code: int | None, text: str = "") -> None:
        super().__init__(call)
        self.report = {"call": call, "code": code, "text": text}


class NvmlMemory(ctypes.Structure):
    """`nvmlMemory_t` of nvml.h; all three in bytes."""

    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class Library:
    """A C library whose functions return 0 for success."""

    def __init__(self, path: str) -> None:
        try:
            self._library = ctypes.CDLL(path)
        except OSError as err:
            raise Failed("dlopen", None, str(err)) from err

    def call(self, *names: str, arguments: tuple[object, ...] = ()) -> bool:
        """Call the first of the names that the library has; True, or Failed when none is there or it fails."""
        function = next((found for name in names if (found := getattr(self._library, name, None))), None)
        if function is None:
            raise Failed(names[0], None, "the library has no such function")
        code = function(*arguments)
        if code != 0:
            raise Failed(names[0], code)
        return True

    def number(self, *names: str, before: tuple[object, ...] = (), after: tuple[object, ...] = ()) -> int:
        """Call a function that fills an int."""
        value = ctypes.c_int(0)
        self.call(*names, arguments=(*before, ctypes.byref(value), *after))
        return value.value

    def text(self, name: str, *, before: tuple[object, ...] = (), after: tuple[object, ...] = ()) -> str:
        """Call a function that fills a string; NVML's longest need 96 bytes (NVML_DEVICE_NAME_V2_BUFFER_SIZE)."""
        buffer = ctypes.create_string_buffer(96)
        self.call(name, arguments=(*before, buffer, ctypes.c_uint(95), *after))
        return buffer.value.decode("utf-8", "replace")


def optional(ask: Callable[[], object]) -> object:
    """Return what the call says, or None when it fails: old drivers lack some functions."""
    try:
        return ask()
    except Failed:
        return None


def ask_nvml(path: str, found: dict[str, object]) -> None:
    """Fill `found` from NVML."""
    nvml = Library(path)
    nvml.call("nvmlInit_v2", "nvmlInit")
    found["driver_version"] = optional(lambda: nvml.text("nvmlSystemGetDriverVersion"))
    found["cuda_driver_api"] = optional(
        lambda: nvml.number("nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion")
    )
    count = nvml.number("nvmlDeviceGetCount_v2", "nvmlDeviceGetCount")
    found["count"] = count
    found["gpus"] = [nvml_gpu(nvml, index) for index in indices(count)]


def nvml_gpu(nvml: Library, index: int) -> dict[str, object]:
    """Describe one GPU through NVML."""
    handle = ctypes.c_void_p()
    nvml.call(
        "nvmlDeviceGetHandleByIndex_v2",
        "nvmlDeviceGetHandleByIndex",
        arguments=(ctypes.c_uint(index), ctypes.byref(handle)),
    )
    major, minor, memory = ctypes.c_int(0), ctypes.c_int(0), NvmlMemory()
    capability = (handle, ctypes.byref(major), ctypes.byref(minor))
    known = optional(lambda: nvml.call("nvmlDeviceGetCudaComputeCapability", arguments=capability))
    sized = optional(lambda: nvml.call("nvmlDeviceGetMemoryInfo", arguments=(handle, ctypes.byref(memory))))
    return {
        "name": optional(lambda: nvml.text("nvmlDeviceGetName", before=(handle,))),
        "major": major.value if known else None,
        "minor": minor.value if known else None,
        "memory_bytes": memory.total if sized else None,
    }


def ask_libcuda(path: str, found: dict[str, object]) -> None:
    """Fill `found` from the CUDA driver API. `cuDriverGetVersion` answers even where `cuInit` fails."""
    cuda = Library(path)
    found["cuda_driver_api"] = optional(lambda: cuda.number("cuDriverGetVersion"))
    cuda.call("cuInit", arguments=(ctypes.c_uint(0),))
    count = cuda.number("cuDeviceGetCount")
    found["count"] = count
    found["gpus"] = [cuda_gpu(cuda, index) for index in indices(count)]


def cuda_gpu(cuda: Library, index: int) -> dict[str, object]:
    """Describe one GPU through the CUDA driver API."""
    device = ctypes.c_int(cuda.number("cuDeviceGet", after=(ctypes.c_int(index),)))
    name = ctypes.create_string_buffer(96)
    cuda.call("cuDeviceGetName", arguments=(name, ctypes.c_int(95), device))
    memory = ctypes.c_size_t(0)
    cuda.call("cuDeviceTotalMem_v2", "cuDeviceTotalMem", arguments=(ctypes.byref(memory), device))
    return {
        "name": name.value.decode("utf-8", "replace"),
        "major": cuda.number("cuDeviceGetAttribute", after=(ctypes.c_int(MAJOR), device)),
        "minor": cuda.number("cuDeviceGetAttribute", after=(ctypes.c_int(MINOR), device)),
        "memory_bytes": memory.value,
    }


def indices(count: int) -> range:
    """Return the GPUs worth asking: none when the count cannot be true."""
    return range(count if 0 <= count <= MOST_GPUS else 0)


def no_core_dump() -> None:
    """Keep a crash of the library from leaving a core file behind."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(which: str, path: str) -> None:
    """Ask the library and print what it said."""
    no_core_dump()
    found: dict[str, object] = {"driver_version": None, "cuda_driver_api": None, "count": None, "gpus": []}
    found["error"] = None
    try:
        (ask_nvml if which == "nvml" else ask_libcuda)(path, found)
    except Failed as err:
        found["error"] = err.report
    print("\n" + json.dumps(found), flush=True)  # a line of its own, whatever the library printed


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
