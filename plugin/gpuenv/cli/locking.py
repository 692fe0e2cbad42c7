"""The work of `gpuenv lock`: solve for every platform and Python, and write all locks at the end or none."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import Version

from gpuenv import pipeline, probe
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns, size
from gpuenv.errors import GpuenvError, Hint, RecipeError, UnsolvableError
from gpuenv.model import (
    Choice,
    Host,
    LoadedRecipe,
    Lock,
    Overrides,
    PhaseDone,
    PhaseStarted,
    PythonInterpreter,
    Request,
    Warned,
)
from gpuenv.recipes.lock import lock_path, read_lock, says_the_same, with_sizes_of
from gpuenv.session import Session
from gpuenv.text_files import typed, write_texts

Pair = tuple[str, str]  # platform and Python version


@dataclass(frozen=True, slots=True)
class Locking:
    """What is to be locked, and how."""

    session: Session
    loaded: LoadedRecipe
    source: str
    engine: str
    measure: bool

    @property
    def file(self) -> str:
        """Return the recipe's file as somebody would type it."""
        return typed(self.loaded.path)


def write_locks(task: Locking, wanted: tuple[Pair, ...]) -> Outcome:
    """Solve everything, then write; a lock that would say the same stays as it is.

    Raises what the engine raises, with the platform and Python in the message, and nothing was written then.
    """
    pythons = _installed(task.session)
    earlier = {pair: _earlier(task, pair) for pair in wanted}
    locks: dict[Pair, Lock] = {}
    for pair in wanted:
        solved = _solve(task, pair, pythons.get(pair[1]), [python for _, python in wanted])
        locks[pair] = with_sizes_of(solved, earlier[pair])
    paths = {pair: lock_path(Path(task.loaded.path), task.source, *pair) for pair in wanted}
    changed = {pair for pair in wanted if not says_the_same(earlier[pair], locks[pair], paths[pair])}
    write_texts({paths[pair]: locks[pair].text for pair in wanted if pair in changed})
    if any(lock.installed_bytes is None for lock in locks.values()):
        again = f"`gpuenv lock {task.file} --measure`"
        unknown = "the size on disk is not known, so free space will not be checked beforehand"
        task.session.report(Warned(f"{unknown}: {again} finds it out"))
    return _outcome(task, locks, paths, changed)


def _outcome(task: Locking, locks: dict[Pair, Lock], paths: dict[Pair, Path], changed: set[Pair]) -> Outcome:
    rows = [
        (
            typed(paths[pair]),
            f"{len(lock.packages)} packages",
            f"{size(lock.download_bytes)} to fetch",
            "written" if pair in changed else "unchanged",
        )
        for pair, lock in locks.items()
    ]
    data = [
        {
            "path": paths[pair],
            "packages": len(lock.packages),
            "download_bytes": lock.download_bytes,
            "installed_bytes": lock.installed_bytes,
            "written": pair in changed,
        }
        for pair, lock in locks.items()
    ]
    return Outcome({"recipe": task.loaded.recipe.name, "locks": data}, columns(rows), talk=True)


def _solve(task: Locking, pair: Pair, python: PythonInterpreter | None, pythons: list[str]) -> Lock:
    """Solve for one platform and Python, and say so."""
    platform, version = pair
    what = f"{platform}, Python {version}"
    report = task.session.report
    report(PhaseStarted("lock", f"Resolving for {what}"))
    begun = time.monotonic()
    choice = Choice(task.loaded, task.source, version, python, ())
    # No machine: what the lock is made for has the driver that the stack needs.
    needed = Version(choice.source.cuda_toolkit)
    wanted = replace(pipeline.wanted(Host(platform), Request(), choice), measure=task.measure, cuda_driver_api=needed)
    try:
        solved = pipeline.solve(choice, wanted, task.session.engine(task.engine), report)
    except GpuenvError as err:
        others = " ".join(f"--python {one}" for one in dict.fromkeys(pythons) if one != version)
        hints = [*err.hints]
        if others and isinstance(err, UnsolvableError):
            hints.append(Hint("lock.without", f"leave this Python out: `gpuenv lock {task.file} {others}`"))
        cause = f"{err.cause}; no lock was written" if err.cause else "no lock was written"
        raise type(err)(f"{what}: {err.message}", cause=cause, hints=hints, log_path=err.log_path) from err
    report(PhaseDone("lock", f"Resolved {len(solved.packages)} packages for {what}", time.monotonic() - begun))
    return solved


def _earlier(task: Locking, pair: Pair) -> Lock | None:
    """Return the lock that there was; None when there is none that can be read."""
    try:
        return read_lock(task.loaded, task.source, *pair)
    except RecipeError:
        return None


def _installed(session: Session) -> dict[str, PythonInterpreter]:
    """Find the newest installed Python of each minor version, to build what has no wheel with."""
    host = probe.look(Overrides(), [one for one in session.plugins.probes() if one.name in ("system", "pythons")])
    found: dict[str, PythonInterpreter] = {}
    for python in host.pythons:
        found.setdefault(f"{python.version.major}.{python.version.minor}", python)
    return found
