"""Write a recipe as YAML, whole: after `extends`, with nothing left to look up."""

from __future__ import annotations

from io import StringIO

import msgspec

from gpuenv.model import Recipe


def recipe_yaml(recipe: Recipe) -> str:
    """Print a recipe so that `gpuenv create --recipe FILE` reads the same one. Defaults are left out."""
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    writer = YAML(typ="rt")  # keeps the order of keys
    writer.default_flow_style = False
    writer.width = 4096
    writer.indent(mapping=2, sequence=4, offset=2)
    tree = msgspec.to_builtins(recipe)
    if recipe.locks:
        tree["locks"] = [LiteralScalarString(lock) for lock in recipe.locks]
    text = StringIO()
    writer.dump(tree, text)
    return text.getvalue()
