"""`gpuenv recipes list|show|validate|init|schema`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli.options import Parser, add_common
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns
from gpuenv.errors import Hint, TargetError, UsageError

if TYPE_CHECKING:
    from gpuenv.model import Recipe
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

    recipes, problems = list_recipes(session.plugins.recipe_sources(), forgiving=True)
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

    lines: list[str] = []
    errors: list[UsageError] = []
    for file in args.files:
        try:
            loaded = load_recipe_file(Path(file), session.plugins.recipe_sources())
        except UsageError as error:
            errors.append(error)
        else:
            lines.append(f"{file}: ok, recipe {loaded.recipe.name}")
            _warn_of_checks(loaded.recipe, session)
    if errors:
        raise _together(errors)
    return Outcome({"files": args.files}, "\n".join(lines), talk=True)


def _warn_of_checks(recipe: Recipe, session: Session) -> None:
    """Warn of checks that nobody provides here: a plugin of the team may bring them elsewhere."""
    from gpuenv.model import Warned

    known = session.plugins.checks()
    for name in recipe.checks:
        if name not in known:
            session.report(Warned(f"recipe `{recipe.name}`: no plugin that is installed here has a check `{name}`"))


def _together(errors: list[UsageError]) -> UsageError:
    """Make one error of those of several files: the first one's message, and every other mistake as the cause."""
    first = errors[0]
    causes = [first.cause, *(part for error in errors[1:] for part in (error.message, error.cause))]
    hints = dict.fromkeys(hint for error in errors for hint in error.hints)
    return type(first)(first.message, cause="; ".join(cause for cause in causes if cause) or None, hints=list(hints))


def _init(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.recipes import PROJECT_FILE
    from gpuenv.recipes.init import new_recipe_text
    from gpuenv.recipes.search import find_recipe
    from gpuenv.text_files import typed, write_texts

    find_recipe(args.base, session.plugins.recipe_sources())
    output = Path(args.output or PROJECT_FILE)
    if output.exists():
        raise TargetError(
            f"`{output}` exists already", hints=[Hint("init.output", "choose another file with `-o FILE`")]
        )
    write_texts({output: new_recipe_text(args.name, args.base)})
    text = f"Wrote `{output}`\nNext: gpuenv recipes validate {typed(output)}"
    return Outcome({"path": output}, text, talk=True)


def _schema(args: argparse.Namespace, session: Session) -> Outcome:
    from gpuenv.recipes.schema import json_schema

    schema = json_schema()
    return Outcome(schema, json.dumps(schema, indent=2))
