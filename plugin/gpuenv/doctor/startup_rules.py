"""How a program was started: by which Python, of which environment, for which processor."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import CONDA

_PYTHON = "https://docs.python.org/3/"

STARTUP_RULES = (
    LogRule(
        "python.store-alias",
        ("python.store-alias",),
        "{name} is Windows' own shortcut to its Store here, and not the environment's Python",
        "run `python` in the activated environment, not `python3`; or switch the shortcut off in Settings, Apps, App "
        "execution aliases",
        ("https://docs.python.org/3/using/windows.html", "https://github.com/tensorflow/tensorflow/issues/56690"),
        confidence="likely",
        order=92,
        when=reason.nothing_else,
    ),
    LogRule(
        "python.not-activated",
        ("python.no-scripts",),
        "PowerShell does not run scripts, and so not the one that activates an environment",
        "run `Set-ExecutionPolicy -Scope CurrentUser RemoteSigned`, or start the environment's `python.exe` by "
        "its path",
        (_PYTHON + "library/venv.html#how-venvs-work",),
        order=58,
        when=lambda log: not reason.works_in_the_end(log),
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.not-activated",
        ("conda.no-environment",),
        "conda has no environment of this name: {name}",
        "run `conda env list` for those that there are; one of another user or place is activated by its path",
        (CONDA + "user-guide/tasks/manage-environments.html",),
        order=58,
        when=lambda log: not reason.works_in_the_end(log),
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.not-activated",
        ("conda.mkl-dll",),
        "conda's Python was started without activating its environment, so that Windows does not find {name}",
        "use the Anaconda prompt or `conda activate` first, or let the editor start `conda run -n tf python`",
        (CONDA + "user-guide/troubleshooting.html",),
        confidence="likely",
        order=9,
        explains=("system.dll-load", "python.mkl-mismatch"),
    ),
    LogRule(
        "python.moved",
        ("python.moved",),
        "the Python that this environment was made of is gone, the environment was moved, or `PYTHONHOME` names "
        "another",
        "run `unset PYTHONHOME`; else run `gpuenv create --force`",
        (_PYTHON + "library/venv.html", _PYTHON + "using/cmdline.html#envvar-PYTHONHOME"),
        confidence="likely",
        order=17,
        explains=("python.module-missing", "install.command-missing"),
    ),
    LogRule(
        "loader.broken-file",
        ("library.unreadable",),
        "a library or program is damaged, of another kind of processor, or in a directory that may hold no programs "
        "(`noexec`): {library}",
        "run `file` on it and `df -h`, and install it again: `python -m pip install --force-reinstall --no-cache-dir`",
        ("dlopen(3), mount(8)", "https://github.com/tensorflow/tensorflow/issues/52160"),
        confidence="likely",
        order=18,
        when=lambda log: not log.has("library.broken"),
        explains=("python.module-missing", "python.numpy-broken"),
    ),
    LogRule(
        "python.too-new",
        ("python.2",),
        "the program was written for Python 2, which still had {name}",
        "run `2to3 -w` on it, or look for a newer version of the program",
        (_PYTHON + "whatsnew/3.0.html",),
        confidence="likely",
        order=56,
        when=lambda log: not reason.progresses(log),
        explains=("python.module-missing",),
    ),
    LogRule(
        "python.module-missing",
        ("python.needs",),
        "a Python package is not installed in the environment: {module}",
        "run `python -m pip install` of it, of the Python that runs: `pillow` for PIL",
        ("https://keras.io/api/utils/",),
        order=88,
    ),
)
