"""What does not fit with the Python that runs, with the system, or with the TensorFlow of the program."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import TENSORFLOW

_CREATE = "run `gpuenv create`, which takes a Python that the release knows"


def _installed_elsewhere(log: Log) -> bool:
    """Say whether pip has a package that Python does not find: they are two Pythons."""
    has = {name.lower().replace("-", "_") for name in log.names("package", "python.elsewhere")}
    missing = {name.partition(".")[0].lower() for name in log.names("module", "python.module-missing")}
    return bool(has & missing)


INTERPRETER_RULES = (
    LogRule(
        "python.setuptools",
        ("python.setuptools",),
        "setuptools is missing, or of a version that a package here was not written for: it has no {name}{attribute}",
        "run `python -m pip install 'setuptools<81'`; packages that are built need it in their build environment",
        ("https://setuptools.pypa.io/en/latest/history.html", "https://github.com/pytorch/pytorch/issues/69894"),
        confidence="likely",
        order=17,
        when=lambda log: not reason.progresses(log),
        explains=("python.module-missing", "install.build-failed", "python.import-name"),
    ),
    LogRule(
        "python.too-new",
        ("python.removed-name",),
        "Python is newer than a package here knows: {module}{name} was removed",
        _CREATE,
        (
            "https://docs.python.org/3/whatsnew/3.10.html#removed",
            "https://docs.python.org/3/whatsnew/3.11.html#removed",
        ),
        confidence="likely",
        order=13,
        explains=("python.module-missing", "install.build-failed", "python.import-name"),
    ),
    LogRule(
        "python.too-old",
        ("python.too-old",),
        "Python is older than a package or the program needs ({name})",
        _CREATE + "; or ask for a version of the package that still knew this Python",
        ("https://docs.python.org/3/library/typing.html", "https://peps.python.org/pep-0585/"),
        confidence="likely",
        order=86,
        explains=("python.module-missing", "python.import-name"),
    ),
    LogRule(
        "python.other-python",
        ("python.other-python",),
        "a module was compiled for another Python than the one that runs: {name}",
        "run `unset PYTHONPATH`; else run `gpuenv create --force`",
        ("https://docs.python.org/3/c-api/stable.html", TENSORFLOW + "8187"),
        confidence="likely",
        order=17,
        explains=("python.module-missing", "system.dll-load"),
    ),
    LogRule(
        "python.tf1-code",
        ("python.tf1-eager",),
        "the program was written for TensorFlow 1: {name}",
        "put `import tensorflow.compat.v1 as tf` and `tf.disable_v2_behavior()` in its place",
        ("https://www.tensorflow.org/guide/migrate",),
        confidence="likely",
        order=16,
    ),
    LogRule(
        "python.tf2-code",
        ("python.tf2-code",),
        "TensorFlow 1 is installed, and the program was written for TensorFlow 2, or a later 1: {name}",
        "run `gpuenv create -n tf --tensorflow newest`, or the version that the program names",
        ("https://www.tensorflow.org/guide/migrate",),
        confidence="likely",
        order=16,
    ),
    LogRule(
        "python.module-missing",
        ("python.module-missing",),
        "{module} is installed for another Python than the one that runs the program, as in a notebook whose "
        "kernel is "
        "not the environment's",
        "install with `python -m pip`, of the Python that runs; in a notebook `python -m ipykernel install "
        "--user --name tf`",
        ("https://jupyter-client.readthedocs.io/en/stable/kernels.html",),
        confidence="likely",
        order=87,
        when=_installed_elsewhere,
    ),
    LogRule(
        "loader.system-library",
        ("system.library",),
        "a library of the system is missing: {library}",
        "install the system's package that has it, as `apt install libgl1` for `libGL.so.1`; `apt-file search` "
        "finds it",
        ("ld.so(8)", "https://github.com/opencv/opencv-python/issues/370"),
        confidence="likely",
        order=89,
        when=lambda log: not log.has("install.build-failed"),
        explains=("python.module-missing",),
    ),
    LogRule(
        "system.glibc",
        ("system.musl",),
        "this system has musl for its C library, as Alpine, and the binary needs glibc",
        "use an image with glibc, as `python:3.8-slim`, and run `gpuenv create` in it",
        ("https://peps.python.org/pep-0656/",),
        order=3,
        explains=("loader.system-library",),
    ),
    LogRule(
        "python.import-name",
        ("python.attribute",),
        "{module} has no {name}: it is of another version than what imports it, or only half installed",
        "run `gpuenv create --force`, then `gpuenv verify`",
        ("https://docs.python.org/3/library/exceptions.html#ImportError",),
        confidence="possible",
        order=92,
        when=reason.nothing_narrower,
    ),
)
