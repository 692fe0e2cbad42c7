"""The environment of an activated process, without a shell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gpuenv.activate import _gpuenv_startup as startup
from gpuenv.activate.change import changes
from gpuenv.model import Variable


def command_environment(
    prefix: Path,
    variables: Mapping[str, Variable],
    cuda_dir: Path | None,
    platform: str,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Return the variables that an activated shell would give to a command; those of the user's own stay.

    Raises UsageError for a variable that cannot be set.
    """
    windows = platform.startswith("win")
    separator = ";" if windows else ":"
    made = dict(environ)
    made.pop("PYTHONHOME", None)
    made["VIRTUAL_ENV"] = str(prefix)
    made["VIRTUAL_ENV_PROMPT"] = prefix.name
    for change in changes(variables, prefix, cuda_dir, platform):
        value = startup.changed(change.mode, change.value, made.get(change.name), str(prefix), separator)
        if value is not None:
            made[change.name] = value
    scripts = str(prefix / ("Scripts" if windows else "bin"))
    # In front even when it is in the list already, since what comes first wins.
    others = [entry for entry in made.get("PATH", "").split(separator) if entry and entry != scripts]
    made["PATH"] = separator.join([scripts, *others])
    return made
