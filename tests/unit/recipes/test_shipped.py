"""Every recipe in `recipes/` is valid, locked for every platform and Python it names, and holds no address."""

from __future__ import annotations

import re
from configparser import RawConfigParser
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from gpuenv.model import LoadedRecipe
from gpuenv.plugins import Plugins, new_manager
from gpuenv.recipes import shipped_dirs
from gpuenv.recipes.lock import lock_is_stale, read_lock
from gpuenv.recipes.search import list_recipes, load_recipe_file

DIRECTORY = next(shipped_dirs())
FILES = sorted(DIRECTORY.glob("*.yaml"))


@cache
def load(path: Path) -> LoadedRecipe:
    return load_recipe_file(path, Plugins(new_manager()).recipe_sources())


def release_of(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def newest_protobuf(tensorflow: str) -> tuple[int, ...]:
    """What `import tensorflow` no longer survives, as measured and written down in the facts."""
    return (3, 21) if release_of(tensorflow) < (2, 12) else (8,)


def newest_numpy(tensorflow: str) -> tuple[int, ...]:
    return (2,) if release_of(tensorflow) < (2, 18) else (3,)


LOCKS = [
    pytest.param(path, platform, python, id=f"{path.stem}-{platform}-{python}")
    for path in FILES
    for platform, python in product(load(path).recipe.platforms, load(path).recipe.pythons)
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped__recipe__loads_under_the_name_of_its_file(path: Path) -> None:
    assert load(path).recipe.name == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped__locks__are_installed(path: Path) -> None:
    config = RawConfigParser()
    config.read(Path(__file__).parents[3] / "setup.cfg", "utf-8")
    section = dict(config["options.data_files"])
    assert section[f"share/gpuenv/recipes/{path.stem}.locks"].strip() == f"recipes/{path.stem}.locks/*.txt"


def test_shipped__all_locks__stay_small() -> None:
    locks = list(DIRECTORY.glob("*.locks/*.txt"))
    assert len(locks) > 80
    assert sum(lock.stat().st_size for lock in locks) < 1_500_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped__checks__all_exist(path: Path) -> None:
    assert set(load(path).recipe.checks) <= set(Plugins(new_manager()).checks())


def test_shipped__all__are_found_without_a_warning() -> None:
    recipes, warnings = list_recipes(Plugins(new_manager()).recipe_sources())
    assert warnings == ()
    assert {path.stem for path in FILES} <= {loaded.recipe.name for loaded in recipes}


@pytest.mark.parametrize(("path", "platform", "python"), LOCKS)
def test_shipped__lock__is_there_and_fresh_and_holds_what_the_recipe_pins(
    path: Path, platform: str, python: str
) -> None:
    loaded = load(path)
    lock = read_lock(loaded, "pypi", platform, python)
    assert lock is not None
    assert not lock_is_stale(loaded, lock)
    assert not re.search(r"://|index-url", lock.text)
    assert lock.download_bytes
    assert lock.installed_bytes
    versions = {package.name: package.version for package in lock.packages}
    assert versions["tensorflow"] == loaded.recipe.framework.version
    assert release_of(versions["protobuf"]) < newest_protobuf(loaded.recipe.framework.version)
    assert release_of(versions["numpy"]) < newest_numpy(loaded.recipe.framework.version)
    assert "pip" in versions
    assert all(package.hashes for package in lock.packages)
