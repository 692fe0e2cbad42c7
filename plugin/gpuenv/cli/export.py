"""`gpuenv export`: an environment's recipe and lock, to make the very same one elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome
from gpuenv.errors import Hint, TargetError

if TYPE_CHECKING:
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `export`."""
    options.add_target(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write FILE and its lock beside it (default: stdout)")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Print the recipe, or write recipe and lock so that `gpuenv create --recipe FILE` makes the same again."""
    from gpuenv.paths import etc_dir
    from gpuenv.receipt import read_receipt, read_recipe
    from gpuenv.recipes.lock import lock_path
    from gpuenv.recipes.show import recipe_yaml

    target = options.existing_target(args, session)
    made, recipe = read_receipt(target.prefix), read_recipe(target.prefix)
    text = recipe_yaml(recipe)
    lock_text = (etc_dir(target.prefix) / "lock.txt").read_text("utf-8")
    if args.output is None:
        return Outcome({"recipe": recipe, "yaml": text, "lock": lock_text}, text.rstrip("\n"))
    output = Path(args.output)
    if output.exists() and not args.force:
        raise TargetError(f"`{output}` exists already", hints=[Hint("export.force", "overwrite it with `--force`")])
    minor = ".".join(made.python_version.split(".")[:2])
    lock_file = lock_path(output, made.source, made.platform, minor)
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, "utf-8")
    lock_file.write_text(lock_text, "utf-8")
    return Outcome(
        {"recipe": recipe, "output": output, "lock": lock_file},
        f"Wrote `{output}` and `{lock_file}`\nNext: gpuenv create -n {made.name or 'tf'} --recipe {output}",
    )
