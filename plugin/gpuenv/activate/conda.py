"""Conda prefixes: they have no scripts of their own to activate them, conda does that.

What conda sets is a few variables and the prefix's directories on PATH, then it runs `etc/conda/activate.d`. gpuenv's
variables come from the start-up file, in every Python of the prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from gpuenv.activate import csh, fish, powershell, sh

# The directories that conda puts on PATH, in its order. Source: `_get_path_dirs` in conda/activate.py, conda 26.7.
_WINDOWS_DIRS = ("", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin")


def path_dirs(prefix: PurePath, platform: str) -> list[str]:
    """Return what conda puts on PATH for a prefix."""
    return [str(prefix / name) for name in (_WINDOWS_DIRS if platform.startswith("win") else ("bin",))]


def as_conda_does(made: Mapping[str, str], prefix: Path, platform: str) -> dict[str, str]:
    """Turn the variables of an activated virtual environment into those of an activated conda prefix."""
    separator = ";" if platform.startswith("win") else ":"
    ours = path_dirs(prefix, platform)
    found = {name: value for name, value in made.items() if not name.startswith("VIRTUAL_ENV")}
    others = [entry for entry in found.get("PATH", "").split(separator) if entry and entry not in ours]
    found["PATH"] = separator.join([*ours, *others])
    return found | {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": prefix.name, "CONDA_SHLVL": "1"}


def conda_line(prefix: Path, shell: str, platform: str, *, conda: bool) -> str:
    """Return the line that activates a conda prefix: conda's own, or without conda one that puts it on PATH."""
    if conda:
        return f"conda activate {_quote(shell)(str(prefix))}"
    dirs = path_dirs(prefix, platform)
    quote = _quote(shell)
    if shell == "fish":
        return f"set -gx CONDA_PREFIX {quote(str(prefix))}; set -gx PATH {' '.join(map(quote, dirs))} $PATH"
    if shell in ("csh", "tcsh"):
        return f'setenv CONDA_PREFIX {quote(str(prefix))}; setenv PATH {quote(":".join(dirs))}":$PATH:q"'
    if shell in ("powershell", "pwsh"):
        joined = quote((";" if platform.startswith("win") else ":").join(dirs))
        return f"$env:CONDA_PREFIX = {quote(str(prefix))}; $env:PATH = {joined} + [IO.Path]::PathSeparator + $env:PATH"
    if shell == "cmd":
        return f'set "CONDA_PREFIX={prefix}" & set "PATH={";".join(dirs)};%PATH%"'
    return f'export CONDA_PREFIX={quote(str(prefix))} PATH={quote(":".join(dirs))}":$PATH"'


def _quote(shell: str) -> Callable[[str], str]:
    """Return the function that quotes for a shell."""
    known = {"fish": fish.quote, "csh": csh.quote, "tcsh": csh.quote}
    if shell in ("powershell", "pwsh"):
        return powershell.quote
    if shell == "cmd":
        return lambda text: f'"{text}"'
    return known.get(shell, sh.quote)
