"""What a plugin can give to gpuenv: probes, recipe sources, engines, artifact sources, checks, doctor rules.

The built-in ones are these same values, registered through the same hooks (`hookspec.py`). `order` sorts what is run
or offered, small first; built-ins use tens, so a third party fits between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from gpuenv.model import (
    Archive,
    Built,
    CheckResult,
    CudaFiles,
    Host,
    Overrides,
    Plan,
    Reason,
    Recipe,
    Reporter,
    Request,
    Solved,
    Source,
    Wanted,
)
from gpuenv.settings import Settings


@dataclass(frozen=True, slots=True)
class Probe:
    """Look at the machine: `run` takes the host as known so far and returns it with more facts.

    A probe that raises is skipped with a note in the host; it never stops the others.
    """

    name: str
    run: Callable[[Host, Overrides], Host]
    order: int = 50


@dataclass(frozen=True, slots=True)
class RecipeSource:
    """A place with recipes: `find` lists recipe files (`*.yaml`) there; a directory that does not exist is empty."""

    name: str
    find: Callable[[], Iterable[Path]]
    order: int = 50


class Engine(Protocol):
    """Something that builds environments from a plan, with an installer that exists already.

    `conda_packages` says that it installs conda packages, Python among them: then the host's Pythons do not count, and
    a lock has a conda part.
    """

    name: str
    conda_packages: bool

    def resolve(self, wanted: Wanted, report: Reporter) -> Solved:
        """Pin what is wanted by hash: requirements, and where it installs them conda packages.

        Without requirements only the conda part is solved, with an empty text. Raises UnsolvableError, FetchError.
        """

    def fetch(self, plan: Plan, report: Reporter) -> Path:
        """Bring what building needs and is not on the machine; return the base interpreter. Raises FetchError.

        For conda packages that is where the environment's own Python is going to be.
        """

    def build(self, plan: Plan, python: Path, report: Reporter) -> Built:
        """Make the environment at `plan.prefix` with exactly the packages of `plan.lock`. Raises FetchError."""

    def describe(self, prefix: Path) -> Built:
        """Look at an environment that was built before. Raises TargetError when there is none."""


@runtime_checkable
class Prepares(Protocol):
    """What an engine may have besides: it is told early that it will be asked, while gpuenv is still looking around."""

    def prepare(self, report: Reporter) -> None:
        """Start what takes a while to start, and return at once. Perhaps nothing is asked in the end."""


@runtime_checkable
class KnowsCache(Protocol):
    """What an engine may have besides: then nobody is asked before a download that will not happen."""

    def is_cached(self, plan: Plan, report: Reporter) -> bool:
        """Say, in about a tenth of a second, whether `build` would download nothing."""


@runtime_checkable
class Adds(Protocol):
    """What an engine may have besides: it puts a stack into an environment that is there already."""

    def clone(self, plan: Plan, report: Reporter) -> None:
        """Copy the environment at `plan.onto`, without what gpuenv put into it, to `plan.prefix`.

        Raises UsageError where the engine's environments cannot be copied, GpuenvError when that fails.
        """

    def add(self, plan: Plan, report: Reporter) -> Built:
        """Install the packages of `plan.lock` into the environment at `plan.prefix`. Raises as `build` does."""


class ArtifactSource(Protocol):
    """A kind of place that CUDA and cuDNN come from; its name is the key under a recipe's `sources`."""

    name: str

    def locate(self, built: Built, source: Source) -> CudaFiles:
        """Find the CUDA files of a built environment. Raises GpuenvError when they are not there."""


@runtime_checkable
class Brings(Protocol):
    """What an artifact source may have besides: its files are no packages, so it brings them itself."""

    def reasons(self, host: Host, request: Request, source: Source) -> tuple[Reason, ...]:
        """Say why the source cannot serve this machine; nothing when it can. Called when a recipe is chosen."""

    def archives(self, plan: Plan) -> tuple[Archive, ...]:
        """Say which of NVIDIA's files `bring` will need, for their licences to be asked for. Raises UsageError."""

    def bring(self, built: Built, plan: Plan, settings: Settings, report: Reporter) -> None:
        """Put the files into a built environment, or note down where they are.

        Raises FetchError, TargetError or GpuenvError.
        """


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check can look at. `activated` asks for a run inside an activated shell.

    `log_dir` is where a child's full output goes, `timeout_s` when to end a child, `data` which training data to use
    (`synthetic` or `cifar10`). A check that takes long calls `on_step` with what it is at.
    """

    built: Built
    recipe: Recipe
    source_name: str
    host: Host
    cuda: CudaFiles
    log_dir: Path
    activated: bool = False
    timeout_s: float = 900.0
    data: str = "synthetic"
    environment: Mapping[str, str] = field(default_factory=dict)
    on_step: Callable[[str], None] = lambda step: None


@dataclass(frozen=True, slots=True)
class Check:
    """Prove something about an environment. `run` returns a result for every outcome; raising means a bug in the check.

    A check with `needs_gpu` is `not run` on a machine without an NVIDIA driver. One with `needs_activation` is run
    twice, activated and not.
    """

    name: str
    run: Callable[[CheckContext], CheckResult]
    needs_gpu: bool = False
    needs_activation: bool = True
    order: int = 50


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a repair, as data, so that it can be shown before it is done.

    `kind` is `link` (make the symbolic link `path` to `target`), `unlink` (remove the link `path`), `executable` (let
    `path` be run) or `run` (run `command`).
    """

    kind: Literal["link", "unlink", "executable", "run"]
    path: str = ""
    target: str = ""
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repair:
    """What `gpuenv doctor --fix` may do once the user has agreed: one sentence that says it, and the steps."""

    summary: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A named cause, and the command or change that mends it. `confidence` is `certain`, `likely` or `possible`.

    `explains` names rules whose findings are only consequences of this cause; those found are in `consequences`. `line`
    and `quote` are where a log shows it. `repair` is there when it can be mended safely.
    """

    rule: str
    cause: str
    fix: str
    confidence: Literal["certain", "likely", "possible"]
    source: str
    explains: tuple[str, ...] = ()
    line: int | None = None
    quote: str = ""
    repair: Repair | None = None
    consequences: tuple[str, ...] = ()


LooksAt = Literal["log", "environment", "host"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Name the cause of a failure: `find` is pure and returns None when what it looks at does not show it.

    It gets the text of a log (`looks_at="log"`), what was read from an environment without running anything in it
    (`"environment"`, a `gpuenv.doctor.environment.Environment`), or a `gpuenv.model.Host`. It may return several.
    """

    id: str
    find: Callable[[Any], Diagnosis | Sequence[Diagnosis] | None]
    order: int = 50
    looks_at: LooksAt = "log"
