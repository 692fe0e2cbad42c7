"""Learn an interpreter's version: from the files around it, and only else by starting it."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.version import InvalidVersion, Version

from gpuenv import process

# A cold disk takes a second; what needs longer is no Python to build on.
TIMEOUT_S = 3.0
_ASK = "import sys; print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])), sys.version_info[3])"


def read_version(path: Path) -> Version | None:
    """Read the version of an interpreter (its real path) from what was installed with it, None when nothing tells.

    Looks at conda's record of the package, at the C header `patchlevel.h`, and at the directory's name where pyenv
    (`3.8.18`) or uv (`cpython-3.8.18-linux-x86_64-gnu`) gave it one.
    """
    prefix = path.parent.parent if path.parent.name == "bin" else path.parent
    return _from_conda(prefix) or _from_directory(prefix) or _from_header(prefix, path.name)


def ask_version(path: Path) -> Version | None:
    """Start the interpreter and ask; None when it does not answer in time, fails, is not CPython or not released."""
    try:
        done = process.run([path, "-I", "-S", "-c", _ASK], timeout_s=TIMEOUT_S)
    except OSError:
        return None
    return parse_answer(done.stdout) if done.ok else None


def parse_answer(text: str) -> Version | None:
    """Read what an interpreter prints: `cpython 3.8.18 final`; the second word alone is the version."""
    words = text.split()
    if len(words) != 3 or words[0] != "cpython" or words[2] != "final":
        return None
    return _version(words[1])


def _from_conda(prefix: Path) -> Version | None:
    """Read the file name of conda's record: `conda-meta/python-3.8.18-h955ad1f_0.json`."""
    for record in (prefix / "conda-meta").glob("python-[0-9]*.json"):
        found = re.fullmatch(r"python-([^-]+)-[^-]+\.json", record.name)
        if found is not None:
            return _version(found[1])
    return None


def _from_directory(prefix: Path) -> Version | None:
    """Read `versions/3.8.18` (pyenv) and `cpython-3.8.18-linux-x86_64-gnu` (uv), `cpython@3.8.18` (rye)."""
    name = prefix.parent.name if prefix.name == "install" else prefix.name
    found = re.fullmatch(r"(?:cpython[-@])?(\d+\.\d+\.\d+)(?:-[a-z].*)?", name)
    return _version(found[1]) if found is not None else None


def _from_header(prefix: Path, name: str) -> Version | None:
    """Read `include/python3.8/patchlevel.h` (Windows: `include/patchlevel.h`): `#define PY_VERSION "3.8.18"`."""
    directory = name.removesuffix(".exe") if re.fullmatch(r"python\d+\.\d+", name) else "."
    try:
        text = (prefix / "include" / directory / "patchlevel.h").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r'^#define\s+PY_VERSION\s+"([^"]+)"', text, re.MULTILINE)
    return _version(found[1]) if found is not None else None


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
