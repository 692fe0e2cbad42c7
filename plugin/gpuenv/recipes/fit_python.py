"""Which Python a recipe gets: the one asked for, else its first version that is installed, else its first. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gpuenv.errors import Hint, UsageError
from gpuenv.model import PythonInterpreter, Reason, Recipe


def check_python(asked: str | None) -> None:
    """Refuse a `--python` that is no version. Raises UsageError."""
    if asked is not None and not re.fullmatch(r"[0-9]+\.[0-9]+(\.[0-9]+)?", asked):
        raise UsageError(
            f"`--python`: expected a version such as `3.8` or `3.8.18`, found `{asked}`",
            hints=[Hint("usage.python", "run `gpuenv info` to see which Pythons are installed")],
        )


def pick_python(
    recipe: Recipe, asked: str | None, installed: Sequence[PythonInterpreter]
) -> tuple[str, PythonInterpreter | None]:
    """Return the version, and the installed interpreter of it or None; the first of several (newest) is taken.

    A version asked for in full (`3.8.18`) is taken in full. Without one, an installed Python that comes later in the
    recipe's list wins over an earlier one that would have to be installed first.
    """
    wanted = [asked] if asked is not None else recipe.pythons
    for version in wanted:
        parts = tuple(int(part) for part in version.split("."))
        for python in installed:
            if python.version.release[: len(parts)] == parts:
                return version, python
    return wanted[0], None


def python_reason(recipe: Recipe, asked: str | None) -> Reason | None:
    """Say why the Python asked for does not fit, or None."""
    if asked is None or ".".join(asked.split(".")[:2]) in recipe.pythons:
        return None
    framework, best = recipe.framework, recipe.pythons[0]
    known = ", ".join(recipe.pythons)
    return Reason(
        "python.excluded",
        f"{framework.name} {framework.version} has a recipe for Python {known}, not for {asked}",
        f"use Python {best} instead of {asked}: `--python {best}`",
    )


def other_patch_warning(
    asked: str | None, picked: PythonInterpreter | None, installed: Sequence[PythonInterpreter]
) -> str | None:
    """Say that `3.8.1` was asked for and `3.8.18` is there, which would do; None when it is there or nothing is."""
    if asked is None or picked is not None or asked.count(".") < 2:
        return None
    minor = asked.rpartition(".")[0]
    near = next((str(one.version) for one in installed if f"{one.version}.".startswith(f"{minor}.")), None)
    return f"Python {asked} is not installed, Python {near} is: `--python {minor}` takes it" if near else None
