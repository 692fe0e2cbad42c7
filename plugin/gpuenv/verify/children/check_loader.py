"""Ask TensorFlow's own loader for the CUDA libraries, with no GPU and without importing TensorFlow.

`DsoLoader::TryDlopenCUDALibraries` is exported by libtensorflow_framework.so.2 and opens each library just as the
framework does when it looks for GPUs, so its own RPATH counts. It returns a status object through a hidden pointer (an
object with a destructor, Itanium C++ ABI); one pointer in it is null when all is well. What is missing it logs:

    W tensorflow/stream_executor/platform/default/dso_loader.cc:60] Could not load dynamic library 'libcusolver.so.10';
    dlerror: libcusolver.so.10: cannot open shared object file: No such file or directory

cuDNN 8 opens its parts itself, and ends the process when one is missing. It is asked for each by a function that compares
versions and computes nothing. Only two parts can be asked for without a driver: the others open `libcuda.so`.
"""

import ctypes
import os
import re
import sys
import tempfile

import gpuenv_child

# The name moved with TensorFlow's own libraries: stream_executor up to 2.11, tsl from 2.12 on (read from the wheels).
SYMBOLS = (
    "_ZN15stream_executor8internal9DsoLoader22TryDlopenCUDALibrariesEv",
    "_ZN3tsl8internal9DsoLoader22TryDlopenCUDALibrariesEv",
)
CUDNN = "libcudnn.so.8"
CUDNN_PARTS = ("ops_infer", "ops_train", "cnn_infer", "cnn_train", "adv_infer", "adv_train")
CUDNN_PARTS_WITHOUT_DRIVER = CUDNN_PARTS[:2]
# An empty status: a null pointer up to 2.14, later the number 1 (`absl::Status`, whose lowest bit says that it is no
# pointer; its code stands above: https://github.com/abseil/abseil-cpp/blob/master/absl/status/status.h, read 2026-11).
OK = (None, 1)
MISSING = re.compile(r"Could not load dynamic library '([^']+)'")


class Status(ctypes.Structure):
    """Larger than two registers, so that ctypes returns it through a hidden pointer, as C++ does."""

    _fields_ = [("words", ctypes.c_void_p * 4)]


def main(child):
    # From 2.12 on the names of missing libraries are only logged at this level.
    os.environ["TF_CPP_MAX_VLOG_LEVEL"] = "3"
    with child.step("loading the framework library"):
        library = ctypes.CDLL(child.options["loader"])
    symbol = next((name for name in SYMBOLS if hasattr(library, name)), None)
    if symbol is None:
        child.evidence(loader={"asked": False})
        return
    with child.step("asking TensorFlow's loader"):
        status, log = call(getattr(library, symbol))
    missing = sorted(set(MISSING.findall(log)))
    child.evidence(loader={"asked": True, "opened": gpuenv_child.mapped_libraries(), "missing": missing})
    if missing:
        raise gpuenv_child.Failed("TensorFlow's loader does not find %s" % ", ".join("`%s`" % name for name in missing))
    if status.words[0] not in OK:
        raise gpuenv_child.Failed("TensorFlow's loader could not open every CUDA library")
    ask_cudnn(child)


def ask_cudnn(child):
    """Let the cuDNN that TensorFlow's loader opened open its parts; a missing one ends this process."""
    try:
        cudnn = ctypes.CDLL(CUDNN, mode=os.RTLD_NOLOAD)
    except OSError:
        return  # another cuDNN, which has other parts
    parts = CUDNN_PARTS if has_driver() else CUDNN_PARTS_WITHOUT_DRIVER
    for part in parts:
        compare = getattr(cudnn, "cudnn%sVersionCheck" % part.title().replace("_", ""))
        with child.step("opening cuDNN's part `%s`" % part):
            status = compare()
        if status:
            raise gpuenv_child.Failed("cuDNN's part `%s` is of another version than cuDNN (status %d)" % (part, status))
    child.evidence(cudnn_parts=list(parts))


def has_driver():
    """Say whether the driver's library can be opened by the name that cuDNN uses."""
    try:
        ctypes.CDLL("libcuda.so")
    except OSError:
        return False
    return True


def call(function):
    """Call the loader's function; return its status and what it logged to the standard error meanwhile."""
    function.argtypes, function.restype = [], Status
    with tempfile.TemporaryFile() as captured:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            status = function()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        captured.seek(0)
        log = captured.read().decode("utf-8", "replace")
    sys.stderr.write(log)
    return status, log


if __name__ == "__main__":
    gpuenv_child.start().run(main)
