"""Environments that conda could not solve, fetch or link, and those that were not activated."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.reason import unsettled
from gpuenv.doctor.sources import CONDA

# What Windows allows, less what conda puts before and behind the two parts of a path.
_LONGEST = 250


def _lacks_cuda(log: Log) -> bool:
    """Say whether the list of conda's old solver shows a wish for `__cuda` and none on the system."""
    return log.has("conda.conflict") and not log.has("conda.has-cuda")


def _older_than_wanted(what: str, log: Log) -> bool:
    """Compare what conda found on the system with the most that a package asks for."""
    found, least = log.names("found", f"conda.has-{what}"), log.names("least", f"conda.wants-{what}")
    return bool(found and least) and max(map(_numbers, least)) > _numbers(found[0])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _too_long(log: Log) -> bool:
    """Say whether files that conda misses in a package have paths that Windows does not allow."""
    places = [(event["place"].strip(), event["path"]) for event in log.all("conda.incomplete")]
    return any(place[1:2] == ":" and len(place) + len(path) >= _LONGEST for place, path in places)


def _could_not_load(log: Log) -> bool:
    """Say whether a library of conda's did not load, as where its directory is not on PATH."""
    loads = log.has("system.dll-load", "python.numpy-broken") and log.has("conda.path")
    says = any("Python interpreter" in event.text for event in log.all("conda.not-activated"))
    no_ssl = any("SSL" in event.text for event in log.all("conda.not-activated"))
    unsafe = no_ssl and log.has("conda.path") and log.has("windows.python")
    return (
        loads or unsafe or (says and all(event.kind in ("conda.not-activated", "conda.path") for event in log.events))
    )


