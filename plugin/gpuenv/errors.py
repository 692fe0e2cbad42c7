"""Errors that help: what went wrong, why, and what the user can type next.

Every error a user can cause or meet derives from `GpuenvError`. The exit code belongs to the class, so a script can
tell a missing driver from a full disk. `docs/exit-codes.md` lists them and a test keeps both in step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Hint:
    """An action the user can take; `code` is stable across releases, `text` may be reworded."""

    code: str
    text: str


class GpuenvError(Exception):
    """Base of every expected failure.

    `message` is one sentence without a full stop, lower-case first word, values in backticks.
    `cause` says which fact is in the way. `hints` are actions that the user can type.
    `log_path` names the file that holds a child's full output, when there is one.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __init__(
        self, message: str, *, cause: str | None = None, hints: Sequence[Hint] = (), log_path: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hints = tuple(hints)
        self.log_path = log_path


class UsageError(GpuenvError):
    """The command line, a recipe file or a setting is wrong, or a question had nobody to answer it."""

    exit_code = 2
    code = "usage"


class RecipeError(UsageError):
    """A recipe file is not valid; the message starts with `file:line:column`."""

    code = "recipe"


class NoGpuError(GpuenvError):
    """No usable NVIDIA GPU or driver was found."""

    exit_code = 3
    code = "no-gpu"


class NotRunError(GpuenvError):
    """A check that was asked for by name could not run, most often because there is no GPU."""

    exit_code = 3
    code = "not-run"


class NoRecipeError(GpuenvError):
    """No recipe fits this machine and request."""

    exit_code = 4
    code = "no-recipe"


class UnsolvableError(GpuenvError):
    """The engine could not resolve or find what the recipe asks for (packages, a Python)."""

    exit_code = 5
    code = "unsolvable"


class FetchError(GpuenvError):
    """A download failed, or its hash is not the locked one."""

    exit_code = 6
    code = "fetch"


class ArchiveError(FetchError):
    """An archive is not what it should be: cut off, damaged, or made to do harm."""

    code = "archive"


class CheckFailedError(GpuenvError):
    """The environment was built but a check failed."""

    exit_code = 7
    code = "check-failed"


class TargetError(GpuenvError):
    """The target exists already, is locked by another run, or is not gpuenv's to change."""

    exit_code = 8
    code = "target"


class NotExecutableError(GpuenvError):
    """`gpuenv run`: the command is there and cannot be started; the shells' own exit code for it."""

    exit_code = 126
    code = "not-executable"


class NoCommandError(GpuenvError):
    """`gpuenv run`: there is no such command; the shells' own exit code for it."""

    exit_code = 127
    code = "no-command"


class Hangup(GpuenvError):
    """The terminal went away (SIGHUP)."""

    exit_code = 129
    code = "hangup"


class Interrupted(GpuenvError):
    """The user pressed Ctrl-C."""

    exit_code = 130
    code = "interrupted"


class Terminated(GpuenvError):
    """Another program asked gpuenv to end (SIGTERM)."""

    exit_code = 143
    code = "terminated"
