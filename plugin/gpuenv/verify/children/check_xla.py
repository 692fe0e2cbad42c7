"""Compile a function with XLA, run it on the GPU, and compare with NumPy in double precision.

XLA needs libdevice (for the exponential) and uses ptxas where it finds one.
"""

import os
import re
import shutil

import numpy

import gpuenv_child

# The function normalises, so that TF32 in the product (see check_compute.py) bounds the error.
TOLERANCE = 2e-3


def main(child):
    tf = gpuenv_child.import_tensorflow(child)
    gpuenv_child.prepare_device(child, tf)
    child.evidence(tools=tools())
    random = numpy.random.RandomState(20201214)
    first, second = (random.standard_normal((256, 256)).astype(numpy.float32) / 16 for _ in range(2))
    with tf.device(child.device):
        with child.step("compiling with XLA"):
            result = compiled(tf)(tf.constant(first), tf.constant(second))
            measured = result.numpy()
    gpuenv_child.expect_device(child, "the compiled function", gpuenv_child.place_of(result))
    exponentials = numpy.exp(first.astype(numpy.float64) @ second.astype(numpy.float64))
    child.expect_close("xla", measured, exponentials.sum(axis=1), TOLERANCE)


def compiled(tf):
    """Return a function for XLA; the argument's name changed after TensorFlow 2.4."""

    def function(first, second):
        return tf.reduce_sum(tf.exp(tf.linalg.matmul(first, second)), axis=1)

    try:
        return tf.function(function, jit_compile=True)
    except TypeError:
        return tf.function(function, experimental_compile=True)


def tools():
    """Say which ptxas and libdevice are there for XLA: in the directory that XLA_FLAGS names, or ptxas on PATH."""
    flags = os.environ.get("XLA_FLAGS", "")
    named = re.search(r"--xla_gpu_cuda_data_dir=(\S+)", flags)
    cuda_dir = named.group(1) if named else ""
    candidates = [os.path.join(cuda_dir, "bin", "ptxas"), os.path.join(cuda_dir, "bin", "ptxas.exe")]
    ptxas = next((path for path in candidates if os.path.isfile(path)), None) or shutil.which("ptxas")
    libdevice = os.path.join(cuda_dir, "nvvm", "libdevice", "libdevice.10.bc")
    return {"flags": flags, "ptxas": ptxas, "libdevice": libdevice if os.path.isfile(libdevice) else None}


if __name__ == "__main__":
    gpuenv_child.start().run(main)
