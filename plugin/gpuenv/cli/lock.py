"""`gpuenv lock`: pin a recipe's packages by hash, for every platform and Python it names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli.outcome import Outcome
from gpuenv.errors import Hint, UsageError

if TYPE_CHECKING:
    from gpuenv.model import LoadedRecipe
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `lock`."""
    parser.add_argument("recipe", nargs="?", metavar="NAME|FILE", help="recipe (default: the project's gpuenv.yaml)")
    parser.add_argument("--platform", action="append", metavar="PLATFORM", help="only this; may be repeated")
    parser.add_argument("--python", action="append", metavar="VERSION", help="only this; may be repeated")
    parser.add_argument("--source", default="pypi", help="the recipe's source to lock (default: pypi)")
    parser.add_argument("--engine", default="uv", help="whose solver (default: uv)")
    parser.add_argument("--measure", action="store_true", help="install once, to record the size on disk")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a lock is missing or stale")
    parser.add_argument(
        "--force", action="store_true", help="lock a recipe that comes with gpuenv, in a checkout of it"
    )


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Solve and write the locks, or with `--check` only look at them."""
    from gpuenv.cli.locking import Locking, write_locks

    loaded = _recipe(args.recipe, session)
    recipe = loaded.recipe
    _require(args.source in recipe.sources, "source", args.source, list(recipe.sources), loaded)
    provided = [name for name in recipe.sources if name in session.plugins.artifact_sources()]
    if args.source not in provided:
        raise UsageError(
            f"the source `{args.source}` cannot be locked: no plugin of gpuenv provides it",
            hints=[Hint("lock.source", f"choose from {', '.join(provided)}")] if provided else [],
        )
    for platform in args.platform or ():
        _require(platform in recipe.platforms, "platform", platform, recipe.platforms, loaded)
    for python in args.python or ():
        _require(python in recipe.pythons, "python", python, recipe.pythons, loaded)
    wanted = tuple(dict.fromkeys(product(args.platform or recipe.platforms, args.python or recipe.pythons)))
    session.engine(args.engine)
    if args.check:
        return _check(loaded, args.source, wanted)
    _refuse_shipped(loaded, named=args.recipe, force=args.force)
    task = Locking(session, loaded, args.source, args.engine, measure=args.measure)
    return write_locks(task, wanted)


def _recipe(named: str | None, session: Session) -> LoadedRecipe:
    """Find the recipe that was named, else the project's."""
    from gpuenv.recipes import PROJECT_FILE
    from gpuenv.recipes.search import find_recipe, project_recipe

    sources = session.plugins.recipe_sources()
    if named is not None:
        return find_recipe(named, sources)
    found = project_recipe(sources)
    if found is None:
        raise UsageError(
            f"there is no `{PROJECT_FILE}` here to lock",
            hints=[
                Hint("lock.init", "start one with `gpuenv recipes init NAME`"),
                Hint("lock.name", "or name a recipe: `gpuenv lock FILE`"),
            ],
        )
    return found


def _require(known: bool, option: str, value: str, choices: Sequence[str], loaded: LoadedRecipe) -> None:
    """Refuse a value that the recipe does not have. Raises UsageError that suggests one it has."""
    from gpuenv.conform import closest

    if known:
        return
    minor = ".".join(value.split(".")[:2])
    meant = minor if minor in choices else closest(value, choices) if option != "python" else None
    cause = "packages are built for a minor version of Python, so locks are too" if minor in choices else None
    hints = [Hint(f"lock.{option}-meant", f"did you mean `--{option} {meant}`?")] if meant else []
    raise UsageError(
        f"{loaded.recipe.name} has no {option.replace('python', 'Python')} `{value}` among its {option}s",
        cause=cause,
        hints=[*hints, Hint(f"lock.{option}", f"choose from {', '.join(choices)}")],
    )


def _refuse_shipped(loaded: LoadedRecipe, *, named: str | None, force: bool) -> None:
    """Keep the locks that come with gpuenv as they are, unless somebody who works on gpuenv asks. Raises UsageError."""
    from gpuenv.recipes import checkout_dir, shipped_dirs

    path = Path(loaded.path).resolve()
    if not any(path.is_relative_to(directory.resolve()) for directory in shipped_dirs()):
        return
    if path.is_relative_to(checkout_dir()) and (force or named != loaded.recipe.name):
        return
    hints = [Hint("lock.own", "make a recipe of your own from it: `gpuenv recipes init NAME`, then `gpuenv lock`")]
    if path.is_relative_to(checkout_dir()):
        hints.append(Hint("lock.force", f"in this checkout of gpuenv: `gpuenv lock {loaded.recipe.name} --force`"))
    raise UsageError(f"{loaded.recipe.name} comes with gpuenv, and so do its locks", cause=loaded.path, hints=hints)


def _check(loaded: LoadedRecipe, source: str, wanted: tuple[tuple[str, str], ...]) -> Outcome:
    from gpuenv.recipes.lock import lock_is_stale, read_lock
    from gpuenv.text_files import typed

    locks = {pair: read_lock(loaded, source, *pair) for pair in wanted}
    missing = [f"{platform} Python {python}" for (platform, python), lock in locks.items() if lock is None]
    stale = [lock.origin for lock in locks.values() if lock is not None and lock_is_stale(loaded, lock)]
    if missing or stale:
        raise UsageError(
            f"{loaded.recipe.name} is not fully locked",
            cause="; ".join([*(f"no lock for {what}" for what in missing), *(f"stale: `{path}`" for path in stale)]),
            hints=[Hint("lock.make", f"run `gpuenv lock {typed(loaded.path)}`")],
        )
    text = f"All {len(locks)} locks are up to date"
    return Outcome({"recipe": loaded.recipe.name, "locks": len(locks)}, text, talk=True)