CONDA_RULES = (
    LogRule(
        "conda.mixed-channels",
        ("conda.mixed",),
        "{file} meets a C++ library that it was not built with: it lacks {symbol}, as where packages of several conda "
        "channels, or of pip and conda, are mixed",
        "run `conda create -n tf --override-channels -c conda-forge tensorflow`, from one channel, or `gpuenv create`",
        (
            "https://github.com/conda-forge/conda-forge.github.io/issues/2141",
            "https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-channels.html",
        ),
        confidence="likely",
        order=12,
        explains=("python.module-missing", "python.addon-mismatch"),
    ),
    LogRule(
        "install.no-cuda-package",
        ("install.no-cuda-package",),
        "conda found no CUDA on the machine where it solved, as on a login node or in a container build: the virtual "
        "package `__cuda` is missing",
        "run `export CONDA_OVERRIDE_CUDA=11.8` before the installation, or solve where the GPU is",
        (
            "https://github.com/conda-forge/tensorflow-feedstock/issues/216",
            "https://github.com/prefix-dev/pixi/issues/1288",
        ),
        order=27,
        explains=("install.conflict", "install.no-wheel", "system.glibc"),
    ),
    LogRule(
        "install.no-cuda-package",
        ("conda.wants-cuda",),
        "conda found no CUDA on the machine where it solved, as on a login node or in a container build: the virtual "
        "package `__cuda` is missing",
        "run `export CONDA_OVERRIDE_CUDA=11.8` before the installation, or solve where the GPU is",
        ("https://github.com/conda-forge/tensorflow-feedstock/issues/224",),
        order=27,
        when=_lacks_cuda,
        explains=("install.conflict", "install.no-wheel", "system.glibc"),
    ),
    LogRule(
        "driver.too-old",
        ("conda.wants-cuda", "conda.has-cuda"),
        "the NVIDIA driver knows CUDA {found}, and the packages that conda was asked for need {least}",
        "update the NVIDIA driver, or ask for packages of an older CUDA: `gpuenv create --dry-run` chooses some",
        (CONDA + "user-guide/tasks/manage-virtual.html",),
        order=30,
        when=lambda log: _older_than_wanted("cuda", log),
        explains=("install.conflict", "install.no-wheel"),
    ),
    LogRule(
        "system.glibc",
        ("conda.glibc",),
        "the system's C library is older than {version}, which a package needs",
        "run `ldd --version` to see what is here; ask for an older version of the package, or use a newer system",
        (CONDA + "user-guide/tasks/manage-virtual.html",),
        order=28,
        explains=("install.conflict", "install.no-wheel"),
    ),
    LogRule(
        "system.glibc",
        ("conda.wants-glibc", "conda.has-glibc"),
        "the system's C library {found} is older than {least}, which a package needs",
        "run `ldd --version` to see what is here; ask for an older version of the package, or use a newer system",
        (CONDA + "user-guide/tasks/manage-virtual.html",),
        order=28,
        when=lambda log: _older_than_wanted("glibc", log),
        explains=("install.conflict",),
    ),
    LogRule(
        "install.no-wheel",
        ("conda.no-package",),
        "no channel that conda was told to use has {package} for this system: `cudatoolkit` ends with CUDA 11, builds "
        "that a file names are of one system, and GPU builds are often in conda-forge alone",
        "run `conda search -c conda-forge` for the name, or `gpuenv create`; export files with `--from-history`",
        (CONDA + "commands/env/export.html", "https://github.com/Vincentqyw/image-matching-webui/issues/73"),
        order=29,
        when=lambda log: unsettled(log, "conda.no-package"),
        explains=("install.conflict",),
    ),
    LogRule(
        "install.no-wheel",
        ("conda.other-python",),
        "there is no build of {package} for the Python that this environment has, which conda does not change "
        "by itself",
        "run `gpuenv create`, which takes a Python that the release has packages for",
        ("https://github.com/conda/conda/issues/10163",),
        order=29,
        explains=("install.conflict",),
    ),
    LogRule(
        "install.long-path",
        ("conda.incomplete",),
        "Windows allows paths of 260 characters, and the files of {package} are longer in this directory",
        "let conda be in a short directory, or switch on `LongPathsEnabled` in the registry and restart",
        ("https://github.com/ContinuumIO/anaconda-issues/issues/12230",),
        confidence="likely",
        order=25,
        when=_too_long,
        explains=("install.damaged",),
    ),
    LogRule(
        "install.damaged",
        ("conda.damaged", "conda.incomplete"),
        "a package in conda's cache is damaged or incomplete, as after a broken download or on a full disk: {package}",
        "run `conda clean --packages --tarballs`, then install again",
        ("https://github.com/PaddlePaddle/Paddle/issues/22260", CONDA + "commands/clean.html"),
        order=28,
        when=lambda log: unsettled(log, "conda.damaged", "conda.incomplete"),
    ),
    LogRule(
        "install.conda-terms",
        ("conda.terms",),
        "the channels of Anaconda ask that their terms of service be accepted first",
        "use `conda-forge` alone: `conda config --remove channels defaults`; or accept them with `conda tos accept`",
        ("https://github.com/anaconda/conda-anaconda-tos",),
        order=28,
        when=lambda log: unsettled(log, "conda.terms"),
    ),
    LogRule(
        "python.not-activated",
        ("conda.not-initialized",),
        "the shell was not prepared for conda, so that the environment was not activated",
        "run `conda init` (`mamba shell init`), then open a new shell; in scripts use `conda run -n tf python`",
        (CONDA + "commands/init.html",),
        order=58,
        when=lambda log: not reason.works_in_the_end(log),
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.not-activated",
        ("conda.not-activated",),
        "conda's Python was started without activating its environment, so that Windows does not find the libraries in "
        "`Library\\bin`",
        "use the Anaconda prompt or `conda activate` first, or let the editor start `conda run -n tf python`",
        ("https://github.com/numpy/numpy/issues/15542", CONDA + "user-guide/troubleshooting.html"),
        confidence="likely",
        order=8,
        when=_could_not_load,
        explains=("system.dll-load", "python.numpy-broken", "install.network", "python.hdf5"),
    ),
)
