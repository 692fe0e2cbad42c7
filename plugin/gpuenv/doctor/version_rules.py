"""Packages of Python that are of the wrong age for one another, for Python, or for the program."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import TENSORFLOW

_PIP = "https://pip.pypa.io/en/stable/topics/dependency-resolution/"
_WANTS = "{wanting} asks for another version of {package} than the {found} that is installed"
_KERAS = "https://keras.io/guides/migrating_to_keras_3/"
_AND_KERAS = ("python.module-missing", "python.keras-mismatch", "python.import-name")


def _reinstall(package: str) -> str:
    """Say how one package gets the locked version back; the command line adds environment and version."""
    return f"run `gpuenv run -- python -m pip install {package}`, then `gpuenv verify import`"


def _wants(id: str, kind: str, package: str, cause: str = _WANTS) -> LogRule:
    """Make a rule for what pip says about packages that do not fit: after every error that this leads to."""
    return LogRule(
        id,
        (kind,),
        cause,
        _reinstall(package),
        (_PIP, "https://github.com/keras-team/keras/issues/21162"),
        confidence="likely",
        order=59,
        when=lambda log: not reason.works_in_the_end(log) and not reason.progresses(log),
    )


VERSION_RULES = (
    LogRule(
        "python.protobuf",
        ("python.protobuf-key",),
        "protobuf is older than the code that a package generated for it",
        _reinstall("protobuf"),
        ("https://github.com/protocolbuffers/protobuf/issues/7536",),
        order=4,
        explains=_AND_KERAS,
    ),
    LogRule(
        "python.protobuf",
        ("python.protobuf-removed",),
        "protobuf and the code that a package generated for it are of versions that do not fit together: {name}",
        _reinstall("protobuf"),
        ("https://protobuf.dev/news/",),
        confidence="likely",
        order=16,
        when=lambda log: not log.has("python.protobuf-new"),
    ),
    LogRule(
        "python.typing-extensions",
        ("python.dict-wrapper",),
        "typing_extensions or wrapt is newer than this TensorFlow knows, which wraps its dictionaries",
        "run `python -m pip install 'typing_extensions<4.6' 'wrapt<1.15'`, then `gpuenv verify import`",
        (TENSORFLOW + "60687", "https://github.com/python/typing_extensions/issues/216"),
        confidence="likely",
        order=16,
    ),
    LogRule(
        "python.protobuf-twice",
        ("python.protobuf-twice",),
        "two copies of protobuf were loaded into one process, each with the same descriptions, as when a "
        "package brings "
        "its own",
        "run `export PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python`, or import the other package in a process "
        "of its own",
        ("https://github.com/protocolbuffers/protobuf/issues/1489",),
        confidence="likely",
        order=9,
    ),
    LogRule(
        "python.numpy-2",
        ("python.numpy-removed",),
        "NumPy 2 is installed, but this framework, or a package that it imports, was written for NumPy 1: {name}",
        _reinstall("numpy"),
        ("https://numpy.org/doc/stable/numpy_2_0_migration_guide.html",),
        confidence="likely",
        order=8,
        explains=_AND_KERAS,
    ),
    LogRule(
        "python.numpy-abi",
        ("python.numpy-symbolic",),
        "NumPy 1.20 or newer is installed, and TensorFlow before 2.5 was written for older ones",
        "run `python -m pip install 'numpy<1.20'`, then `gpuenv verify import`",
        (TENSORFLOW + "47360",),
        confidence="likely",
        order=14,
    ),
    LogRule(
        "python.numpy-broken",
        ("python.numpy-broken",),
        "NumPy's compiled part cannot be loaded: it is of another Python, of two versions at once, or its "
        "libraries are "
        "not found",
        "run `python -m pip install --force-reinstall numpy`, and `unset PYTHONPATH`",
        ("https://numpy.org/doc/stable/user/troubleshooting-importerror.html",),
        confidence="likely",
        order=18,
        explains=("python.module-missing", "system.dll-load", "python.import-name", "loader.system-library"),
    ),
    LogRule(
        "python.numpy-broken",
        ("python.numpy-sanity",),
        "NumPy 1.19.4 refuses this build of Windows, whose runtime has a fault that later updates mend",
        "run `python -m pip install numpy==1.19.3`, or update Windows",
        ("https://github.com/numpy/numpy/issues/17726",),
        order=9,
    ),
    LogRule(
        "python.hdf5",
        ("python.hdf5-load",),
        "h5py loads another HDF5 library than it was built with, as when conda's and pip's are mixed",
        _reinstall("h5py") + "; with conda `conda install --force-reinstall h5py hdf5`",
        ("https://github.com/conda/conda/issues/12291", "https://github.com/h5py/h5py/issues/1880"),
        confidence="likely",
        order=9,
        explains=("system.dll-load",),
    ),
    LogRule(
        "python.keras-mismatch",
        ("python.keras-old-name",),
        "the program, or a package, was written for an older Keras, which still had {name}",
        _reinstall("keras") + "; `predict` and `fit` have taken the place of what was removed in TensorFlow 2.6",
        (
            "https://github.com/tensorflow/tensorflow/releases/tag/v2.6.0",
            "https://github.com/keras-team/keras/issues/13336",
        ),
        order=16,
        explains=("python.import-name",),
    ),
    LogRule(
        "python.keras-mismatch",
        ("python.keras-newer",),
        "Keras, or a package that uses it, is newer than the TensorFlow 1 that is installed: it has no {name}",
        _reinstall("keras"),
        (TENSORFLOW + "49823",),
        order=16,
    ),
    LogRule(
        "python.keras-mismatch",
        ("python.keras-two",),
        "two copies of Keras are mixed: objects of `keras` or of another package's Keras are given to those of "
        "`tensorflow.keras`",
        "import everything from one of them; for packages written for Keras 2 `python -m pip install tf-keras` and "
        "`export TF_USE_LEGACY_KERAS=1`",
        ("https://github.com/tensorflow/hub/issues/903", _KERAS),
        confidence="likely",
        order=16,
    ),
    LogRule(
        "python.keras-mismatch",
        ("python.keras-3-argument",),
        "Keras 3 is installed, but the program was written for Keras 2",
        "run `python -m pip install tf-keras` and `export TF_USE_LEGACY_KERAS=1`, or install an older TensorFlow",
        (_KERAS,),
        confidence="likely",
        order=16,
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.addon-mismatch",
        ("python.addon-wants",),
        "an add-on was made for another version of the framework: {file} {symbol}",
        "install the add-on's version that was made for this framework, or leave it out",
        (
            "https://github.com/tensorflow/probability/releases",
            "https://github.com/microsoft/tensorflow-directml-plugin/issues/331",
        ),
        order=13,
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.installed-twice",
        ("python.installed-twice",),
        "TensorBoard is installed twice, as `tensorboard` and `tb-nightly`, or remains of an older one lie there",
        "run `python -m pip uninstall tensorboard tb-nightly`, then `pip install tensorboard`",
        ("https://github.com/pytorch/pytorch/issues/22676", "tensorboard: diagnose_tensorboard.py"),
        order=16,
    ),
    _wants("python.numpy-2", "requires.numpy-1", "numpy"),
    _wants("python.keras-mismatch", "requires.keras", "keras"),
    _wants("python.numpy-abi", "requires.numpy", "numpy"),
    _wants("python.protobuf", "requires.protobuf", "protobuf"),
)
