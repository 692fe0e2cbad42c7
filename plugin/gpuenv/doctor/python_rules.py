"""Python packages that do not fit together."""

from __future__ import annotations

from gpuenv.doctor.event import Log
from gpuenv.doctor.fixes import RECREATE
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.modules import is_of_a_distribution
from gpuenv.doctor.sources import SMOKE, TENSORFLOW


def _reinstall(package: str) -> str:
    """Say how one package gets the locked version back; the command line adds environment and version."""
    return f"run `gpuenv run -- python -m pip install {package}`, then `gpuenv verify import`"


def _loads_a_model(log: Log) -> bool:
    return any(word in log.text for word in ("h5py", "hdf5", "keras_version", "load_model", "load_weights"))


def _speaks_of_the_framework(log: Log) -> bool:
    return any(word in log.text for word in ("tensorflow", "numpy", "keras", "torch", "jax"))


def _lacks_a_distribution(log: Log) -> bool:
    """Say whether an installation would help: a module of the program itself that is not found is its own matter."""
    return any(map(is_of_a_distribution, log.names("module", "python.module-missing")))


PYTHON_RULES = (
    LogRule(
        "python.protobuf",
        ("python.protobuf-new",),
        "protobuf is newer than this framework's generated code allows; TensorFlow 2.4 needs `protobuf<3.21`",
        _reinstall("protobuf"),
        (SMOKE, TENSORFLOW + "56266"),
        order=5,
        when=lambda log: "GetPrototype" not in log.text or "created directly" in log.text,
        explains=("python.module-missing", "python.keras-mismatch", "system.dll-load"),
    ),
    LogRule(
        "python.protobuf",
        ("python.protobuf-old",),
        "protobuf is older than the code that a package generated for it",
        _reinstall("protobuf"),
        (TENSORFLOW + "59665",),
        order=5,
        explains=("python.module-missing", "python.keras-mismatch"),
    ),
    LogRule(
        "python.numpy-2",
        ("python.numpy-2",),
        "NumPy 2 is installed, but this framework, or a package that it imports, was built for NumPy 1",
        _reinstall("numpy"),
        (SMOKE, TENSORFLOW + "90245"),
        order=6,
        explains=("python.numpy-abi", "python.module-missing", "system.dll-load", "python.keras-mismatch"),
    ),
    LogRule(
        "python.numpy-abi",
        ("python.numpy-abi",),
        "a module was compiled for another NumPy than the one installed",
        _reinstall("numpy"),
        (TENSORFLOW + "98406", TENSORFLOW + "60559"),
        order=7,
        explains=("python.module-missing", "python.keras-mismatch", "system.dll-load"),
    ),
    LogRule(
        "python.numpy-alias",
        ("python.numpy-alias",),
        "NumPy 1.24 or newer is installed, which no longer has {name}",
        _reinstall("numpy"),
        (TENSORFLOW + "62832",),
        order=8,
    ),
    LogRule(
        "python.openmp-twice",
        ("python.openmp",),
        "two copies of the OpenMP runtime were loaded ({first}, {second}), as when conda's NumPy meets packages of pip",
        "run `conda install nomkl`, or install NumPy and the framework with the same installer",
        (
            "https://github.com/conda/conda-build/issues/4715",
            "https://github.com/ContinuumIO/anaconda-issues/issues/13121",
        ),
        order=9,
    ),
    LogRule(
        "python.mkl-mismatch",
        ("python.mkl",),
        "the Intel math library that was loaded lacks {symbol}, which the framework needs",
        "run `conda install 'mkl<2024.1'`, then `gpuenv verify import`",
        ("https://github.com/pytorch/pytorch/issues/123097",),
        order=9,
    ),
    LogRule(
        "python.addon-mismatch",
        ("python.addon",),
        "an add-on was compiled for another version of the framework: {file} misses {symbol}",
        "install the add-on's version that was made for this framework, or leave it out",
        ("https://github.com/tensorflow/io/issues/1881",),
        order=13,
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.shadowed",
        ("python.shadowed",),
        "a file of the program has the name of a module that the framework imports, the program imports itself in a "
        "circle, or a rest of an older installation lies there: {module}",
        "rename your own file, and remove its `__pycache__`",
        ("https://docs.python.org/3/library/sys_path_init.html", "seen with a file `imp.py` beside the program"),
        confidence="likely",
        order=14,
        explains=("python.module-missing", "python.keras-mismatch"),
    ),
    LogRule(
        "python.keras-mismatch",
        ("python.keras",),
        "Keras and TensorFlow are of versions that do not fit together",
        _reinstall("keras"),
        (TENSORFLOW + "56298", "https://github.com/spotify/basic-pitch/issues/82"),
        order=15,
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.tf1-code",
        ("python.tf1-code",),
        "the program was written for TensorFlow 1, which still had {name}",
        "put `import tensorflow.compat.v1 as tf` and `tf.disable_v2_behavior()` in its place",
        ("https://www.tensorflow.org/guide/migrate",),
        order=16,
        explains=("python.module-missing", "python.keras-mismatch"),
    ),
    LogRule(
        "python.jax-mismatch",
        ("python.jax",),
        "jax, jaxlib and what belongs to them are of versions that do not fit together",
        "run `python -m pip install --upgrade jax jaxlib`, both of one version",
        ("https://github.com/google-deepmind/clrs/issues/98",),
        confidence="likely",
        order=17,
    ),
    LogRule(
        "python.h5py-3",
        ("python.str-decode",),
        "h5py 3 is installed, but this Keras reads saved models as h5py 2 gave them",
        _reinstall("h5py"),
        (TENSORFLOW + "44467", "https://github.com/TKassis/OrgaQuant/issues/15"),
        order=18,
        when=_loads_a_model,
    ),
    LogRule(
        "python.h5py-3",
        ("python.str-decode",),
        "h5py 3 may be installed, where this Keras reads saved models as h5py 2 gave them",
        _reinstall("h5py"),
        (TENSORFLOW + "44467",),
        confidence="possible",
        order=92,
        when=lambda log: not _loads_a_model(log),
    ),
    LogRule(
        "python.tflite-flex",
        ("python.tflite-flex",),
        "the TensorFlow Lite model has operations of TensorFlow itself, which `tflite_runtime` does not have",
        "run it with `tf.lite.Interpreter` of the package `tensorflow`, or convert it with `TFLITE_BUILTINS` alone",
        ("https://ai.google.dev/edge/litert/conversion/tensorflow/ops_select",),
        order=55,
    ),
    LogRule(
        "python.fork",
        ("python.fork",),
        "the program used the GPU and then forked; a forked process cannot use CUDA again",
        "start the workers with `multiprocessing.set_start_method('spawn')` before the first use of the GPU",
        ("https://docs.pytorch.org/docs/stable/notes/multiprocessing.html",),
        order=54,
    ),
    LogRule(
        "python.late-setting",
        ("python.late-setting",),
        "the program sets memory growth or virtual GPUs after the first use of the GPU, or not for all GPUs alike",
        "run `export TF_FORCE_GPU_ALLOW_GROWTH=true` instead, or set it right behind the import",
        (TENSORFLOW + "25138", TENSORFLOW + "38367"),
        order=55,
    ),
    LogRule(
        "python.module-missing",
        ("python.module-missing",),
        "a Python package is not installed in the environment: {module}",
        RECREATE,
        ("https://docs.python.org/3/library/exceptions.html#ModuleNotFoundError",),
        order=88,
        when=_lacks_a_distribution,
    ),
)
