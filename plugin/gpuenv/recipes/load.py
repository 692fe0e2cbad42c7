"""Read one recipe file, with everything it extends laid under it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from gpuenv.conform import closest, shortened
from gpuenv.document import DocumentError, Entry, Problem, Value, error_of, merge, read_file, without
from gpuenv.errors import Hint, RecipeError
from gpuenv.model import LoadedRecipe, Recipe
from gpuenv.recipes.schema import EXTENDS, recipe_of


class Bases(Protocol):
    """Where bases are looked up by name; `reading` are the files that are being read, which cannot be their own."""

    def find(self, name: str, reading: tuple[Path, ...]) -> Path | None:
        """Return the file of the recipe of that name, or None."""

    def names(self, reading: tuple[Path, ...]) -> list[str]:
        """Return the names that `find` would find."""


def load_recipe(path: Path, origin: str, bases: Bases) -> LoadedRecipe:
    """Read a recipe. Raises RecipeError whose message starts with `file:line:column`.

    A mistake in a value is reported where that value stands, which may be the file of a base.
    """
    value, extended = read_with_bases(path.absolute(), bases)
    return LoadedRecipe(recipe_of(value), str(path.absolute()), origin, tuple(str(base) for base in extended))


def read_with_bases(path: Path, bases: Bases) -> tuple[Value, tuple[Path, ...]]:
    """Read a file and merge it over what it extends; return the tree and the files of the bases, nearest first.

    Mappings are merged key by key, lists and texts replace, `null` removes a key.
    """
    chain, trees = [path], [_read(path)]
    while (entry := trees[-1].get(EXTENDS)) is not None:
        base = _base_file(entry, chain, bases)
        chain.append(base)
        trees.append(_read(base))
    merged = without(trees.pop(), EXTENDS)
    while trees:
        merged = merge(merged, without(trees.pop(), EXTENDS))
    return merged, tuple(chain[1:])


def _read(path: Path) -> Value:
    """Read a file, which is a base of many recipes more often than not, once as long as it is the same."""
    try:
        found = path.stat()
        return _read_once(path, found.st_mtime_ns, found.st_size, found.st_ino)
    except OSError:
        return _checked(path)  # which says what is wrong


@lru_cache(maxsize=32)
def _read_once(path: Path, *_state: int) -> Value:
    return _checked(path)


def _checked(path: Path) -> Value:
    try:
        value = read_file(path)
    except DocumentError as err:
        raise error_of([err.problem], RecipeError) from err
    except OSError as err:
        raise RecipeError(f"{path}:1:1: the recipe cannot be read", cause=str(err)) from err
    if value.kind != "mapping":
        found = {"nothing": "an empty file", "list": "a list"}.get(value.kind, f"`{shortened(value.text)}`")
        raise error_of([Problem(value.mark, f"expected a recipe, found {found}")], RecipeError)
    # Not even with `extends` may the name be left out: the base's would then belong to two recipes. And without the
    # base that a misspelt `extends` was to bring, nearly every key would be reported as missing.
    misspelt = [problem for key in ("name", EXTENDS) if (problem := _misspelt(value, key)) is not None]
    if misspelt:
        raise error_of(misspelt, RecipeError)
    if value.get("name") is None:
        raise error_of([Problem(value.mark, "expected the key `name`, found none")], RecipeError)
    return value


def _misspelt(value: Value, key: str) -> Problem | None:
    """Say that an unknown key was probably meant to be this one, which is not there."""
    if value.get(key) is not None:
        return None
    unknown = [entry for entry in value.entries if entry.key not in Recipe.__struct_fields__]
    meant = next((entry for entry in unknown if closest(entry.key, [key, *Recipe.__struct_fields__]) == key), None)
    if meant is None:
        return None
    return Problem(meant.mark, f"expected a known key, found `{meant.key}`; did you mean `{key}`?")


def _base_file(entry: Entry, chain: list[Path], bases: Bases) -> Path:
    """Find the file that an `extends` names: a recipe by name, or a file relative to the one that says so."""
    value = entry.value
    if value.kind != "text" or not value.text:
        raise error_of(
            [Problem(value.mark, "expected the name of a recipe or a file, found something else", (EXTENDS,))],
            RecipeError,
        )
    wanted = value.text
    if wanted.endswith((".yaml", ".yml")) or "/" in wanted or "\\" in wanted:
        return _relative_file(value, wanted, chain)
    found = bases.find(wanted, tuple(chain))
    if found is not None:
        return found
    if bases.find(wanted, ()) is not None or _names(chain, wanted):
        raise _cycle(value, wanted, chain)
    message = f"expected a recipe of the search path, found `{wanted}`" + _meant(wanted, bases.names(tuple(chain)))
    problem = Problem(value.mark, message, (EXTENDS,))
    raise RecipeError(str(problem), hints=[Hint("recipe.list", "run `gpuenv recipes list` to see the names")])


def _relative_file(value: Value, wanted: str, chain: list[Path]) -> Path:
    path = Path(wanted).expanduser()
    path = path if path.is_absolute() else chain[-1].parent / path
    if not path.is_file():
        beside = {str(Path(wanted).with_name(one.name)): one for one in path.parent.glob("*.y*ml")}
        others = [text for text, one in beside.items() if not one.samefile(chain[-1])]
        message = f"expected a recipe file, found none at `{path}`" + _meant(wanted, others)
        raise error_of([Problem(value.mark, message, (EXTENDS,))], RecipeError)
    if any(path.samefile(earlier) for earlier in chain):
        raise _cycle(value, wanted, chain)
    return path


def _meant(wanted: str, known: Iterable[str]) -> str:
    meant = closest(wanted, known)
    return f"; did you mean `{meant}`?" if meant else ""


def _names(chain: list[Path], wanted: str) -> bool:
    """Say whether one of the files being read has that name itself (it need not be in the search path)."""
    for path in chain:
        name = _read(path).get("name")
        if name is not None and name.value.text == wanted:
            return True
    return False


def _cycle(value: Value, wanted: str, chain: list[Path]) -> RecipeError:
    through = " -> ".join(f"`{path.name}`" for path in chain)
    problem = Problem(value.mark, f"expected a base that does not extend this recipe, found `{wanted}`", (EXTENDS,))
    return RecipeError(str(problem), cause=f"{through} -> `{wanted}`")
