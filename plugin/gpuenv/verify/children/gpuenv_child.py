"""What the children of `gpuenv verify` share: the report that outlives a crash, and the libraries really mapped.

A child is a script that the environment's own Python runs, 3.6 or newer, with nothing but the standard library and the
framework: gpuenv itself is not installed there. It is called as

    python check_compute.py REPORT [NAME=VALUE ...]

and appends one JSON object a line to REPORT, flushed at once, so that the lines survive an abort of the process:

    {"t": 0.0, "event": "start", "pid": 4711, "python": "3.8.18", "executable": "/envs/tf/bin/python"}
    {"t": 6.4, "event": "begin", "step": "matmul"}
    {"t": 31.9, "event": "libraries", "paths": ["/envs/tf/.../libcublas.so.11"]}
    {"t": 31.9, "event": "end", "step": "matmul"}
    {"t": 31.9, "event": "evidence", "values": {"matmul": {"relative_error": 3e-04, "tolerance": 2e-03}}}
    {"t": 40.2, "event": "failed", "step": "convolution", "message": "..."}
    {"t": 40.2, "event": "done"}

`t` is in seconds since the child started. A report without `done` or `failed` is one of a child that died.
"""

import contextlib
import json
import os
import platform
import re
import sys
import time
import traceback

# NVIDIA's libraries as the loader names them: libcudnn_ops_infer.so.8, cudnn_ops_infer64_8.dll, nvcuda.dll, libcuda.so.1
_NVIDIA_LIBRARY = re.compile(
    r"^(?:lib)?(?:nv)?(?:cuda|cudart|cublas|cublaslt|cufft|cufftw|curand|cusolver|cusolvermg|cusparse|cudnn|cupti|nvrtc|rtc"
    r"|nvjitlink|jitlink|nvidia-|nvvm)[\w.-]*\.(?:so|dll)(?:[.\d]*)$",
    re.IGNORECASE,
)


class Failed(Exception):
    """The check found something wrong; the text is one line for the user."""


class Child:
    """One run of a child: its arguments, its report, and the step it is at."""

    def __init__(self, argv):
        self.started = time.time()
        self.options = dict(argument.split("=", 1) for argument in argv[2:])
        self.current_step = None
        self._libraries = []
        self._report = open(argv[1], "a", encoding="utf-8")
        self._write("start", pid=os.getpid(), python=platform.python_version(), executable=sys.executable)

    @property
    def device(self):
        """Return the device to compute on: the first GPU, unless a test of the child itself names the processor."""
        return self.options.get("device", "/GPU:0")

    def evidence(self, **values):
        """Report numbers, names or lists that back the result."""
        self._write("evidence", values=values)

    @contextlib.contextmanager
    def step(self, name):
        """Report where the child is, so that a crash can be told by what it happened in."""
        self.current_step = name
        self._write("begin", step=name)
        sys.stderr.write("gpuenv: %s\n" % name)
        sys.stderr.flush()
        yield
        self.note_libraries()
        self._write("end", step=name)

    def expect_close(self, name, measured, expected, tolerance):
        """Compare arrays by the norm of their difference over the norm of what is expected, and report the number."""
        import numpy

        measured, expected = numpy.asarray(measured), numpy.asarray(expected)
        error = float(numpy.linalg.norm((measured - expected).ravel()) / numpy.linalg.norm(expected.ravel()))
        self.evidence(**{name: {"relative_error": error, "tolerance": tolerance}})
        if not error <= tolerance:  # also true for a NaN
            raise Failed(
                "%s is wrong: relative error `%.1e`, expected at most `%.0e`" % (name.replace("_", " "), error, tolerance)
            )

    def note_libraries(self):
        """Report the NVIDIA libraries that this process has mapped, when there are new ones."""
        libraries = mapped_libraries()
        if libraries != self._libraries:
            self._libraries = libraries
            self._write("libraries", paths=libraries)

    def run(self, main):
        """Run the check and leave with exit code 0, or 1 when it failed."""
        try:
            main(self)
        except Exception as err:
            traceback.print_exc()
            self.note_libraries()
            self._write("failed", step=self.current_step, message=_first_line(err), kind=type(err).__name__)
            sys.stderr.flush()
            os._exit(1)
        self._write("done")
        sys.stdout.flush()
        sys.stderr.flush()
        # No interpreter shutdown: a framework that crashes while it unloads has done its work.
        os._exit(0)

    def _write(self, event, **fields):
        line = dict(t=round(time.time() - self.started, 3), event=event, **fields)
        self._report.write(json.dumps(line, default=str) + "\n")
        self._report.flush()


