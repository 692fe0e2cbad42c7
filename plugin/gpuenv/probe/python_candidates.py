"""List files that are probably Python interpreters, by who installed them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

if TYPE_CHECKING:
    from findpython.providers.base import BaseProvider

_WINDOWS = os.name == "nt"
# `python`, `python3`, `python3.8`; not `python3.13t` (no GIL, other wheels), `python3-config`, `pypy3`.
NAME = re.compile(r"python(\d+(\.\d+)?)?(\.exe)?", re.IGNORECASE)
# Directories of programs that only choose another Python, and of the Windows Store's placeholders.
_SHIMS = {"shims", "windowsapps"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that is probably an interpreter. `version` is set where whoever listed it knows."""

    path: Path
    source: str
    version: Version | None = None


def candidates(environ: Mapping[str, str], home: Path, *, windows: bool = _WINDOWS) -> Iterator[Candidate]:
    """List candidates, those of a tool before what is merely on PATH. The same file can come several times."""
    for source, provider in _providers(environ, home):
        for found in provider.find_pythons():
            if NAME.fullmatch(found.executable.name):
                yield Candidate(found.executable, source)
    for prefix in conda_prefixes(environ, home):
        executable = prefix / "python.exe" if windows else prefix / "bin" / "python"
        if executable.is_file():
            yield Candidate(executable, "conda")
    if windows:
        yield from _registered()
    yield from _on_path(environ)


def conda_prefixes(environ: Mapping[str, str], home: Path) -> list[Path]:
    """List conda environments: the active one, all in conda's own list, and those beside the conda program.

    `~/.conda/environments.txt` has one prefix a line. With `CONDA_EXE=/opt/conda/bin/conda` the base is `/opt/conda`
    and its environments are in `/opt/conda/envs`.
    """
    found: list[Path] = []
    if environ.get("CONDA_PREFIX"):
        found.append(Path(environ["CONDA_PREFIX"]))
    try:
        listed = (home / ".conda" / "environments.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        listed = ""
    found += [Path(line.strip()) for line in listed.splitlines() if line.strip()]
    if environ.get("CONDA_EXE"):
        base = Path(environ["CONDA_EXE"]).parent.parent
        found += [base, *_directories(base / "envs")]
    return list(dict.fromkeys(found))


def _providers(environ: Mapping[str, str], home: Path) -> Iterator[tuple[str, BaseProvider]]:
    """Make findpython's providers for these variables and this home, instead of the process's own."""
    from findpython.providers.asdf import AsdfProvider
    from findpython.providers.macos import MacOSProvider
    from findpython.providers.pyenv import PyenvProvider
    from findpython.providers.rye import RyeProvider
    from findpython.providers.uv import UvProvider

    yield "pyenv", PyenvProvider(_directory(environ, "PYENV_ROOT", home / ".pyenv"))
    yield "uv", UvProvider(_directory(environ, "UV_PYTHON_INSTALL_DIR", _uv_default(environ, home)))
    yield "asdf", AsdfProvider(_directory(environ, "ASDF_DATA_DIR", home / ".asdf"))
    yield "rye", RyeProvider(_directory(environ, "RYE_PY_ROOT", home / ".rye" / "py"))
    macos = MacOSProvider.create()
    if macos is not None:
        yield "python.org", macos


def _uv_default(environ: Mapping[str, str], home: Path) -> Path:
    """Return where uv keeps Pythons when nobody says otherwise (docs.astral.sh/uv, "Storage")."""
    if _WINDOWS:
        return _directory(environ, "APPDATA", home / "AppData" / "Roaming") / "uv" / "python"
    return _directory(environ, "XDG_DATA_HOME", home / ".local" / "share") / "uv" / "python"


def _directory(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    given = environ.get(variable)
    return Path(given) if given else default


def _registered() -> Iterator[Candidate]:
    """List the Pythons in the Windows registry (PEP 514), those of 32 bits left out: no stack has packages for them."""
    from findpython.providers.winreg import WinregProvider

    provider = WinregProvider.create()
    for found in provider.find_pythons() if provider is not None else ():
        if found.architecture != "32bit" and NAME.fullmatch(found.executable.name):
            yield Candidate(found.executable, "registry")


def _on_path(environ: Mapping[str, str]) -> Iterator[Candidate]:
    from findpython.utils import path_is_python

    entries = [Path(entry) for entry in environ.get("PATH", "").split(os.pathsep) if entry]
    wanted = [entry for entry in dict.fromkeys(entries) if entry.name.lower() not in _SHIMS]
    for entry in wanted:
        for name in _names(entry):  # by name first: a directory of 3,000 programs is read in a millisecond
            if NAME.fullmatch(name) and path_is_python(entry / name):
                yield Candidate(entry / name, "path")


def _names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _directories(parent: Path) -> Iterable[Path]:
    try:
        return sorted(child for child in parent.iterdir() if child.is_dir())
    except OSError:
        return []
