"""Words and columns for terminals, without colour."""

from __future__ import annotations

import os
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
    widths = [max(width(line[index]) for line in lines if index < len(line)) for index in range(max(map(len, lines)))]
    return "\n".join(
        indent
        + "  ".join(
            cell if index == len(line) - 1 else cell + " " * (widths[index] - width(cell))
            for index, cell in enumerate(line)
        ).rstrip()
        for line in lines
    )


def terminal_columns() -> int:
    """Return how wide to write on stdout: the terminal's columns between 60 and 120; 100 where it is none.

    The variable `COLUMNS` wins over both.
    """
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said) > 0:
        found = int(said)
    else:
        try:  # not `shutil.get_terminal_size`, which asks the stdout that Python began with
            found = os.get_terminal_size(sys.stdout.fileno()).columns or 100
        except (AttributeError, OSError, ValueError):
            found = 100
    return min(max(found, 60), 120)


def wrapped(text: str, indent: str, most: int | None = None) -> list[str]:
    """Break a line at `most` columns, by default the terminal's; what follows is indented.

    A longer word stays whole. The text's own indent stays.
    """
    most = terminal_columns() if most is None else most
    lines, line = [], ""
    first = len(text) - len(text.lstrip())
    for word in text.split():
        if line.strip() and width(line) + 1 + width(word) > most:
            lines.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line.strip() else f"{line or ' ' * first}{word}"
    return [*lines, line]


def width(text: str) -> int:
    """Count the columns that a text takes on a terminal: two for a wide character, none for a combining one.

    The classes are those of Unicode Standard Annex #11, https://www.unicode.org/reports/tr11/.
    """
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(char) in ("Mn", "Me", "Cf") else 2 if east_asian_width(char) in ("W", "F") else 1 for char in text
    )


def check_lines(results: Iterable[CheckResult]) -> str:
    """Print a line a check, and under a failed one its cause and hint, each sentence once."""
    rows, below = [], []
    said: set[str] = set()
    for result in results:
        how = {True: "activated", False: "not activated", None: ""}[result.activated]
        elapsed = f"{result.elapsed_s:.1f} s" if result.elapsed_s >= 0.05 else ""
        rows.append((MARKS[result.status], result.check, how, elapsed, result.message))
        words = (("cause", result.cause), ("hint", result.hint)) if result.status == "failed" else ()
        below.append([f"      {word}: {text}" for word, text in words if text and text not in said])
        said |= {text for _, text in words if text}
    lines = columns([tuple(one_line(cell) for cell in row) for row in rows], indent="  ").splitlines()
    return "\n".join(line for first, more in zip(lines, below, strict=True) for line in (first, *more))


def one_line(text: str) -> str:
    """Put a text on one line, as a cell of a table must be."""
    return text if len(text.splitlines()) <= 1 else " ".join(text.split())


def option_for(name: str | None, prefix: str) -> str:
    """Print the option that names an environment, quoted for the shell."""
    return f"-p {quoted(prefix)}" if name is None else f"-n {quoted(name)}"


def quoted(text: str) -> str:
    """Quote a word for the shell of this system, if it needs that."""
    if sys.platform != "win32":
        return shlex.quote(text)
    return f'"{text}"' if not text or set(text) & set(" \t&()^;,='!+`~[]{}") else text
