"""Recipes: where they are found, what they may say, and which one fits this machine.

`search.py` finds files, `load.py` reads one with what it extends, `schema.py` validates it, `select.py` chooses,
`lock.py` pins packages, `show.py` and `init.py` write recipes.
"""

from __future__ import annotations

import os
import re
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from gpuenv.extension import RecipeSource
from gpuenv.hookspec import hookimpl

PROJECT_FILE = "gpuenv.yaml"


@hookimpl
def gpuenv_recipe_sources() -> Iterable[RecipeSource]:
    """Give the built-in places: the project's file, the team's directories, the user's, and what gpuenv ships."""
    return [
        RecipeSource("project", lambda: project_file(Path.cwd(), Path.home()), order=10),
        RecipeSource("team", _team_files, order=20),
        RecipeSource("user", _user_files, order=30),
        RecipeSource("shipped", lambda: recipe_files(shipped_dirs()), order=40),
    ]


def project_file(start: Path, home: Path) -> Iterator[Path]:
    """Find `gpuenv.yaml` in a directory or the nearest parent that has one.

    Parents count up to the root of the repository or the home directory. Outside both only the directory itself does,
    so that a file that somebody else left higher up (`/tmp/gpuenv.yaml`) is never taken.
    """
    searched = [start]
    for directory in (start, *start.parents):
        if directory == home or (directory / ".git").exists():
            searched = [start, *(parent for parent in start.parents if parent.is_relative_to(directory))]
            break
    yield from [path for directory in searched if (path := directory / PROJECT_FILE).is_file()][:1]


def recipe_files(directories: Iterable[Path]) -> Iterator[Path]:
    """List the recipes of directories, by name, `tf-2.9` before `tf-2.10`; one that does not exist is empty."""
    for directory in directories:
        yield from sorted((path for path in directory.glob("*.yaml") if path.is_file()), key=_natural)


def _natural(path: Path) -> list[str | int]:
    """Return what sorts numbers in names by their value: a text, a number, a text, and so on."""
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"([0-9]+)", path.name))]


def checkout_dir() -> Path:
    """Return the directory of the recipes in a checkout of gpuenv; when gpuenv is installed it does not exist."""
    return Path(__file__).resolve().parents[3] / "recipes"


def shipped_dirs() -> Iterator[Path]:
    """Find the directory of the recipes that come with gpuenv: beside the source, or where an installer put them."""
    schemes = [sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")]
    installed = [Path(sysconfig.get_path("data", scheme)) / "share" / "gpuenv" / "recipes" for scheme in schemes]
    for directory in (checkout_dir(), *installed):
        if (directory / "tf-2.4.yaml").is_file():
            yield directory
            return


def _team_files() -> Iterator[Path]:
    from gpuenv.settings import load_settings

    return recipe_files(Path(directory) for directory in load_settings(os.environ).recipe_dirs)


def _user_files() -> Iterator[Path]:
    from gpuenv.settings import user_recipes_dir

    return recipe_files([user_recipes_dir(os.environ)])
