"""What a command ends with: one value, rendered late, as text or as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

from gpuenv.errors import GpuenvError

RESULT_VERSION = "1"
Status = Literal["success", "partial", "error", "planned"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to print: `data` for `--json`, `text` for people. `error` is set when work was done but a check failed.

    With `talk` the text only says what was done, and `-q` leaves it out; else it is what was asked for.
    """

    data: Any
    text: str
    status: Status = "success"
    error: GpuenvError | None = None
    talk: bool = False


def envelope(
    command: str, outcome: Outcome | None, error: GpuenvError | None, warnings: Sequence[str]
) -> dict[str, Any]:
    """Make the document that `--json` prints; `docs/json.md` describes it.

    ``{"gpuenv_result_version": "1", "command": "list", "status": "success", "exit_code": 0, "data": {...},
    "errors": [{"code", "message", "cause", "hints": [{"code", "text"}]}], "warnings": []}``
    """
    from gpuenv.receipt import to_builtins

    problem = error or (outcome.error if outcome else None)
    return {
        "gpuenv_result_version": RESULT_VERSION,
        "command": command,
        "status": outcome.status if outcome else "error",
        "exit_code": problem.exit_code if problem else 0,
        "data": to_builtins(outcome.data) if outcome else None,
        "errors": [error_document(problem)] if problem else [],
        "warnings": list(warnings),
    }


def document(command: str, outcome: Outcome | None, error: GpuenvError | None, warnings: Sequence[str]) -> str:
    """Write the envelope as JSON in ASCII, which every stream can hold, and a path that is no UTF-8 too."""
    return json.dumps(envelope(command, outcome, error, warnings), indent=2)


def error_document(error: GpuenvError) -> dict[str, Any]:
    """Describe an error for a program."""
    return {
        "code": error.code,
        "message": error.message,
        "cause": error.cause,
        "hints": [{"code": hint.code, "text": hint.text} for hint in error.hints],
        "log": error.log_path,
    }


def unsaid(error: GpuenvError, said: str) -> GpuenvError:
    """Return the error without the cause and hints that the reader has just read on standard output."""
    shown = copy(error)
    shown.cause = None if error.cause is not None and error.cause in said else error.cause
    shown.hints = tuple(hint for hint in error.hints if hint.text not in said)
    return shown
