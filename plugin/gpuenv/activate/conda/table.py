"""The table that the scripts of a conda prefix are rendered from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath

from gpuenv.activate import _gpuenv_startup as startup
from gpuenv.activate.change import Change, changes
from gpuenv.errors import Hint, UsageError
from gpuenv.model import Variable

# Stands for the prefix in a value, and becomes `$CONDA_PREFIX` in a script; no value can hold it otherwise.
PREFIX = "\0"


def conda_changes(
    variables: Mapping[str, Variable], prefix: PurePath, cuda_dir: PurePath | None, platform: str
) -> tuple[Change, ...]:
    """Fill in the places, with a mark in the place of the prefix.

    Raises UsageError for a name or a value that cannot be written into a script.
    """
    if "PATH" in variables:
        raise UsageError(
            "cannot set the environment variable `PATH` in a conda environment",
            cause="conda writes PATH itself when it activates, deactivates and switches",
            hints=[Hint("activate.name", "take it out of the recipe; programs belong in the environment's `bin`")],
        )
    windows = platform.startswith("win")
    checked = changes(variables, prefix, cuda_dir, platform)  # refuses what the scripts of no shell could hold
    tools = None if cuda_dir is None else _relative(prefix, cuda_dir, windows=windows)
    made = []
    for name in dict.fromkeys(change.name for change in checked if change.name != "PATH"):
        mode, template = variables[name].mode, variables[name].value
        # XLA's quotes depend on the prefix, so that a flag with it is quoted when the script runs.
        quoted_later = mode == "flag" and _fill("default", template, tools, windows=windows).count(PREFIX) > 0
        made.append(Change(name, mode, _fill("default" if quoted_later else mode, template, tools, windows=windows)))
    return tuple(made)


def path_entries(prefix: PurePath, cuda_dir: PurePath | None, platform: str) -> tuple[str, ...]:
    """Return the directories that go on PATH on Windows, foremost first; none elsewhere."""
    if not platform.startswith("win"):
        return ()
    found = [PREFIX + "\\opt\\gpuenv\\bin"]
    if cuda_dir is not None:
        found.append(_relative(prefix, cuda_dir, windows=True) + "\\bin")
    return tuple(found)


def at_run_time(value: str, quote: Callable[[str], str], variable: str) -> str:
    """Write a value for a shell: the fixed parts quoted, `variable` (quoted as the shell needs it) for the prefix."""
    parts = [quote(part) if part else "" for part in value.split(PREFIX)]
    return variable.join(parts) or quote("")


def _relative(prefix: PurePath, path: PurePath, *, windows: bool) -> str:
    """Return a path with the mark in front where it lies inside the prefix, as it is where not."""
    if not path.is_relative_to(prefix):
        return str(path)
    inside = path.relative_to(prefix).as_posix()
    text = PREFIX if inside == "." else f"{PREFIX}/{inside}"
    return text.replace("/", "\\") if windows else text


def _fill(mode: str, template: str, cuda_dir: str | None, *, windows: bool) -> str:
    value = startup.expand(mode, template, PREFIX, cuda_dir, windows)
    assert value is not None, "a variable without its CUDA tools is left out before"
    return value
