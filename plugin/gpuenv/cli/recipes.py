"""`gpuenv recipes list|show|validate|init|schema`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli.options import Parser, add_common
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns
from gpuenv.errors import Hint, TargetError

if TYPE_CHECKING:
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands of `recipes`."""
    commands = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True, parser_class=Parser)
    listing = commands.add_parser("list", help="list the recipes that are found, and where")
    show = commands.add_parser("show", help="print a recipe as it is after `extends`")
    show.add_argument("recipe", metavar="NAME|FILE")
    validate = commands.add_parser("validate", help="check recipe files; says file, line and column")
    validate.add_argument("files", nargs="+", metavar="FILE")
    init = commands.add_parser("init", help="start a recipe of your own from a shipped one")
    init.add_argument("name", metavar="NAME")
    init.add_argument("--base", default="tf-2.4", metavar="RECIPE", help="recipe to extend (default: tf-2.4)")
    init.add_argument("-o", "--output", metavar="FILE", help="file to write (default: gpuenv.yaml)")
    schema = commands.add_parser("schema", help="print the JSON schema, for editors")
    for command, function in ((listing, _list), (show, _show), (validate, _validate), (init, _init), (schema, _schema)):
        add_common(command)
        command.set_defaults(subrun=function)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Run the sub-command."""
    outcome: Outcome = args.subrun(args, session)
    return outcome


def _list(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.model import Warned
    from gpuenv.recipes.search import list_recipes

    recipes, problems = list_recipes(session.plugins.recipe_sources())
    for problem in problems:
        session.report(Warned(problem))
    data = [
        {"name": found.recipe.name, "summary": found.recipe.summary, "origin": found.origin, "path": found.path}
        for found in recipes
    ]
    return Outcome({"recipes": data}, columns((one["name"], one["origin"], one["summary"]) for one in data))


def _show(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.recipes.search import find_recipe
    from gpuenv.recipes.show import recipe_yaml

    found = find_recipe(args.recipe, session.plugins.recipe_sources())
    text = recipe_yaml(found.recipe)
    return Outcome({"recipe": found.recipe, "origin": found.origin, "path": found.path}, text.rstrip("\n"))


def _validate(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.recipes.search import load_recipe_file

    found = [load_recipe_file(Path(file), session.plugins.recipe_sources()) for file in args.files]
    lines = [f"{file}: ok, recipe {loaded.recipe.name}" for file, loaded in zip(args.files, found, strict=True)]
    return Outcome({"files": args.files}, "\n".join(lines))


def _init(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.recipes.init import new_recipe_text
    from gpuenv.recipes.search import find_recipe

    find_recipe(args.base, session.plugins.recipe_sources())
    output = Path(args.output or "gpuenv.yaml")
    if output.exists():
        raise TargetError(
            f"`{output}` exists already", hints=[Hint("init.output", "choose another file with `-o FILE`")]
        )
    output.write_text(new_recipe_text(args.name, args.base), "utf-8")
    return Outcome({"path": output}, f"Wrote `{output}`\nNext: gpuenv recipes validate {output}")


def _schema(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.recipes.schema import json_schema

    schema = json_schema()
    return Outcome(schema, json.dumps(schema, indent=2))
