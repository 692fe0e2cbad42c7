"""`conda gpuenv`: the same commands and options as `gpuenv`, with conda's names, settings and kind of errors."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from conda import CondaError
from conda.base.context import context, determine_target_prefix

from gpuenv.cli.front import Front
from gpuenv.errors import GpuenvError, Hint, UsageError

_OWN_PROGRAM = ("Scripts", "conda.exe") if os.name == "nt" else ("bin", "conda")


class GpuenvCondaError(CondaError):  # type: ignore[misc]
    """An error of gpuenv, shown by conda; `return_code` is gpuenv's exit code."""

    def __init__(self, error: GpuenvError, words: Front) -> None:
        message, cause = words.spoken(error.message), words.spoken(error.cause or "")
        hints = [Hint(hint.code, words.spoken(hint.text)) for hint in error.hints]
        if error.log_path:
            hints.append(Hint("log", f"see `{error.log_path}` for all that was said"))
        if "guidance" in signature(CondaError.__init__).parameters:  # conda 26.7
            guidance: dict[str, Any] = {"cause": cause or None}
            guidance["hints"] = [{"text": it.text, "hint_code": it.code.replace(".", "_")} for it in hints]
            super().__init__(message, guidance=guidance if cause or hints else None)
        else:
            lines = [message, *([f"  cause: {cause}"] if cause else []), *(f"hint: {it.text}" for it in hints)]
            super().__init__("\n".join(lines))
        self.return_code = error.exit_code


def run(arguments: tuple[str, ...]) -> int:
    """Run a command line of gpuenv; return its exit code. Raises GpuenvCondaError, which conda prints."""
    from gpuenv.cli.main import main

    # So that the engine asks this conda, whatever else is on PATH.
    os.environ.setdefault("CONDA_EXE", str(Path(sys.prefix, *_OWN_PROGRAM)))
    own, settings = split_settings(arguments)
    os.environ.update(settings)
    errors: list[GpuenvError] = []
    front = Front(
        program="conda gpuenv",
        locate=prefix_of,
        active=_active(),
        known=_known,
        json=bool(context.json),
        quiet=bool(context.quiet),
        yes=bool(context.always_yes),
        engine="conda",
        on_error=errors.append,
    )
    code = main(own, front)
    if errors:
        raise GpuenvCondaError(errors[0], front)
    return code


def split_settings(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Take conda's own options out of a command line: `--solver NAME`, `--offline`, `-d` and `-O`.

    Return what is left for gpuenv, and the variables that tell conda and uv the same.
    """
    ends = arguments.index("--") if "--" in arguments else len(arguments)
    rest: list[str] = []
    settings: dict[str, str] = {}
    words = iter(arguments[:ends])
    for word in words:
        if word == "--offline":
            settings |= {"CONDA_OFFLINE": "true", "UV_OFFLINE": "1"}
        elif word == "--solver" or word.startswith("--solver="):
            settings["CONDA_SOLVER"] = word.partition("=")[2] or next(words, "")
        else:
            rest.append({"-d": "--dry-run", "-O": "--override-channels"}.get(word, word))
    return [*rest, *arguments[ends:]], settings


def prefix_of(name: str) -> Path:
    """Find where the environment of a name is or would be, as conda does. Raises UsageError for `base`."""
    if name in ("base", "root"):
        raise UsageError(
            f"`{name}` is conda's own environment and stays as it is",
            hints=[Hint("target.base", "choose another name with `-n NAME`")],
        )
    try:
        return Path(determine_target_prefix(context, Namespace(name=name, prefix=None)))
    except CondaError as err:
        raise UsageError(str(err)) from err


def _known() -> list[Path]:
    """List the environments that conda knows, wherever they came from: made, cloned or renamed."""
    from conda.core.envs_manager import list_all_known_prefixes

    return [Path(prefix) for prefix in list_all_known_prefixes()]


def _active() -> Path | None:
    """Return the activated environment, unless it is conda's own."""
    active = context.active_prefix
    return Path(active) if active and Path(active) != Path(context.root_prefix) else None
