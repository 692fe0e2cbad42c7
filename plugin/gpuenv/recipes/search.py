"""Find recipes: a file by path, or a name along the search path, where the first source that has the name wins it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpuenv.document import DocumentError, read_text
from gpuenv.errors import Hint, RecipeError, UsageError
from gpuenv.extension import RecipeSource
from gpuenv.model import LoadedRecipe
from gpuenv.recipes.compiled import compiled
from gpuenv.recipes.load import Bases, load_recipe

FILE_ORIGIN = "file"
PROJECT_ORIGIN = "project"
_NAME = re.compile(r"""^name:[ ]+["']?([A-Za-z0-9][A-Za-z0-9._-]*)["']?[ ]*(?:[ ]#.*)?$""", re.MULTILINE)
_LIST = Hint("recipe.list", "run `gpuenv recipes list` to see the names")


def list_recipes(
    sources: Sequence[RecipeSource], *, forgiving: bool = False
) -> tuple[tuple[LoadedRecipe, ...], tuple[str, ...]]:
    """Load every recipe that is found; return them, and a warning for each file that is wrong.

    Of two recipes with one name the first wins, and the second is left out without a word: that is how a team
    replaces a shipped recipe.

    Raises RecipeError when the project's own recipe is wrong, for then any other would be another stack than the one
    the project asks for; not when the list is to be `forgiving`.
    """
    found: dict[str, LoadedRecipe] = {}
    warnings = []
    find_base = base_finder(sources)
    known = compiled(os.environ)
    for origin, path in _files(sources):
        try:
            loaded = known.load(path, origin, find_base)
        except RecipeError as err:
            if origin == PROJECT_ORIGIN and not forgiving:
                raise _project_is_wrong(err) from err
            warnings.append(f"a recipe was left out: {err.message}")
        else:
            found.setdefault(loaded.recipe.name, loaded)
    known.save()
    return tuple(found.values()), tuple(warnings)


def find_recipe(name_or_path: str, sources: Sequence[RecipeSource]) -> LoadedRecipe:
    """Load the recipe of that file, or of that name.

    Raises UsageError when there is none, RecipeError when it is wrong.
    """
    if _is_path(name_or_path):
        return load_recipe_file(Path(name_or_path), sources)
    for origin, path in _files(sources):
        if _declared_name(path, name_or_path) == name_or_path:
            return load_recipe(path, origin, base_finder(sources))
    raise _unknown(name_or_path, sources)


def project_recipe(sources: Sequence[RecipeSource]) -> LoadedRecipe | None:
    """Load the project's own recipe; None when there is none. Raises RecipeError when it is wrong."""
    for origin, path in _files(sources):
        if origin == PROJECT_ORIGIN:
            return load_recipe(path, origin, base_finder(sources))
    return None


def load_recipe_file(path: Path, sources: Sequence[RecipeSource]) -> LoadedRecipe:
    """Load a recipe file; `sources` are where its `extends` is looked up. Raises UsageError, RecipeError."""
    path = path.expanduser()
    if not path.is_file():
        raise UsageError(f"there is no recipe file `{path}`", hints=[_LIST])
    return load_recipe(path, FILE_ORIGIN, base_finder(sources))


@dataclass(frozen=True, slots=True)
class _SearchPath:
    """Find a base along the sources. Files that are being read are passed over.

    So a team's `tf-2.4` can extend the shipped `tf-2.4`.
    """

    sources: Sequence[RecipeSource]

    def find(self, name: str, reading: tuple[Path, ...]) -> Path | None:
        """Return the file of that name, or None."""
        for _, path in _files(self.sources):
            if any(path.samefile(one) for one in reading):
                continue
            if _declared_name(path, name) == name:
                return path.absolute()
        return None

    def names(self, reading: tuple[Path, ...]) -> list[str]:
        """Return the names of all recipes but those that are being read."""
        files = (path for _, path in _files(self.sources) if not any(path.samefile(one) for one in reading))
        return [name for path in files if (name := _declared_name(path, "")) is not None]


def base_finder(sources: Sequence[RecipeSource]) -> Bases:
    """Return what finds the base of a recipe by name."""
    return _SearchPath(sources)


def _is_path(text: str) -> bool:
    return text.endswith((".yaml", ".yml")) or "/" in text or "\\" in text or Path(text).is_file()


def _files(sources: Sequence[RecipeSource]) -> Iterator[tuple[str, Path]]:
    """List the files of all sources with the source's name, in the order of the sources."""
    for source in sources:
        for path in source.find():
            if path.is_file():
                yield source.name, path


def _declared_name(path: Path, wanted: str) -> str | None:
    """Return the `name` of a recipe file; None when it is wrong, or cannot be the wanted one.

    Parsing costs 10 ms a file, so a file that does not hold the wanted name anywhere is not parsed, nor one in which
    the key stands on a line of its own: at the left margin there are keys of the document only.
    """
    try:
        text = path.read_text("utf-8-sig")
        if wanted not in text:
            return None
        plain = _NAME.search(text)
        if plain is not None:
            return plain[1]
        entry = read_text(text, str(path)).get("name")
    except (OSError, UnicodeDecodeError, DocumentError):
        # A file that is no YAML may still be meant by its name; then its own error says more than "unknown".
        return wanted if path.stem == wanted else None
    return entry.value.text if entry is not None else None


def _project_is_wrong(error: RecipeError) -> RecipeError:
    others = Hint("recipe.other", "mend it, or choose another recipe for this once with `--recipe tf-2.4`")
    return RecipeError(error.message, cause=error.cause, hints=[*error.hints, others])


def _unknown(name: str, sources: Sequence[RecipeSource]) -> UsageError:
    from gpuenv.conform import closest

    recipes, warnings = list_recipes(sources, forgiving=True)
    names = [loaded.recipe.name for loaded in recipes]
    meant = closest(name, names)
    known = f"found {', '.join(f'`{one}`' for one in names)}" if names else "found no recipe at all"
    hints = [Hint("recipe.meant", f"did you mean `{meant}`?")] if meant else []
    return UsageError(f"there is no recipe named `{name}`", cause="; ".join([known, *warnings]), hints=[*hints, _LIST])
