"""What ends an import or the reading of a model: packages of the wrong age, and what the loader cannot do."""

from __future__ import annotations

import re

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log
from gpuenv.doctor.fixes import RECREATE
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import TENSORFLOW


def _reinstall(package: str) -> str:
    """Say how one package gets the locked version back; the command line adds environment and version."""
    return f"run `gpuenv run -- python -m pip install {package}`, then `gpuenv verify import`"


def _speaks_of_protobuf(log: Log) -> bool:
    return "_pb2" in log.text or ".proto" in log.text or "Protocol Buffer" in log.text


def _torch_and_tensorflow(log: Log) -> bool:
    """Say whether a crash follows imports of both frameworks, and nothing else in the log would explain it."""
    return log.has("python.imports-torch") and log.has("python.imports-tensorflow") and reason.nothing_narrower(log)


def _asks_itself(log: Log) -> bool:
    """Say whether the program only imported the framework, so that the name was asked for somewhere inside of it."""
    names = "|".join(map(re.escape, log.names("name", "python.import-name-only")))
    plain = re.search(r"\bimport (?:tensorflow|keras|torch|jax)\b", log.text)
    own = re.search(rf"from \w+ import [^\n]*\b(?:{names})\b", log.text)
    return plain is not None and own is None and reason.nothing_narrower(log)


