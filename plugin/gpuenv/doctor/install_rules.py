"""Installations that pip, uv and poetry did not finish."""

from __future__ import annotations

from collections.abc import Callable

from gpuenv.doctor import reason
from gpuenv.doctor.event import Log
from gpuenv.doctor.fixes import FRESH
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.reason import unsettled
from gpuenv.doctor.sources import PIP

_DOWNLOADS = ("install.download", "install.network")


def _network(order: int, when: Callable[[Log], bool]) -> LogRule:
    """Make the rule for a failed download: first where an installer failed of it, last where only signs of it are."""
    return LogRule(
        "install.network",
        _DOWNLOADS,
        "a download failed: the connection, a proxy, or a certificate that this Python does not trust",
        "run `export HTTPS_PROXY=http://host:port` behind a proxy, and `pip install --cert company.pem` or "
        "`pip install truststore` where a company's certificate is in between",
        (
            PIP + "topics/https-certificates/",
            "https://docs.conda.io/projects/conda/en/stable/user-guide/configuration/",
        ),
        confidence="likely" if order < 90 else "possible",
        order=order,
        when=lambda log: when(log) and not reason.works_in_the_end(log),
        explains=("install.no-wheel", "install.conflict", "install.build-failed", "install.old-pip", "install.damaged"),
    )


INSTALL_RULES = (
    LogRule(
        "install.long-path",
        ("install.long-path",),
        "Windows allows paths of 260 characters, and TensorFlow's are longer in this directory",
        "let the environment be in a short directory, or switch on `LongPathsEnabled` in the registry and restart",
        (PIP + "cli/pip_install/", "https://github.com/CorentinJ/Real-Time-Voice-Cloning/issues/358"),
        order=25,
        explains=("install.no-wheel", "install.build-failed"),
    ),
    _network(26, lambda log: log.has("install.no-wheel", "install.build-failed") and unsettled(log, *_DOWNLOADS)),
    _network(47, lambda log: log.has("install.download") and unsettled(log, *_DOWNLOADS)),
    _network(91, lambda log: reason.nothing_else(log) and unsettled(log, *_DOWNLOADS)),
    LogRule(
        "install.damaged",
        ("install.damaged",),
        "what was downloaded, or the copy of it that the installer kept, is damaged: {package}",
        "run `python -m pip cache purge`, then `pip install --no-cache-dir` of the same; with uv `uv cache clean`",
        (PIP + "topics/secure-installs/", "https://github.com/MycroftAI/mycroft-precise/issues/164"),
        confidence="likely",
        order=28,
        when=lambda log: unsettled(log, "install.damaged"),
        explains=("install.no-wheel",),
    ),
    LogRule(
        "install.managed-python",
        ("install.managed",),
        "this Python belongs to the system, which does not let pip change it",
        FRESH + ", or make one with `python3 -m venv`",
        ("https://peps.python.org/pep-0668/",),
        order=28,
        explains=("install.permission",),
    ),
    LogRule(
        "install.permission",
        ("install.permission",),
        "the installer may not write here: the directory belongs to another user, or a program that runs has the files "
        "open",
        "end every Python that uses them; then " + FRESH,
        (
            "https://github.com/EdjeElectronics/TensorFlow-Object-Detection-API-Tutorial-Train-Multiple-Objects-Windows-10/issues/548",
        ),
        order=28,
        when=lambda log: unsettled(log, "install.permission"),
    ),
    LogRule(
        "system.disk-full",
        ("install.disk-full",),
        "a disk is full, or the quota of this user",
        "run `df -h . /tmp` and `quota` to see which, and `gpuenv cache` for what gpuenv keeps",
        ("errno(3), ENOSPC and EDQUOT; Windows system error code 112",),
        order=24,
        when=lambda log: not log.has("system.disk-full", "container.shared-memory"),
        explains=("install.permission", "install.build-failed", "install.damaged"),
    ),
    LogRule(
        "memory.host-exhausted",
        ("install.killed",),
        "the installer was ended, as the kernel does when the machine's own memory is full",
        "run `pip install --no-cache-dir`, or give the machine or the container more memory or `swap`",
        ("https://github.com/pypa/pip/issues/2984",),
        confidence="likely",
        order=45,
    ),
    LogRule(
        "install.command-missing",
        ("install.command",),
        "the shell does not find {command}: it is not installed, or its directory is not on PATH",
        "use `python -m pip` for `pip`, and the Anaconda prompt or `conda init` for `conda`",
        (
            "https://docs.python.org/3/using/windows.html",
            "https://docs.conda.io/projects/conda/en/stable/commands/init.html",
        ),
        confidence="possible",
        order=93,
        when=reason.nothing_else,
    ),
)