def start():
    """Make the child of this process. Keeps this directory from hiding a module of the same name from the framework."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or os.curdir) != here]
    # Let the framework say what it misses, whatever the user's shell silences.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    if os.name != "nt":
        import resource

        # An abort is a result; a core file of several GB beside the log is not wanted.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    return Child(sys.argv)


def import_tensorflow(child):
    """Import TensorFlow as a step of its own, and report what was imported."""
    with child.step("importing TensorFlow"):
        import tensorflow
    child.evidence(tensorflow=tensorflow.__version__)
    return tensorflow


def prepare_device(child, tf):
    """Make sure that the device to compute on is there, and let it grow its memory instead of taking all at once.

    Raises Failed when TensorFlow lists no GPU.
    """
    kind = "CPU" if "CPU" in child.device else "GPU"
    with child.step("listing GPUs"):
        devices = tf.config.list_physical_devices(kind)
    child.evidence(physical_devices=[device.name for device in devices], device=child.device)
    if not devices:
        raise Failed("TensorFlow lists no GPU")
    if kind == "GPU":
        for device in devices:
            tf.config.experimental.set_memory_growth(device, True)


def place_of(tensor):
    """Say in which device's memory a result lies: for floating-point results the device that computed it."""
    return getattr(tensor, "backing_device", None) or tensor.device


def expect_device(child, name, device):
    """Raise Failed unless something was computed where it should be; `device` is TensorFlow's name of the place."""
    wanted = child.device.strip("/").split(":")[0]
    if wanted not in device:
        raise Failed("%s ran on `%s`, expected on a %s" % (name, device or "no device", wanted))


def mapped_libraries():
    """List the files of NVIDIA's libraries that this process has mapped, links resolved, in alphabetical order."""
    paths = _windows_modules() if os.name == "nt" else _linux_maps()
    return sorted({path for path in paths if _NVIDIA_LIBRARY.match(re.split(r"[\\/]", path)[-1])})


def _linux_maps():
    """Read the paths of /proc/self/maps.

    A line is `7f1c2000-7f1c9000 r-xp 00000000 08:01 1835 /envs/tf/lib/.../libcudnn.so.8`; the path may hold spaces.
    """
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        fields = [line.rstrip("\n").split(None, 5) for line in maps]
    return {parts[5] for parts in fields if len(parts) == 6}


def _windows_modules():
    """List the modules of this process through psapi (EnumProcessModules, GetModuleFileNameExW)."""
    import ctypes
    from ctypes import wintypes

    psapi, kernel32 = ctypes.WinDLL("psapi"), ctypes.WinDLL("kernel32")
    kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    psapi.EnumProcessModules.argtypes = [
        wintypes.HANDLE,
        ctypes.POINTER(wintypes.HMODULE),
        wintypes.DWORD,
        ctypes.POINTER(wintypes.DWORD),
    ]
    psapi.GetModuleFileNameExW.argtypes = [wintypes.HANDLE, wintypes.HMODULE, wintypes.LPWSTR, wintypes.DWORD]
    process = kernel32.GetCurrentProcess()
    modules, needed = (wintypes.HMODULE * 4096)(), wintypes.DWORD()
    if not psapi.EnumProcessModules(process, modules, ctypes.sizeof(modules), ctypes.byref(needed)):
        return set()
    count = min(needed.value // ctypes.sizeof(wintypes.HMODULE), len(modules))
    paths = set()
    for module in modules[:count]:
        name = ctypes.create_unicode_buffer(32768)
        if psapi.GetModuleFileNameExW(process, module, name, len(name)):
            paths.add(name.value)
    return paths


def _first_line(err):
    """Say an exception in one line; our own failures need no type in front."""
    lines = str(err).strip().splitlines()
    text = lines[0].strip() if lines else ""
    if isinstance(err, Failed):
        return text
    return "%s: %s" % (type(err).__name__, text) if text else type(err).__name__
