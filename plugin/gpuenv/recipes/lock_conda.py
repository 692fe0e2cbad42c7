"""The conda part of a lock: which conda packages a recipe wants, and how a lock file names those that were solved.

A lock is a requirements file, so its conda packages are comments, which every installer of Python packages passes
over. There is a line for each, behind the header::

    # conda: conda-forge/linux-64/cudnn-8.0.5.39-ha5ca753_1.tar.bz2 sha256=1f2e... md5=7c0a... size=671088640 requested
    # conda: conda-forge/linux-64/libgcc-ng-12.2.0-h65d4601_19.tar.bz2 sha256=f3899c... md5=e4c94f... size=953812
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from gpuenv.errors import Hint, RecipeError
from gpuenv.model import CondaPackage, Lock, Recipe, Request

START = "# conda: "
# Where Python itself comes from when nobody says anything: the community's channel, which asks for no licence.
DEFAULT_CHANNEL = "conda-forge"
_LINE = re.compile(r"# conda: (?P<channel>\S+)/(?P<subdir>[^/\s]+)/(?P<file>[^/\s]+)(?P<facts>( \S+)*)")
_FILE = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-(?P<build>[^-]+?)(\.conda|\.tar\.bz2)")
_HEX = {"sha256": r"[0-9a-f]{64}", "md5": r"[0-9a-f]{32}", "size": r"[0-9]+"}


def conda_inputs(recipe: Recipe, source_name: str, platform: str) -> tuple[str, ...]:
    """Return the conda packages that the source names for that platform, whatever the channel."""
    return tuple(recipe.sources[source_name].packages.get(platform, ()))  # type: ignore[call-overload]


def conda_specs(recipe: Recipe, source_name: str, platform: str, python_version: str | None) -> tuple[str, ...]:
    """Return the conda packages that a source of a recipe needs: Python unless it is there, and what it names."""
    python = (f"python={python_version}",) if python_version is not None else ()
    return (*python, *conda_inputs(recipe, source_name, platform))


def conda_channels(recipe: Recipe, source_name: str, request: Request) -> tuple[str, ...]:
    """Return the channels to look in, the first wins: the user's, then the source's.

    A source of Python packages names none; then Python comes from where the recipe's other sources take packages.
    """
    named = recipe.sources[source_name].channels
    others = (channel for source in recipe.sources.values() for channel in source.channels)
    of_recipe = list(named or others) or [DEFAULT_CHANNEL]
    return tuple(dict.fromkeys([*request.channels, *([] if request.override_channels else of_recipe)]))


def conda_lines(packages: Iterable[CondaPackage]) -> list[str]:
    """Write the lines of a lock for conda packages."""
    return [_line(package) for package in packages]


def parse_conda_line(line: str, place: str) -> CondaPackage:
    """Read one line of the conda part. Raises RecipeError for one that is no package, or has no hash at all."""
    match = _LINE.fullmatch(line.strip())
    named = _FILE.fullmatch(match["file"]) if match else None
    if match is None or named is None:
        raise _invalid(place, "`# conda: CHANNEL/SUBDIR/NAME-VERSION-BUILD.conda sha256=...`", line)
    words = match["facts"].split()
    facts = dict(word.split("=", 1) for word in words if "=" in word)
    wrong = [word for word in words if not _known(word)]
    if wrong or not {"sha256", "md5"} & facts.keys():
        raise _invalid(place, "`sha256=...` or `md5=...` behind the package", wrong[0] if wrong else line)
    return CondaPackage(
        name=named["name"],
        version=named["version"],
        build=named["build"],
        channel=match["channel"],
        subdir=match["subdir"],
        file_name=match["file"],
        sha256=facts.get("sha256"),
        md5=facts.get("md5"),
        size_bytes=int(facts["size"]) if "size" in facts else None,
        requested="requested" in words,
    )


def with_conda_packages(lock: Lock, packages: tuple[CondaPackage, ...]) -> Lock:
    """Return a lock with these conda packages in the place of those it has; no packages remove the conda part."""
    lines = [line for line in lock.text.splitlines() if not line.startswith(START)]
    end = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    text = "\n".join([*lines[:end], *conda_lines(packages), *lines[end:]]) + "\n"
    return replace(lock, text=text, conda_packages=packages)


def _line(package: CondaPackage) -> str:
    facts = [("sha256", package.sha256), ("md5", package.md5), ("size", package.size_bytes)]
    words = [f"{name}={value}" for name, value in facts if value is not None]
    words += ["requested"] if package.requested else []
    return f"{START}{package.channel}/{package.subdir}/{package.file_name} {' '.join(words)}"


def _known(word: str) -> bool:
    name, equals, value = word.partition("=")
    return re.fullmatch(_HEX[name], value) is not None if equals and name in _HEX else word == "requested"


def _invalid(place: str, expected: str, found: str) -> RecipeError:
    return RecipeError(
        f"{place}: expected {expected}, found `{found[:80]}`",
        hints=[Hint("lock.again", "make the lock again with `gpuenv lock NAME`")],
    )
