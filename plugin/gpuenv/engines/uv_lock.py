"""Pin requirements by hash with `uv pip compile`, for this platform or another."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpuenv.engines.lock_hashes import fitting_hashes, sdists_beside_wheels
from gpuenv.engines.uv import run_uv, uv_platform
from gpuenv.engines.uv_errors import explain, solve_error
from gpuenv.errors import FetchError, GpuenvError, UnsolvableError
from gpuenv.model import Reporter, Solved, Wanted

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def solve(wanted: Wanted, report: Reporter) -> Solved:
    """Pin the requirements for a platform and Python. Raises UnsolvableError, or FetchError without an index."""
    # The interpreter only builds what has no wheel, to learn what it needs; uv would look for one on PATH, or fetch it.
    target = ["--python", wanted.python or sys.executable, "--python-version", wanted.python_version]
    target += ["--python-platform", uv_platform(wanted.platform, wanted.glibc_min)]
    text, listed = _pinned(wanted, target, report)
    # A release that has wheels, but only for newer systems, would be built from source: an older one has a wheel.
    built: set[str] = set()
    while more := sdists_beside_wheels(text, listed) - built:
        built |= more
        try:
            text, listed = _pinned(wanted, [*target, *_only_binary(built)], report)
        except UnsolvableError:
            break
    return Solved(
        text=fitting_hashes(text, listed, wanted.platform, wanted.python_version),
        tool=run_uv(["--version"], report).stdout.split(" (")[0].strip(),
        download_bytes=download_size(listed),
        installed_bytes=_installed_size(listed, target, report) if wanted.measure else None,
    )


def _only_binary(names: set[str]) -> list[str]:
    return [part for name in sorted(names) for part in ("--only-binary", name)]


def _pinned(wanted: Wanted, target: Sequence[str], report: Reporter) -> tuple[str, dict[str, Any]]:
    """Return the pins with the hashes of all files, and the list of the files that fit."""
    text = _compile(wanted, [*target, "--generate-hashes", "--no-header", "--no-annotate"], report)
    return text, tomllib.loads(_listed(wanted, [*target, "--format", "pylock.toml"], report))


def download_size(listed: dict[str, Any]) -> int | None:
    """Add up what an installer may have to download, in bytes: of each package the largest wheel, else the sdist.

    Takes a lock in pylock format (PEP 751), whose packages look like::

        [[packages]]
        name = "nvidia-cublas-cu11"
        wheels = [{ size = 417870452, hashes = { sha256 = "39fb40..." } }]

    None when the index did not tell one of the sizes.
    """
    total = 0
    for package in listed.get("packages", ()):
        files = package.get("wheels") or [package.get("sdist", {})]
        sizes = [file.get("size") for file in files]
        if not sizes or None in sizes:
            return None
        total += max(sizes)
    return total


def _listed(wanted: Wanted, arguments: Sequence[str], report: Reporter) -> str:
    """Solve again for a list with sizes: from what uv's cache has just learned, in 0.1 s, else (no cache) anew."""
    try:
        return _compile(wanted, [*arguments, "--offline"], report)
    except GpuenvError:
        return _compile(wanted, arguments, report)


def _compile(wanted: Wanted, arguments: Sequence[str], report: Reporter) -> str:
    requirements = "\n".join(wanted.requirements) + "\n"
    ended = run_uv(["pip", "compile", "-", *arguments], report, stdin=requirements)
    if not ended.ok:
        raise solve_error(ended.stderr, wanted)
    return ended.stdout


def _installed_size(listed: dict[str, Any], target: Sequence[str], report: Reporter) -> int:
    """Install into a temporary directory and add up the files, in bytes. Raises FetchError when that fails.

    Packages without a wheel are left out: they cannot be built for another platform or Python than this one.
    """
    pins = [f"{package['name']}=={package['version']}" for package in listed["packages"] if package.get("wheels")]
    with tempfile.TemporaryDirectory(prefix="gpuenv-size-") as directory:
        requirements = Path(directory) / "requirements.txt"
        requirements.write_text("\n".join(pins), "utf-8")
        files = Path(directory) / "files"
        ended = run_uv(["pip", "install", "--no-deps", "--target", files, *target, "-r", requirements], report)
        if not ended.ok:
            raise FetchError("the packages could not be installed to measure them", cause=explain(ended.stderr))
        return sum(
            os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(files) for name in names
        )
