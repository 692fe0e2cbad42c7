"""Remember recipes as they were read, because reading YAML with places takes 10 ms a file and there are many files.

The files stay the truth: what is remembered of one counts only while it and all files that it extends are the very same
(size, time of change, inode). A recipe that extends another *by name* is never remembered, for the name may mean
another file tomorrow. One file in gpuenv's data directory holds everything, and anybody may delete it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gpuenv import __version__
from gpuenv.model import LoadedRecipe, Recipe
from gpuenv.recipes.load import Bases, load_recipe

FILE_NAME = "recipes.msgpack"


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """A recipe, and the state of every file that it was read from, its own first."""

    files: list[tuple[str, int, int, int]]
    recipe: Recipe


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """The whole file; `made_by` is another text when gpuenv's version or the fields of recipes changed."""

    made_by: str
    entries: dict[str, _Entry]


@dataclass(slots=True)
class Compiled:
    """Recipes that were read before; `load` reads one, `save` keeps what was new."""

    path: Path | None
    entries: dict[str, _Entry]
    changed: bool = field(default=False)

    def load(self, file: Path, origin: str, bases: Bases) -> LoadedRecipe:
        """Return a recipe, from memory while its files are the same. Raises RecipeError as `load_recipe` does."""
        key = str(file.absolute())
        entry = self.entries.get(key)
        if entry is not None and all(_state(Path(it[0])) == tuple(it) for it in entry.files):
            return LoadedRecipe(entry.recipe, key, origin, tuple(it[0] for it in entry.files[1:]))
        watched = _Watched(bases)
        loaded = load_recipe(file, origin, watched)
        states = [_state(Path(one)) for one in (loaded.path, *loaded.bases)]
        if self.path is not None and not watched.asked and not loaded.recipe.locks:
            self.entries[key] = _Entry([state for state in states if state is not None], loaded.recipe)
            self.changed = True
        return loaded

    def save(self) -> None:
        """Write what was new; where that cannot be done, the next run reads the files again."""
        if not self.changed or self.path is None:
            return
        content = msgspec.msgpack.encode(_Kept(_made_by(), self.entries))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".recipes-")
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(name, self.path)
        except OSError:
            return
        self.changed = False


def compiled(environ: Mapping[str, str]) -> Compiled:
    """Return what was kept; what cannot be read, or another gpuenv wrote, counts as nothing."""
    from gpuenv.settings import data_dir

    path = data_dir(environ) / "cache" / FILE_NAME
    try:
        kept = msgspec.msgpack.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return Compiled(path, {})
    return Compiled(path, dict(kept.entries) if kept.made_by == _made_by() else {})


@dataclass(slots=True)
class _Watched:
    """Look up bases, and remember that one was looked up by name."""

    bases: Bases
    asked: bool = False

    def find(self, name: str, reading: tuple[Path, ...]) -> Path | None:
        self.asked = True
        return self.bases.find(name, reading)

    def names(self, reading: tuple[Path, ...]) -> list[str]:
        self.asked = True
        return self.bases.names(reading)


def _state(path: Path) -> tuple[str, int, int, int] | None:
    """Return what changes when a file does; None when it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_size, found.st_mtime_ns, found.st_ino


def _made_by() -> str:
    """Say what wrote the file: gpuenv's version, and the state of the source that says what a recipe is."""
    from gpuenv.model import recipe as schema

    state = _state(Path(schema.__file__))
    return f"{__version__} {state[1:] if state else ''}"
