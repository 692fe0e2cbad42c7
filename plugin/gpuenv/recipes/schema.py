"""What a recipe may say: turn a YAML tree into a `Recipe`, or say every mistake with file, line and column. Pure.

The structs in `model/recipe.py` are the schema. `json_schema` writes them for editors, which then complete and check
recipes while they are typed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gpuenv.conform import differences
from gpuenv.document import DocumentError, Problem, Value, error_of, place, plain, read_text
from gpuenv.errors import RecipeError
from gpuenv.model import Recipe
from gpuenv.recipes.mistakes import mistakes

EXTENDS = "extends"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def parse_recipe(text: str, path: str) -> Recipe:
    """Read a recipe that extends no other. Raises RecipeError whose message starts with `file:line:column`."""
    try:
        return recipe_of(read_text(text, path))
    except DocumentError as err:
        raise error_of([err.problem], RecipeError) from err


def recipe_of(value: Value) -> Recipe:
    """Turn a tree, with what it extends merged in, into a recipe. Raises RecipeError with every mistake in it."""
    problems = differences(value, Recipe)
    if not problems:
        recipe = msgspec.convert(plain(value), Recipe)
        problems = [Problem(place(value, path), message, path) for path, message in mistakes(recipe)]
        if not problems:
            return recipe
    raise error_of(problems, RecipeError)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of recipe files.

    A file with `extends` needs no more than its own name, and may remove a key of its base with `null`.
    """
    (_, components) = msgspec.json.schema_components([Recipe], ref_template="#/$defs/{name}")
    whole = {name: _tidy(part) for name, part in components.items()}
    changes = {f"{name}Change": _change(part) for name, part in whole.items()}
    change = changes["RecipeChange"]
    change["title"] = "Recipe that extends another"
    change["properties"] = {
        EXTENDS: {"type": "string", "description": "name of a recipe, or a file relative to this one"},
        **change["properties"],
        "gpuenv_recipe_version": whole["Recipe"]["properties"]["gpuenv_recipe_version"],
        "name": whole["Recipe"]["properties"]["name"],
    }
    change["required"] = ["name", EXTENDS]
    return {
        "$schema": DIALECT,
        "title": "gpuenv recipe",
        "description": "A stack of framework, CUDA, cuDNN and Python for gpuenv; docs/recipes.md explains every key.",
        "type": "object",
        "if": {"required": [EXTENDS]},
        "then": {"$ref": "#/$defs/RecipeChange"},
        "else": {"$ref": "#/$defs/Recipe"},
        "$defs": {**whole, **changes},
    }


def _tidy(part: dict[str, Any]) -> dict[str, Any]:
    """Fold the lines of a docstring, and say which platforms a table may have, which msgspec leaves out."""
    tidy = dict(part)
    if "description" in tidy:
        tidy["description"] = " ".join(str(tidy["description"]).split())
    if "properties" in tidy:
        struct = _structs()[str(tidy["title"])]
        fields = {field.encode_name: field.type for field in struct.fields}
        tidy["properties"] = {name: {**value, **_key_names(fields[name])} for name, value in tidy["properties"].items()}
    return tidy


def _structs() -> dict[str, msgspec.inspect.StructType]:
    """Return every struct of the schema by its name."""
    found: dict[str, msgspec.inspect.StructType] = {}

    def collect(part: Any) -> None:
        if isinstance(part, msgspec.inspect.StructType) and part.cls.__name__ not in found:
            found[part.cls.__name__] = part
            for field in part.fields:
                collect(field.type)
        for name in ("type", "value_type", "item_type"):
            if hasattr(part, name):
                collect(getattr(part, name))

    collect(msgspec.inspect.type_info(Recipe))
    return found


def _key_names(kind: msgspec.inspect.Type) -> dict[str, Any]:
    if isinstance(kind, msgspec.inspect.DictType) and isinstance(kind.key_type, msgspec.inspect.LiteralType):
        return {"propertyNames": {"enum": list(kind.key_type.values)}}
    return {}


def _change(part: dict[str, Any]) -> dict[str, Any]:
    """Make the schema of a change to a struct: nothing is required, and every key may be removed with `null`."""
    change = {key: value for key, value in part.items() if key not in ("required", "minProperties")}
    if "properties" in change:
        change["properties"] = {name: _removable(value) for name, value in change["properties"].items()}
    return change


def _removable(value: dict[str, Any]) -> dict[str, Any]:
    inner = {key: one for key, one in value.items() if key not in ("default", "minProperties")}
    if "$ref" in inner:
        inner["$ref"] = f"{inner['$ref']}Change"
    if isinstance(inner.get("additionalProperties"), dict):
        inner["additionalProperties"] = _removable(inner["additionalProperties"])
    return {"anyOf": [inner, {"type": "null"}]}
