"""What every step of one command shares, and how a step is announced."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from gpuenv.errors import Hint, UsageError
from gpuenv.extension import ArtifactSource, Check, Engine
from gpuenv.model import CheckResult, Choice, Host, Lock, Manifest, PhaseDone, PhaseStarted, Reporter, Warmed
from gpuenv.plugins import Plugins
from gpuenv.settings import Settings, data_dir, environments_dir

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where an environment is or shall be; `name` is None for one given by path."""

    prefix: Path
    name: str | None


@dataclass(frozen=True, slots=True)
class Names:
    """Whose names of environments count: gpuenv's own, or those of whoever calls it.

    `locate` says where the environment of a name is or shall be; `active` is the one to take when none is named;
    `known` lists those that the caller knows of.
    """

    locate: Callable[[str], Path] | None = None
    active: Path | None = None
    known: Callable[[], Iterable[Path]] = tuple


@dataclass(frozen=True, slots=True)
class Session:
    """The plugins, the user's settings and environment, who listens, and whose names of environments count."""

    plugins: Plugins
    settings: Settings
    environ: Mapping[str, str]
    report: Reporter
    names: Names = Names()

    @property
    def data_dir(self) -> Path:
        """Return the directory of everything gpuenv keeps for this user."""
        return data_dir(self.environ)

    @property
    def state_dir(self) -> Path:
        """Return the directory of locks and journals."""
        return self.data_dir / "state"

    def target(self, name: str | None, path: str | None) -> Target:
        """Find the prefix for `-n NAME` or `-p PATH`, links followed; for neither the active one.

        Raises UsageError for a name that cannot be a directory's, a path that an environment cannot have, or nothing.
        """
        home = Path(os.path.realpath(environments_dir(self.environ)))
        if name is None and path is None:
            if self.names.active is None:
                raise UsageError(
                    "no environment is named",
                    hints=[Hint("target.name", "name one with `-n NAME`, or its directory with `-p PATH`")],
                )
            return Target(Path(os.path.realpath(self.names.active)), None)
        if path is None:
            check_name(name or "")
            place = self.names.locate(name or "") if self.names.locate else home / (name or "")
            return Target(Path(os.path.realpath(place)), name)
        prefix = Path(os.path.realpath(os.path.expanduser(check_path(path))))
        return Target(prefix, prefix.name if prefix.parent == home else None)

    def step(self, phase: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one step of the flow between its two events, and tell the plugins."""
        started, done = PHASES[phase]
        self.report(PhaseStarted(phase, started))
        begun = time.monotonic()
        value = function(*args, **kwargs)
        self.report(PhaseDone(phase, done(value), time.monotonic() - begun))
        self.plugins.phase_done(phase, value)
        return value

    def engine(self, name: str) -> Engine:
        """Find an engine by name. Raises UsageError for one that nobody provides."""
        return _known(self.plugins.engines(), name, "engine")

    def artifact_source(self, name: str) -> ArtifactSource:
        """Find an artifact source by name. Raises UsageError for one that nobody provides."""
        return _known(self.plugins.artifact_sources(), name, "source of CUDA")

    def checks(self, names: tuple[str, ...]) -> list[Check]:
        """Find checks by name, in the order they run. Raises UsageError for one that nobody provides."""
        known = self.plugins.checks()
        wanted = {name: _known(known, name, "check") for name in names}
        return [check for name, check in known.items() if name in wanted]


def check_name(name: str) -> None:
    """Raise UsageError for what cannot be an environment's name on Linux and Windows alike.

    Reserved on Windows: "Naming Files, Paths, and Namespaces" in Microsoft's documentation of Win32 files.
    """
    reserved = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
    if (
        not name
        or name.startswith((".", "-"))
        or name.endswith((".", " "))
        or any(char in '/\\:*?"<>|' or not char.isprintable() for char in name)
        or name.partition(".")[0].lower() in reserved
        or len(os.fsencode(name)) > 200
    ):
        raise UsageError(
            f"`{ascii(name)[1:-1] if not name.isprintable() else name}` cannot be the name of an environment",
            hints=[Hint("target.path", "give a plain name with `-n NAME`, or a directory with `-p PATH`")],
        )


def check_path(path: str) -> str:
    """Return a path that an environment can have. Raises UsageError for one that no list of paths could hold."""
    if not path.strip() or (os.pathsep in path) or not path.isprintable():
        raise UsageError(
            f"`{path if path.isprintable() else ascii(path)[1:-1]}` cannot be the directory of an environment",
            cause=f"expected a path without `{os.pathsep}` and control characters, which PATH could not hold",
            hints=[Hint("target.path", "give a directory with `-p PATH`, or a name with `-n NAME`")],
        )
    return path


def _known(things: Mapping[str, T], name: str, kind: str) -> T:
    if name not in things:
        from gpuenv.conform import closest

        code, meant = kind.split()[0], closest(name, things)
        hints = [Hint(f"{code}.meant", f"did you mean `{meant}`?")] if meant else []
        raise UsageError(
            f"there is no {kind} named `{name}`",
            hints=[*hints, Hint(f"{code}.known", f"choose from {', '.join(things)}")],
        )
    return things[name]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _found(host: Host) -> str:
    return f"Found {_count(len(host.gpus), 'GPU')} and {_count(len(host.pythons), 'Python')}"


def _chose(choice: Choice) -> str:
    return f"Chose {choice.recipe.name}, CUDA from {choice.source_name}, Python {choice.python_version}"


def _resolved(lock: Lock) -> str:
    conda = f" and {_count(len(lock.conda_packages), 'conda package')}" if lock.conda_packages else ""
    return f"Resolved {_count(len(lock.packages), 'package')}{conda}"


def _staged(manifest: Manifest) -> str:
    return f"Linked {_count(len(manifest.files), 'CUDA library').replace('librarys', 'libraries')}"


def _warmed(warmed: Warmed) -> str:
    if warmed.nothing is not None:
        return f"Nothing to compile: {warmed.nothing}"
    return f"Compiled {_count(warmed.compiled, 'module')} of GPU code in {_count(warmed.workers, 'process')}".replace(
        "processs", "processes"
    )


def _verified(results: tuple[CheckResult, ...]) -> str:
    statuses = [result.status for result in results]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
    return f"Verified: {counts or 'nothing'}"


# What a user reads when a phase begins, and when it has ended with its value.
PHASES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "probe": ("Looking at this machine", _found),
    "choose": ("Choosing a recipe", _chose),
    "resolve": ("Resolving packages", _resolved),
    "fetch": ("Fetching Python", lambda python: f"Took {python}"),
    "clone": ("Cloning the environment", lambda _: "Cloned the environment"),
    "build": ("Installing packages", lambda built: f"Installed Python {built.python_version} and the packages"),
    "stage": ("Linking CUDA libraries", _staged),
    "activate": ("Writing activation scripts", lambda manifest: f"Wrote {len(manifest.files)} activation files"),
    "warm": ("Compiling GPU code", _warmed),
    "verify": ("Verifying", _verified),
    "receipt": ("Writing the receipt", lambda receipt: f"Wrote the receipt of `{receipt.prefix}`"),
}
