"""Find the Pythons that are installed, without starting them where their version can be read.

findpython's providers list the files (pyenv, asdf, rye, uv, the Windows registry, PATH); conda environments are added
here. Its own version question is not used: it starts each interpreter, up to twice.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from gpuenv.model import Host, Overrides, PythonInterpreter
from gpuenv.paths import receipt_path
from gpuenv.probe.python_candidates import NAME, Candidate, candidates
from gpuenv.probe.python_version import ask_version, read_version

Ask = Callable[[Path], Version | None]


def run(host: Host, overrides: Overrides) -> Host:
    """Add the interpreters to the host."""
    own = Candidate(Path(sys.executable), "running", version=None)
    found = find_pythons([*candidates(os.environ, Path.home()), own], ask_version)
    return replace(host, pythons=(*host.pythons, *found))


def find_pythons(found: Iterable[Candidate], ask: Ask) -> tuple[PythonInterpreter, ...]:
    """Turn candidates into interpreters: real paths, each once, newest first, then by source and path.

    Those of conda prefixes come after all others: what is made from them breaks when somebody changes or removes the
    prefix, and their own CUDA libraries are found by whatever they run. Those of gpuenv's environments are left out.
    The first candidate of a path names its source. Virtual environments are replaced by the Python they were made
    with. Only CPython with a full, released version is kept. `ask` starts an interpreter; it is called, in threads, for
    those that tell their version in no other way.
    """
    unique: dict[Path, Candidate] = {}
    for candidate in found:
        base = _base(candidate.path)
        if base is not None and base not in unique and not _is_made_by_gpuenv(base):
            unique[base] = replace(candidate, path=base)
    known = {path: _known_version(candidate) for path, candidate in unique.items()}
    unknown = [path for path, version in known.items() if version is None]
    versions = {**known, **_asked(unknown, ask)}
    interpreters = [
        PythonInterpreter(str(path), version, candidate.source)
        for path, candidate in unique.items()
        if (version := versions[path]) is not None and _is_usable(version)
    ]
    interpreters.sort(key=lambda python: (python.source, python.path))
    interpreters.sort(key=lambda python: python.version, reverse=True)
    return tuple(sorted(interpreters, key=lambda python: _is_in_conda_prefix(Path(python.path))))


def _is_in_conda_prefix(python: Path) -> bool:
    """Say whether an interpreter is one of conda's: in `bin` of a prefix, or on Windows in the prefix itself."""
    return any((directory / "conda-meta").is_dir() for directory in (python.parent.parent, python.parent))


def _is_made_by_gpuenv(python: Path) -> bool:
    return any(receipt_path(directory).exists() for directory in (python.parent.parent, python.parent))


def _known_version(candidate: Candidate) -> Version | None:
    return candidate.version or read_version(candidate.path)


def _is_usable(version: Version) -> bool:
    return len(version.release) == 3 and not version.is_prerelease


def _asked(paths: Sequence[Path], ask: Ask) -> dict[Path, Version | None]:
    if not paths:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(paths), 8)) as pool:
        return dict(zip(paths, pool.map(ask, paths), strict=True))


def _base(path: Path) -> Path | None:
    """Return the real file of an interpreter, for one in a virtual environment the one it was made with.

    None for scripts that only start another Python (shims), for what turns out to be PyPy or a build without GIL
    (`python3.13t`), and for a virtual environment that has lost its base.
    """
    home = _venv_home(path)
    if home is not None:
        path = next((there for there in _in_home(home, path.name) if there.is_file()), path)
        if _venv_home(path) is not None:
            return None
    try:
        real = path.resolve(strict=True)
        with real.open("rb") as file:
            is_program = NAME.fullmatch(real.name) is not None and file.read(2) != b"#!"
            return real if is_program else None
    except (OSError, RuntimeError):
        return None


def _venv_home(path: Path) -> Path | None:
    """Return `home` of the `pyvenv.cfg` beside or above an interpreter; None where it is in no virtual environment.

    Sample of that file::

        home = /root/.pyenv/versions/3.8.18/bin
        version = 3.8.18
    """
    for config in (path.parent.parent / "pyvenv.cfg", path.parent / "pyvenv.cfg"):
        try:
            text = config.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found = re.search(r"^home\s*=\s*(\S.*?)\s*$", text, re.MULTILINE | re.IGNORECASE)
        return Path(found[1]) if found is not None else path.parent
    return None


def _in_home(home: Path, name: str) -> Iterator[Path]:
    """List what the base interpreter can be called; a home of Python 3 often has no plain `python`."""
    yield from (home / candidate for candidate in (name, "python3", "python", "python.exe"))
