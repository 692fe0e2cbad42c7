"""Marked blocks in a script that somebody else wrote: put in, replaced, and taken out again to the last byte."""

from __future__ import annotations

import re

BEGIN = "# >>> gpuenv >>>"
END = "# <<< gpuenv <<<"
_BLOCK = re.compile(rf"^[ \t]*(?:@REM )?{BEGIN}\r?\n.*?{END}\r?\n", re.MULTILINE | re.DOTALL)


def marked(text: str, comment: str = "") -> str:
    """Put the marks around lines; `comment` makes a mark a comment where `#` does not."""
    return f"{comment}{BEGIN}\n{text}{comment}{END}\n"


def without_blocks(script: str) -> str:
    """Return a script as it was before gpuenv; what others changed outside the marks stays."""
    return _BLOCK.sub("", script)


def has_block(script: str) -> bool:
    """Say whether gpuenv has written in a script."""
    return _BLOCK.search(script) is not None


def insert(script: str, text: str, *, after: str | None = None, before: str | None = None) -> str | None:
    """Put lines behind the first line that matches `after`, before the last that matches `before`, or at the end.

    Line ends become those of the script. Returns None when no line matches: the script is of a kind we do not know.
    """
    newline = "\r\n" if "\r\n" in script else "\n"
    if newline != "\n":
        text = text.replace("\n", newline)
    if after is None and before is None:
        joint = "" if script.endswith("\n") or not script else newline
        return script + joint + text
    found = list(re.finditer(rf"^{after or before}[^\n]*\n", script, re.MULTILINE))
    if not found:
        return None
    position = found[0].end() if after is not None else found[-1].start()
    return script[:position] + text + script[position:]
