"""Where rattler keeps repodata and packages: one place for everything on this machine that is made with rattler."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from gpuenv.model import CondaPackage


def cache_dir(environ: Mapping[str, str], home: Path) -> Path:
    """Return rattler's own directory, which `RATTLER_CACHE_DIR` moves.

    Source: `default_cache_dir` of rattler, which py-rattler 0.28 does not offer, and only follows where no directory is
    given, leaving the variable out (tried 2026-11).
    """
    if environ.get("RATTLER_CACHE_DIR"):
        return Path(environ["RATTLER_CACHE_DIR"]).expanduser().absolute()
    if os.name == "nt":
        base = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "rattler" / "cache"


def are_cached(packages: Iterable[CondaPackage], directory: Path) -> bool:
    """Say whether all packages lie there unpacked."""
    names = (f"{package.name}-{package.version}-{package.build}" for package in packages)
    return all((directory / "pkgs" / name / "info" / "index.json").is_file() for name in names)
