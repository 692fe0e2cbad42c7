"""Read one recipe file, with everything it extends laid under it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gpuenv.document import DocumentError, Entry, Problem, Value, error_of, merge, read_file, without
from gpuenv.errors import Hint, RecipeError
from gpuenv.model import LoadedRecipe
from gpuenv.recipes.schema import EXTENDS, recipe_of

# Finds the file of a recipe by name, other than the files given (those that are being read).
FindBase = Callable[[str, tuple[Path, ...]], Path | None]


def load_recipe(path: Path, origin: str, find_base: FindBase) -> LoadedRecipe:
    """Read a recipe. Raises RecipeError whose message starts with `file:line:column`.

    A mistake in a value is reported where that value stands, which may be the file of a base.
    """
    value, bases = read_with_bases(path.absolute(), find_base)
    return LoadedRecipe(recipe_of(value), str(path.absolute()), origin, tuple(str(base) for base in bases))


def read_with_bases(path: Path, find_base: FindBase) -> tuple[Value, tuple[Path, ...]]:
    """Read a file and merge it over what it extends; return the tree and the files of the bases, nearest first.

    Mappings are merged key by key, lists and texts replace, `null` removes a key.
    """
    chain, trees = [path], [_read(path)]
    while (entry := trees[-1].get(EXTENDS)) is not None:
        base = _base_file(entry, chain, find_base)
        chain.append(base)
        trees.append(_read(base))
    merged = without(trees.pop(), EXTENDS)
    while trees:
        merged = merge(merged, without(trees.pop(), EXTENDS))
    return merged, tuple(chain[1:])


def _read(path: Path) -> Value:
    try:
        value = read_file(path)
    except DocumentError as err:
        raise error_of([err.problem], RecipeError) from err
    except OSError as err:
        raise RecipeError(f"{path}:1:1: the recipe cannot be read", cause=str(err)) from err
    if value.kind != "mapping":
        found = {"nothing": "an empty file", "list": "a list"}.get(value.kind, f"`{value.text}`")
        raise error_of([Problem(value.mark, f"expected a recipe, found {found}")], RecipeError)
    own_name = value.get("name")
    if own_name is None:
        # Not even with `extends`: the base's name would then belong to two recipes.
        raise error_of([Problem(value.mark, "expected the key `name`, found none")], RecipeError)
    return value


def _base_file(entry: Entry, chain: list[Path], find_base: FindBase) -> Path:
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
    found = find_base(wanted, tuple(chain))
    if found is not None:
        return found
    if find_base(wanted, ()) is not None or _names(chain, wanted):
        raise _cycle(value, wanted, chain)
    problem = Problem(value.mark, f"expected a recipe of the search path, found `{wanted}`", (EXTENDS,))
    raise RecipeError(str(problem), hints=[Hint("recipe.list", "run `gpuenv recipes list` to see the names")])


def _relative_file(value: Value, wanted: str, chain: list[Path]) -> Path:
    path = Path(wanted).expanduser()
    path = path if path.is_absolute() else chain[-1].parent / path
    if not path.is_file():
        raise error_of(
            [Problem(value.mark, f"expected a recipe file, found none at `{path}`", (EXTENDS,))], RecipeError
        )
    if any(path.samefile(earlier) for earlier in chain):
        raise _cycle(value, wanted, chain)
    return path


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
