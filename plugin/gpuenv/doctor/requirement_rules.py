"""Packages that pip, uv and poetry cannot find, build, put together or replace."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.fixes import FRESH
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.reason import unsettled
from gpuenv.doctor.sources import PIP, TENSORFLOW

REQUIREMENT_RULES = (
    LogRule(
        "install.tensorflow-gpu",
        ("install.tensorflow-gpu",),
        "`tensorflow-gpu` has been removed from the package index; `tensorflow` has had the GPU code since 2.1",
        "run `gpuenv create`, or install `tensorflow` instead",
        (TENSORFLOW + "60886", TENSORFLOW + "60074"),
        order=26,
        explains=("install.no-wheel", "install.build-failed", "python.module-missing"),
    ),
    LogRule(
        "install.old-pip",
        ("install.old-pip",),
        "pip {version} is too old to see this package's wheels: those of manylinux2010 need pip 19.0, those of "
        "manylinux2014 pip 19.3",
        "run `python -m pip install --upgrade pip`, then install again",
        ("https://github.com/pypa/manylinux", TENSORFLOW + "47140"),
        confidence="likely",
        order=26,
        when=lambda log: log.has("install.no-wheel", "install.build-failed") and unsettled(log, "install.no-wheel"),
        explains=("install.no-wheel", "install.build-failed"),
    ),
    LogRule(
        "install.old-pip",
        ("install.oldest-pip",),
        "this pip is older than wheels, 1.4, and takes one for a source archive",
        "run `python -m pip install --upgrade pip`, then install again",
        ("https://pip.pypa.io/en/stable/news/#v1-4", TENSORFLOW + "56"),
        order=26,
        explains=("install.no-wheel", "install.build-failed"),
    ),
    LogRule(
        "install.no-wheel",
        ("install.no-wheel",),
        "there is no build of the package ({package}) for this Python or platform",
        "run `gpuenv create`, which takes a Python that the release has wheels for",
        (TENSORFLOW + "53709", TENSORFLOW + "47140"),
        order=27,
        explains=("python.module-missing", "install.build-failed", "install.conflict"),
    ),
    LogRule(
        "install.cannot-uninstall",
        ("install.cannot-uninstall",),
        "pip cannot replace a package that conda, the system or an old setuptools installed: {package}",
        FRESH + "; there, `pip install --ignore-installed` is the way around",
        ("https://github.com/pypa/pip/issues/5247", PIP + "news/"),
        order=28,
        when=lambda log: unsettled(log, "install.cannot-uninstall"),
        explains=("install.build-failed",),
    ),
    LogRule(
        "install.bad-requirement",
        ("install.requirement",),
        "pip or the shell does not read the requirement as it was meant: {package}",
        "put it into quotes, and write two signs of equality: `pip install 'tensorflow[and-cuda]==2.15.1'`",
        ("https://peps.python.org/pep-0508/", TENSORFLOW + "62075"),
        order=28,
    ),
    LogRule(
        "install.no-extra",
        ("install.no-extra",),
        "this version of {package} has no extra {name}, so that no CUDA was installed with it: TensorFlow has "
        "`and-cuda` since 2.14, and neither it nor JAX has CUDA for Windows",
        "run `gpuenv create`, or ask for a newer version: `pip install 'tensorflow[and-cuda]>=2.14'`",
        ("https://github.com/tensorflow/tensorflow/releases/tag/v2.14.0",),
        confidence="likely",
        order=35,
        when=lambda log: not reason.works_in_the_end(log),
        explains=("loader.no-cuda", "loader.some-missing"),
    ),
    LogRule(
        "install.conflict",
        ("install.conflict", "conda.conflict"),
        "the packages that were asked for cannot be had together: their requirements contradict each other",
        FRESH + "; else loosen one of the versions that the message names",
        (PIP + "topics/dependency-resolution/", "https://github.com/ZJUICSR/AIcert/issues/3"),
        order=48,
        when=lambda log: unsettled(log, "install.conflict", "conda.conflict"),
    ),
    LogRule(
        "install.conflict",
        ("requires.checked",),
        "a package asks for {wanting}, and {package} {found} is installed",
        FRESH + ", or install what it asks for: `python -m pip install --upgrade`",
        (PIP + "topics/dependency-resolution/", "https://github.com/DeepLabCut/DeepLabCut-live/issues/59"),
        order=60,
        explains=("python.module-missing",),
    ),
    LogRule(
        "install.conflict",
        ("requires.other",),
        "{wanting} asks for another version of {package} than the {found} that is installed",
        FRESH,
        (PIP + "topics/dependency-resolution/",),
        confidence="possible",
        order=92,
        when=reason.nothing_else,
    ),
    LogRule(
        "install.build-failed",
        ("install.build-failed",),
        "a package ({package}) has no build for this Python or platform, and building it here failed",
        "run `gpuenv create`, which takes a Python that the packages have wheels for; `pip install "
        "--only-binary :all:` "
        "finds a version with one",
        (PIP + "reference/build-system/", "https://github.com/pypa/pip/issues/10374"),
        confidence="likely",
        order=49,
        when=lambda log: unsettled(log, "install.build-failed"),
    ),
)
