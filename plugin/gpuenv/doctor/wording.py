"""Find words that every text with a match of a regular expression has: looking for those first is much faster."""

from __future__ import annotations

import re
from functools import lru_cache

# Characters that stand for themselves; a space stands for any white space in a wording, see `Kind`.
_LITERAL = re.compile(r"[A-Za-z0-9_:=/',;\"!@#%&<>~-]|[^\x00-\x7f]|\\[^\w\s]")
# What opens a group that is in every match: `(`, `(?:`, `(?P<name>`; not one that looks ahead or behind.
_GROUP = re.compile(r"\((?:\?:|\?P<\w+>|(?!\?))")
# `[^]a]` too: the first character may be the bracket.
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_LEAST = 4


@lru_cache(maxsize=4096)
def words_of(wording: str) -> tuple[str, ...]:
    """Return words in lower case of which at least one is in every match; nothing where that cannot be told.

    `CUDA_ERROR_NO_DEVICE` gives itself, `(?:a|b)c? not found in \\d+` gives `found`, `(?:first|second) \\d` both of
    them, and `a\\.so|too short` nothing, as `.so` is too short to be worth it.
    """
    words: list[str] = []
    for alternative in _alternatives(wording):
        found: list[tuple[str, ...]] = [(run.lower(),) for run in _runs(alternative) if _long_enough(run)]
        found += [inner for group in _groups(alternative) if (inner := words_of(group))]
        if not found:
            return ()
        words += max(found, key=lambda some: min(map(len, some)))
    return tuple(words)


def _long_enough(run: str) -> bool:
    """Say whether a word is rare enough to look for: two characters of Chinese are."""
    return len(run.encode()) >= _LEAST


def _groups(alternative: str) -> list[str]:
    """Return what is in the groups that every match has once or more."""
    found, start = [], 0
    for at, end, depth in _tokens(alternative):
        if alternative[at:end] == "(" and depth == 0:
            start = at
        elif alternative[at:end] == ")" and depth == 1 and alternative[end : end + 1] not in ("?", "*", "{"):
            head = _GROUP.match(alternative, start)
            found += [alternative[head.end() : at]] if head else []
    return found


def _alternatives(wording: str) -> list[str]:
    """Split at each `|` that is in no group and no class."""
    found, start = [], 0
    for at, end, depth in _tokens(wording):
        if depth == 0 and wording[at:end] == "|":
            found.append(wording[start:at])
            start = end
    return [*found, wording[start:]]


def _runs(alternative: str) -> list[str]:
    """Return the runs of characters outside of groups and classes; one that may be absent ends a run before it."""
    runs, run = [], ""
    for at, end, depth in _tokens(alternative):
        token = alternative[at:end]
        if token[0] in "?*{" and run:
            run = run[:-1]
        if depth == 0 and _LITERAL.fullmatch(token):
            run += token[-1]
            continue
        runs.append(run)
        run = ""
    return [*runs, run]


def _tokens(pattern: str) -> list[tuple[int, int, int]]:
    """Cut a pattern into characters, escapes and classes: (begin, end, depth of groups)."""
    found, at, depth = [], 0, 0
    while at < len(pattern):
        end = at + 1
        if pattern[at] == "\\":
            end = at + 2
        elif pattern[at] == "[":
            end = at + len(match[0]) if (match := _CLASS.match(pattern, at)) else end
        elif pattern[at] == "{":
            end = pattern.index("}", at) + 1
        if pattern[at] == ")":
            depth -= 1
            found.append((at, end, depth + 1))
        else:
            found.append((at, end, depth))
        if pattern[at] == "(":
            depth += 1
        at = end
    return found