IMPORT_RULES = (
    LogRule(
        "python.protobuf",
        ("python.protobuf-keyword",),
        "protobuf is older than the code that the framework generated for it",
        _reinstall("protobuf"),
        (
            "https://github.com/sherjilozair/char-rnn-tensorflow/issues/19",
            "https://github.com/imatge-upc/detection-2016-nipsws/issues/26",
        ),
        order=5,
        when=_speaks_of_protobuf,
        explains=("python.module-missing", "python.keras-mismatch"),
    ),
    LogRule(
        "python.numpy-1",
        ("python.numpy-1",),
        "NumPy 1 is installed, but what is imported or read here was made with NumPy 2",
        _reinstall("numpy"),
        ("https://numpy.org/doc/stable/numpy_2_0_migration_guide.html",),
        order=7,
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.hdf5",
        ("python.hdf5",),
        "h5py loads another HDF5 library than it was built with, as when conda's and pip's are mixed",
        _reinstall("h5py") + "; with conda `conda install --force-reinstall h5py hdf5`",
        ("https://github.com/h5py/h5py/issues/853", TENSORFLOW + "75983"),
        order=9,
    ),
    LogRule(
        "loader.static-tls",
        ("library.static-tls",),
        "{library} was loaded too late: the space that the loader keeps for variables of threads is used up",
        "import the module that needs it first, or name it in `LD_PRELOAD`: `export LD_PRELOAD=/full/path/of/it`",
        ("https://github.com/keras-team/keras-tuner/issues/317", "https://github.com/dmlc/xgboost/issues/8488"),
        order=10,
        explains=("python.module-missing",),
    ),
    LogRule(
        "loader.exec-stack",
        ("library.exec-stack",),
        "{library} asks for a stack that may hold code, which this system's C library or kernel refuses",
        "install a newer build of the package; until then `patchelf --clear-execstack` on the file",
        ("glibc 2.41 release notes, https://sourceware.org/glibc/wiki/Release/2.41",),
        order=10,
    ),
    LogRule(
        "python.too-new",
        ("python.too-new",),
        "Python is too new for a package here: {module} was removed in Python 3.12 or 3.13",
        "run `gpuenv create`, which takes a Python that the release knows; for `distutils` alone install `setuptools`",
        ("https://docs.python.org/3/whatsnew/3.12.html", "https://docs.python.org/3/whatsnew/3.13.html"),
        confidence="likely",
        order=13,
        explains=("python.module-missing", "install.no-wheel"),
    ),
    LogRule(
        "python.too-new",
        ("python.swig-on-new",),
        "this TensorFlow is 2.1 or older, which knows Python 3.7 at most, and runs in Python {python}",
        "run `gpuenv create`, which takes a Python that the release knows",
        ("tensorflow 2.1.0 on the package index: cp27, cp35 to cp37", TENSORFLOW + "58547"),
        confidence="likely",
        order=13,
        explains=("system.dll-load", "python.module-missing"),
    ),
    LogRule(
        "python.typing-extensions",
        ("python.typing-extensions",),
        "typing_extensions is older than a package needs: it has no {name}",
        "run `python -m pip install --upgrade typing_extensions`",
        ("https://typing-extensions.readthedocs.io/en/latest/", TENSORFLOW + "60687"),
        order=13,
        explains=("python.module-missing", "python.keras-mismatch"),
    ),
    LogRule(
        "python.keras-mismatch",
        ("python.keras-3",),
        "Keras 3 is installed, but the program was written for Keras 2",
        "run `python -m pip install tf-keras` and `export TF_USE_LEGACY_KERAS=1`, or install an older TensorFlow",
        ("https://keras.io/guides/migrating_to_keras_3/", "https://github.com/gmalivenko/onnx2keras/issues/181"),
        confidence="likely",
        order=15,
    ),
    LogRule(
        "python.keras-model",
        ("python.keras-model",),
        "the saved model was written by another Keras than the one that reads it",
        "read it with the Keras that wrote it: `python -m pip install tf-keras` and `export TF_USE_LEGACY_KERAS=1` for "
        "models of Keras 2, TensorFlow 2.16 or newer for models of Keras 3",
        (TENSORFLOW + "64685", TENSORFLOW + "66381", "https://keras.io/guides/migrating_to_keras_3/"),
        confidence="likely",
        order=17,
        explains=("python.keras-mismatch",),
    ),
    LogRule(
        "python.ml-dtypes",
        ("python.ml-dtypes",),
        "ml_dtypes is of a version that a package here was not written for: it has no {name}",
        _reinstall("ml_dtypes") + "; TensorFlow's own requirement is in `python -m pip show -v tensorflow`",
        ("https://github.com/onnx/onnx/issues/7249", "https://github.com/onnx/tensorflow-onnx/issues/2245"),
        order=17,
        explains=("python.jax-mismatch", "python.module-missing"),
    ),
    LogRule(
        "system.disk-full",
        ("system.disk-full",),
        "a disk is full",
        "run `df -h . /tmp` to see which, and `gpuenv cache` for what gpuenv keeps",
        ("errno(3), ENOSPC",),
        order=46,
        when=lambda log: not log.has("container.shared-memory"),
    ),
    LogRule(
        "python.import-name",
        ("python.import-name",),
        "{module} has no {name}: it is of another version than the package that imports it, or only half installed",
        RECREATE,
        ("https://docs.python.org/3/library/exceptions.html#ImportError", "measured: protobuf without a file"),
        confidence="possible",
        order=92,
        when=reason.nothing_narrower,
    ),
    LogRule(
        "python.import-name",
        ("python.import-name-only",),
        "the framework itself asks for {name}, which it does not find: two versions are mixed, or a file of the "
        "program has the name of a module",
        RECREATE,
        (
            "https://github.com/rlan/notebooks/issues/27",
            "https://docs.python.org/3/library/exceptions.html#ImportError",
        ),
        confidence="possible",
        order=92,
        when=_asks_itself,
    ),
    LogRule(
        "python.import-order",
        ("system.segfault",),
        "PyTorch and TensorFlow were loaded into one process, and it crashed: each brings libraries of its own",
        "import TensorFlow first, or use each in an environment of its own: `gpuenv create -n tf`",
        (TENSORFLOW + "14812", "https://github.com/AmpereComputingAI/ampere_model_library/pull/183"),
        confidence="possible",
        order=93,
        when=_torch_and_tensorflow,
    ),
)
