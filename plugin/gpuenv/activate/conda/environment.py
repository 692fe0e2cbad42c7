"""The environment of a process in an activated conda prefix, without a shell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gpuenv.activate import _gpuenv_startup as startup
from gpuenv.activate.change import changes
from gpuenv.activate.conda.table import PREFIX, path_entries
from gpuenv.model import Variable

# What conda puts on PATH on Windows, in its order (conda 26.7, `_Activator._get_path_dirs`).
WINDOWS_DIRECTORIES = ("", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin")


def conda_command_environment(
    prefix: Path,
    variables: Mapping[str, Variable],
    cuda_dir: Path | None,
    platform: str,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Return the variables that `conda activate` would give to a command; those of the user's own stay.

    The scripts of other packages do not run, as that takes a shell. A virtual environment that is active is left.
    Raises UsageError for a variable that cannot be set.
    """
    separator = ";" if platform.startswith("win") else ":"
    made = dict(environ)
    for name in ("PYTHONHOME", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT"):
        made.pop(name, None)
    _activate(made, prefix, platform)
    for change in changes(variables, prefix, cuda_dir, platform):
        if change.name == "PATH":
            continue
        value = startup.changed(change.mode, change.value, made.get(change.name), str(prefix), separator)
        if value is not None:
            made[change.name] = value
    ours = [entry.replace(PREFIX, str(prefix)) for entry in path_entries(prefix, cuda_dir, platform)]
    directories = _directories(prefix, platform)
    directories = [directories[0], *ours, *directories[1:]]
    others = [entry for entry in made.get("PATH", "").split(separator) if entry and entry not in directories]
    made["PATH"] = separator.join([*directories, *others])
    return made


def _directories(prefix: Path, platform: str) -> list[str]:
    if not platform.startswith("win"):
        return [str(prefix / "bin")]
    return [str(prefix / directory) for directory in WINDOWS_DIRECTORIES]


def _activate(made: dict[str, str], prefix: Path, platform: str) -> None:
    """Set conda's own variables as a switch from the environment that is active now."""
    old, text = made.get("CONDA_PREFIX"), made.get("CONDA_SHLVL", "")
    level = int(text) if old and text.isdecimal() else 0
    if old and level and old != str(prefix):
        made[f"CONDA_PREFIX_{level}"] = old
        separator = ";" if platform.startswith("win") else ":"
        gone = _directories(Path(old), platform)
        made["PATH"] = separator.join(entry for entry in made.get("PATH", "").split(separator) if entry not in gone)
    name = prefix.name if prefix.parent.name == "envs" else str(prefix)
    made["CONDA_PREFIX"], made["CONDA_DEFAULT_ENV"] = str(prefix), name
    made["CONDA_SHLVL"] = str(level if old == str(prefix) and level else level + 1)
    made["CONDA_PROMPT_MODIFIER"] = f"({name}) "
