"""Words and columns for terminals, without colour."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpuenv.model import CheckResult

MARKS = {"ok": "ok", "failed": "FAILED", "not run": "not run"}


def size(number_bytes: int | None) -> str:
    """Print a size in IEC units: `1.9 GiB`; an unknown one is `unknown`."""
    if number_bytes is None:
        return "unknown"
    value = float(number_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def columns(rows: Iterable[Sequence[str]], *, indent: str = "") -> str:
    """Align rows of text in columns, two spaces apart; the last column is never padded."""
    lines = [list(row) for row in rows]
    if not lines:
        return ""
    widths = [max(len(line[index]) for line in lines if index < len(line)) for index in range(max(map(len, lines)))]
    return "\n".join(
        indent
        + "  ".join(
            cell if index == len(line) - 1 else cell.ljust(widths[index]) for index, cell in enumerate(line)
        ).rstrip()
        for line in lines
    )


def check_lines(results: Iterable[CheckResult]) -> str:
    """Print a line a check, and under a failed one its cause and hint."""
    rows = []
    for result in results:
        how = {True: "activated", False: "not activated", None: ""}[result.activated]
        elapsed = f"{result.elapsed_s:.1f} s" if result.elapsed_s >= 0.05 else ""
        rows.append((MARKS[result.status], result.check, how, elapsed, result.message))
    lines = columns(rows, indent="  ").splitlines()
    for index, result in reversed(list(enumerate(results))):
        more = [f"      {word}: {text}" for word, text in (("cause", result.cause), ("hint", result.hint)) if text]
        lines[index + 1 : index + 1] = more if result.status == "failed" else []
    return "\n".join(lines)


def option_for(name: str | None, prefix: str) -> str:
    """Print the option that names an environment, quoted for the shell."""
    if name is not None:
        return f"-n {name}"
    return f'-p "{prefix}"' if sys.platform == "win32" else f"-p {shlex.quote(prefix)}"
