"""Word why recipes were not chosen: every reason once, with the recipes that it is about. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gpuenv.errors import Hint
from gpuenv.model import Rejection

# As many as a person reads to the end; `gpuenv explain` has them all.
_LINES_AT_MOST, _HINTS_AT_MOST = 4, 4
# Changes that help nobody whose disk is full: what they bring in takes gigabytes as well.
_TAKES_ROOM_TOO = frozenset({"toolkit.missing", "source.engine"})


def explain_rejections(rejections: Iterable[Rejection]) -> list[str]:
    """Write a line for each reason: `tf-2.5, tf-2.4 from pypi: driver 440.33 is older than 450.80.02`.

    Two kinds are left out, because nothing about the machine is in their way: sources that nobody provides, which
    `unavailable_sources` has, and recipes of another version than the one that was asked for.
    """
    return list(_lines(one for one in rejections if not _is_unavailable(one) and not _is_other(one)))


def unavailable_sources(rejections: Iterable[Rejection]) -> list[str]:
    """Write a line for each recipe with sources that nobody provides."""
    sources: dict[str, list[str]] = {}
    for one in rejections:
        if _is_unavailable(one) and one.source is not None:
            sources.setdefault(one.recipe, []).append(one.source)
    why = "which need a plugin that is not installed"
    return [f"{recipe} could also take CUDA from {' or '.join(names)}, {why}" for recipe, names in sources.items()]


def cause_of(rejections: Sequence[Rejection]) -> str | None:
    """Say in a few lines why nothing fits, the recipes that gpuenv would have taken first in front."""
    told = [one for one in rejections if not _is_unavailable(one) and not _is_other(one)] or list(rejections)
    lines = list(_lines(told))
    if len(lines) > _LINES_AT_MOST:
        firsts = list({one.recipe: one for one in reversed(told)}.values())[::-1]
        lines = list(_lines(firsts))
        more = len(lines) - _LINES_AT_MOST + 1
        if more > 1:
            lines = [*lines[: _LINES_AT_MOST - 1], f"{more} more reasons for the other recipes"]
    return "; ".join(lines) or None


def hints_of(rejections: Sequence[Rejection]) -> list[Hint]:
    """Return the smallest changes that would help.

    What a source lacks helps no recipe that is out anyway. Of several recipes one change of each kind is enough, for
    what comes first is in the way.
    """
    told = [one for one in rejections if not _is_other(one)]
    out = {one.recipe for one in told if one.source is None}
    told = [one for one in told if one.source is None or one.recipe not in out]
    several = len({one.recipe for one in told}) > 1
    fixes: dict[str, Hint] = {}
    for reason in (reason for one in told for reason in one.reasons[: 1 if several else None]):
        if reason.fix:
            fixes.setdefault(reason.code if several else reason.fix, Hint(reason.code, reason.fix))
    hints = list(fixes.values())
    if any(hint.code == "disk.full" for hint in hints):
        hints = [hint for hint in hints if hint.code not in _TAKES_ROOM_TOO]
    return hints[:_HINTS_AT_MOST]


def _is_unavailable(rejection: Rejection) -> bool:
    return rejection.source is not None and _only(rejection, "source.unavailable")


def _is_other(rejection: Rejection) -> bool:
    return _only(rejection, "framework.other")


def _only(rejection: Rejection, code: str) -> bool:
    return all(reason.code == code for reason in rejection.reasons)


def _lines(rejections: Iterable[Rejection]) -> Iterator[str]:
    recipes: dict[tuple[str | None, str], list[str]] = {}
    for one in rejections:
        messages = "; ".join(reason.message for reason in one.reasons)
        recipes.setdefault((one.source, messages), []).append(one.recipe)
    for (source, messages), names in recipes.items():
        yield f"{', '.join(names)}{f' from {source}' if source else ''}: {messages}"
