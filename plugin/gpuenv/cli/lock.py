"""`gpuenv lock`: pin a recipe's packages by hash, for every platform and Python it names."""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns, size
from gpuenv.errors import Hint, UsageError

if TYPE_CHECKING:
    from gpuenv.model import LoadedRecipe
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `lock`."""
    parser.add_argument("recipe", nargs="?", metavar="NAME|FILE", help="recipe (default: the default recipe)")
    parser.add_argument("--platform", action="append", metavar="PLATFORM", help="only this; may be repeated")
    parser.add_argument("--python", action="append", metavar="VERSION", help="only this; may be repeated")
    parser.add_argument("--source", default="pypi", help="the recipe's source to lock (default: pypi)")
    parser.add_argument("--engine", default="uv", help="whose solver (default: uv)")
    parser.add_argument("--measure", action="store_true", help="install once, to record the size on disk")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a lock is missing or stale")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Solve and write the locks, or with `--check` only look at them."""
    from gpuenv.recipes.search import find_recipe

    loaded = find_recipe(args.recipe or session.settings.default_recipe, session.plugins.recipe_sources())
    if args.source not in loaded.recipe.sources:
        raise UsageError(
            f"{loaded.recipe.name} has no source named `{args.source}`",
            hints=[Hint("lock.source", f"choose from {', '.join(loaded.recipe.sources)}")],
        )
    unknown = [platform for platform in args.platform or () if platform not in loaded.recipe.platforms]
    if unknown:
        raise UsageError(
            f"{loaded.recipe.name} is not for {' or '.join(unknown)}",
            hints=[Hint("lock.platform", f"choose from {', '.join(loaded.recipe.platforms)}")],
        )
    wanted = tuple(product(args.platform or loaded.recipe.platforms, args.python or loaded.recipe.pythons))
    if args.check:
        return _check(loaded, args.source, wanted)
    return _write(args, session, loaded, wanted)


def _check(loaded: LoadedRecipe, source: str, wanted: tuple[tuple[str, str], ...]) -> Outcome:
    from gpuenv.recipes.lock import lock_is_stale, read_lock

    locks = {pair: read_lock(loaded, source, *pair) for pair in wanted}
    missing = [f"{platform} Python {python}" for (platform, python), lock in locks.items() if lock is None]
    stale = [lock.origin for lock in locks.values() if lock is not None and lock_is_stale(loaded, lock)]
    if missing or stale:
        raise UsageError(
            f"{loaded.recipe.name} is not fully locked",
            cause="; ".join([*(f"no lock for {what}" for what in missing), *(f"stale: `{path}`" for path in stale)]),
            hints=[Hint("lock.make", f"run `gpuenv lock {loaded.recipe.name}`")],
        )
    return Outcome({"recipe": loaded.recipe.name, "locks": len(locks)}, f"All {len(locks)} locks are up to date")


def _write(
    args: argparse.Namespace, session: Session, loaded: LoadedRecipe, wanted: tuple[tuple[str, str], ...]
) -> Outcome:
    from packaging.version import Version

    from gpuenv import pipeline
    from gpuenv.model import Choice, Host, Request
    from gpuenv.recipes.lock import lock_path

    written = []
    for platform, python in wanted:
        choice = Choice(loaded, args.source, python, None, ())
        # No machine: what the lock is made for has the driver that the stack needs.
        inputs = pipeline.wanted(Host(platform), Request(), choice)
        inputs = replace(
            inputs, measure=args.measure, cuda_driver_api=Version(loaded.recipe.sources[args.source].cuda_toolkit)
        )
        lock = pipeline.solve(choice, inputs, session.engine(args.engine), session.report)
        path = lock_path(Path(loaded.path), args.source, platform, python)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lock.text, "utf-8")
        written.append((str(path), lock))
    rows = [(path, f"{len(lock.packages)} packages", f"{size(lock.download_bytes)} to fetch") for path, lock in written]
    data = [
        {"path": path, "packages": len(lock.packages), "download_bytes": lock.download_bytes} for path, lock in written
    ]
    return Outcome({"recipe": loaded.recipe.name, "locks": data}, columns(rows))
