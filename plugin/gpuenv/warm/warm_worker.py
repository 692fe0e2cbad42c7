"""Compile GPU code in a process of its own: the driver may hang or crash on a module.

Run as `python -I -S warm_worker.py LIBCUDA GPU_INDEX`. Uses the standard library only and imports nothing of gpuenv.
It opens the GPU, says `{"event": "ready", "free_bytes": 84000000000}`, and then loads one fat binary for each line it
reads, which makes the driver compile its PTX and keep the result in its cache::

    {"library": "/envs/tf/lib/python3.8/site-packages/tensorflow/libkernels.so", "offset": 4096}

and answers `{"event": "loaded", "elapsed_s": 1.25, "error": null, "refused": false, "last": false}`. An error is
`{"call": "cuModuleLoadFatBinary", "code": 218, "name": "CUDA_ERROR_INVALID_PTX"}`; `refused` says that the module is at
fault, `last` that the worker ends now. When the GPU cannot be opened it says `{"event": "failed", "error": {...}}`.
When its input ends, so does the worker, even in the middle of a module: then its parent is gone.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import queue
import sys
import threading
import time

# CUresult of cuda.h for a module that is itself at fault: invalid image, no binary for this GPU, invalid PTX, PTX that
# is too new, invalid source. After any other error the context may be lost, and the worker with it.
MODULE_ERRORS = {200, 209, 218, 222, 300}


class Failed(Exception):
    """A driver call did not work."""

    def __init__(self, call: str, code: int | None, name: str) -> None:
        super().__init__(call)
        self.report = {"call": call, "code": code, "name": name}


class Driver:
    """The CUDA driver API on one GPU, with its primary context current in this thread."""

    def __init__(self, path: str, index: int) -> None:
        try:
            self._library = ctypes.CDLL(path)
        except OSError as err:
            raise Failed("dlopen", None, str(err)) from err
        self._maps: dict[str, tuple[mmap.mmap, int]] = {}
        device, context = ctypes.c_int(0), ctypes.c_void_p()
        self._call("cuInit", ctypes.c_uint(0))
        self._call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(index))
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuCtxSetCurrent", context)

    def free_bytes(self) -> int:
        """Return the free memory of the GPU; this process's context is counted as used."""
        free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def load(self, library: str, offset: int) -> None:
        """Load the fat binary at an offset of a file, and unload it again."""
        module = ctypes.c_void_p()
        self._call("cuModuleLoadFatBinary", ctypes.byref(module), ctypes.c_void_p(self._address(library) + offset))
        self._call("cuModuleUnload", module)

    def _address(self, library: str) -> int:
        """Map a library once, and return where; private and writable, since ctypes takes no read-only buffer."""
        if library not in self._maps:
            with open(library, "rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            self._maps[library] = data, ctypes.addressof(ctypes.c_char.from_buffer(data))
        return self._maps[library][1]

    def _call(self, name: str, *arguments: object) -> None:
        function = getattr(self._library, name, None)
        if function is None:
            raise Failed(name, None, "the driver has no such function")
        code = function(*arguments)
        if code != 0:
            raise Failed(name, code, self._error_name(code))

    def _error_name(self, code: int) -> str:
        text = ctypes.c_char_p()
        function = getattr(self._library, "cuGetErrorName", None)
        if function is None or function(ctypes.c_int(code), ctypes.byref(text)) != 0 or text.value is None:
            return f"CUDA error {code}"
        return text.value.decode("ascii", "replace")


class Requests:
    """The lines of standard input, read by a thread so that the end of the parent is noticed at once."""

    def __init__(self) -> None:
        self.busy = False
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> str | None:
        """Return the next line; None when there will be no more."""
        return self._lines.get()

    def _read(self) -> None:
        for line in sys.stdin:
            self._lines.put(line)
        if self.busy:
            os._exit(1)
        self._lines.put(None)


class Replies:
    """The real standard output; whatever the driver prints goes to standard error instead."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, event: str, **fields: object) -> None:
        """Write one line."""
        self._stream.write(json.dumps({"event": event, **fields}) + "\n")
        self._stream.flush()


def serve(driver: Driver, requests: Requests, replies: Replies) -> None:
    """Load what is asked for, one after another, until there is no more."""
    replies.say("ready", free_bytes=driver.free_bytes())
    while (line := requests.next()) is not None:
        wanted = json.loads(line)
        requests.busy = True
        started = time.monotonic()
        error = None
        try:
            driver.load(wanted["library"], wanted["offset"])
        except Failed as err:
            error = err.report
        except (OSError, ValueError) as err:
            error = {"call": "mmap", "code": None, "name": str(err)}
        requests.busy = False
        refused = error is not None and error["code"] in MODULE_ERRORS
        last = error is not None and not refused
        elapsed_s = round(time.monotonic() - started, 3)
        replies.say("loaded", elapsed_s=elapsed_s, error=error, refused=refused, last=last)
        if last:
            return


def no_core_dump() -> None:
    """Keep a crash of the driver from leaving a core file behind."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(libcuda: str, index: int) -> None:
    """Open the GPU and serve."""
    no_core_dump()
    replies, requests = Replies(), Requests()
    requests.busy = True  # an end of the input while the driver starts is an end of everything
    try:
        driver = Driver(libcuda, index)
        requests.busy = False
        serve(driver, requests, replies)
    except Failed as err:
        replies.say("failed", error=err.report)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
