"""`gpuenv export`: an environment's recipe and lock, to make the very same one elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import option_for
from gpuenv.errors import Hint, TargetError

if TYPE_CHECKING:
    from gpuenv.model import Receipt
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `export`."""
    options.add_target(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write FILE and its lock beside it (default: the recipe to stdout)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Print the recipe, or write recipe and lock so that `gpuenv create --recipe FILE` makes the same again."""
    import msgspec

    from gpuenv.model import Warned
    from gpuenv.paths import etc_dir
    from gpuenv.receipt import read_receipt, read_recipe
    from gpuenv.recipes.lock import lock_path, minor_of
    from gpuenv.recipes.show import recipe_yaml
    from gpuenv.text_files import typed, write_texts

    target = options.existing_target(args, session)
    made, whole = read_receipt(target.prefix), read_recipe(target.prefix)
    minor = minor_of(made.python_version)
    # The lock is for one platform and Python; naming others would mean that they solve anew.
    recipe = msgspec.structs.replace(whole, pythons=[minor], platforms=[made.platform])
    text = recipe_yaml(recipe)
    lock_text = _lock_text(etc_dir(target.prefix) / "lock.txt")
    others = _others(made, session.engine(made.engine).describe(target.prefix).site_packages)
    if others:
        session.report(Warned(_others_text(others)))
    if args.output is None:
        same = f"`gpuenv export {option_for(made.name, made.prefix)} -o FILE`"
        if not args.json:
            session.report(Warned(f"the recipe alone pins nothing: {same} writes its lock beside it"))
        text = f"# The lock of these packages is not in here: {same} writes both.\n{text}"
        return Outcome({"recipe": recipe, "yaml": text, "lock": lock_text, "others": others}, text.rstrip("\n"))
    output = Path(args.output)
    if output.exists() and not args.force:
        raise TargetError(f"`{output}` exists already", hints=[Hint("export.force", "overwrite it with `--force`")])
    lock_file = lock_path(output, made.source, made.platform, minor)
    write_texts({lock_file: lock_text, output: text})
    return Outcome(
        {"recipe": recipe, "output": output, "lock": lock_file, "others": others},
        f"Wrote `{output}` and `{lock_file}`\n"
        f"Next: gpuenv create -n {made.name or 'tf'} --recipe {typed(output)}{_same_packages(made)}",
    )


def _same_packages(made: Receipt) -> str:
    """Return the options of `create` without which another engine would take other packages than the lock's."""
    from gpuenv.cli.again import from_receipt

    wanted = ("--engine", "--cuda-from", "--channel")
    return "".join(f" {option} {value}" for option, value in from_receipt(made).options if option in wanted)


def _lock_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as err:
        raise TargetError(f"`{path}` cannot be read, so there is no lock to export", cause=str(err)) from err


def _others(made: Receipt, site_packages: Path) -> list[str]:
    """List packages that are installed and not what the lock pins: `rich==13.7.1`."""
    from importlib.metadata import distributions

    from packaging.utils import canonicalize_name

    locked = {(canonicalize_name(name), version) for name, _, version in (one.partition("==") for one in made.packages)}
    found = {
        (str(one.metadata["Name"]), one.version)
        for one in distributions(path=[str(site_packages)])
        if one.metadata["Name"] is not None
    }
    return sorted(f"{name}=={version}" for name, version in found if (canonicalize_name(name), version) not in locked)


def _others_text(others: list[str]) -> str:
    """Say what an export leaves out, which the user has installed besides or in another version than the lock's."""
    shown = ", ".join(f"`{one}`" for one in others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    verb = "is" if len(others) == 1 else "are"
    return f"{shown} {verb} installed here and not in the lock: add what you need to `requirements` of the recipe"
