"""Find words that every text with a match of a regular expression has: looking for those first is much faster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

# Characters that stand for themselves; a space stands for any white space in a wording, see `Kind`.
_LITERAL = re.compile(r"[A-Za-z0-9_:=/',;\"!@#%&<>~-]|\\[^\w\s]|[^\x00-\x7f]")
# How a group begins that holds a part of the match; those that look ahead or back do not.
_GROUP = re.compile(r"\((?!\?)|\(\?:|\(\?P<\w+>")
# `[^]a]` too: the first character may be the bracket.
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_LEAST = 3
# A Chinese word has two characters.
_LEAST_WIDE = 2


@lru_cache(maxsize=1024)
def words_of(wording: str) -> tuple[str, ...]:
    """Return words in lower case of which at least one is in every match; nothing where that cannot be told.

    `CUDA_ERROR_NO_DEVICE` gives itself, `(?:a|b)c? not found in \\d+` gives `found`, and `a\\.h|too short` nothing, as
    `.h` is too short to be worth it. Where all words are in a group, those are taken: `(?:red|green) \\d` gives both.
    """
    words: list[str] = []
    for alternative in _alternatives(wording):
        runs = [run for run in _runs(alternative) if len(run) >= (_LEAST if run.isascii() else _LEAST_WIDE)]
        inner = (max(runs, key=len).lower(),) if runs else _words_of_groups(alternative)
        if not inner:
            return ()
        words.extend(inner)
    return tuple(words)


def _words_of_groups(alternative: str) -> tuple[str, ...]:
    """Return the words of the first group that every match has and that has a word in each of its alternatives."""
    for group in _groups(alternative):
        if words := words_of(group):
            return words
    return ()


def _groups(alternative: str) -> Iterator[str]:
    """Give what is inside of each outermost group; not of one that may be absent, or only looks ahead."""
    start = None
    tokens = list(_tokens(alternative))
    for number, (at, end, depth) in enumerate(tokens):
        token = alternative[at:end]
        if token == "(" and depth == 0:
            start = at
        elif token == ")" and depth == 1 and start is not None:
            behind = alternative[end : end + 1] if number + 1 < len(tokens) else ""
            head = _GROUP.match(alternative, start)
            if head and behind not in ("?", "*", "{"):
                yield alternative[head.end() : at]
            start = None


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
