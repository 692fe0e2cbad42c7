"""`gpuenv export`: an environment as one file, its recipe with its lock in it, to make the very same one elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome
from gpuenv.errors import Hint, TargetError

if TYPE_CHECKING:
    from gpuenv.model import Receipt, Recipe
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `export`."""
    options.add_target(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write (default: stdout)")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Print or write what `gpuenv create --recipe FILE` makes the same environment from."""
    from gpuenv.model import Warned
    from gpuenv.receipt import read_receipt
    from gpuenv.recipes.show import recipe_yaml
    from gpuenv.text_files import typed, write_texts

    target = options.existing_target(args, session)
    made, recipe = read_receipt(target.prefix), exported(target.prefix)
    text = recipe_yaml(recipe)
    others = _others(made, session.engine(made.engine).describe(target.prefix).site_packages)
    if others:
        session.report(Warned(_others_text(others)))
    document = {"recipe": recipe, "yaml": text, "output": args.output, "others": others}
    if args.output is None:
        return Outcome(document, text.rstrip("\n"))
    output = Path(args.output)
    if output.exists() and not args.force:
        raise TargetError(f"`{output}` exists already", hints=[Hint("export.force", "overwrite it with `--force`")])
    write_texts({output: text})
    engine = "" if made.engine == "uv" else f" --engine {made.engine}"
    again = f"gpuenv create -n {made.name or 'tf'} --recipe {typed(output)}{engine}"
    return Outcome(document, f"Wrote `{output}`\nNext: {again}", talk=True)


def exported(prefix: Path) -> Recipe:
    """Return the recipe of an environment, narrowed to its platform, Python, source and channels, with its lock in it.

    Raises TargetError when gpuenv did not make it, or a file of it is gone.
    """
    import msgspec

    from gpuenv.paths import etc_dir
    from gpuenv.receipt import read_receipt, read_recipe
    from gpuenv.recipes.lock import minor_of, parse_lock

    made, whole = read_receipt(prefix), read_recipe(prefix)
    path = etc_dir(prefix) / "lock.txt"
    try:
        lock = path.read_text("utf-8")
    except OSError as err:
        raise TargetError(f"`{path}` cannot be read, so there is no lock to export", cause=str(err)) from err
    # The lock is for one platform, Python and source; naming others would mean that they solve anew.
    source = whole.sources[made.source]
    channels = list(dict.fromkeys(package.channel for package in parse_lock(lock, str(path)).conda_packages))
    return msgspec.structs.replace(
        whole,
        pythons=[minor_of(made.python_version)],
        platforms=[made.platform],
        sources={made.source: msgspec.structs.replace(source, channels=channels or source.channels)},
        locks=[lock],
    )


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
