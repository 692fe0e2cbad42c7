"""Read a log into events: what happened, in which line, with which names and numbers."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from gpuenv.doctor.text import clean, without_repeats


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a log shows: its kind (`library.missing`), where it begins, and what it names."""

    kind: str
    at: int
    line: int
    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        """Return a value by name; an empty text for one that this line does not show."""
        return self.values.get(name) or ""


# A class of characters, an escape, a repetition, or a single character.
_TOKEN = re.compile(r"\[\^?]?(?:[^]\\]|\\.)*]|\\.|\{[\d,]+\}|.")


def needed(wording: str) -> str:
    r"""Return the longest text that is in whatever a wording finds, in no case; an empty one if there is none.

    Where there is no `module`, there is no `Module nvidia\S* not found`. To look for a text takes a hundredth of the
    time that a pattern takes.
    """
    parts, depth = [""], 0
    for token in _TOKEN.findall(wording):
        if token == "|" and depth == 0:
            return ""
        depth += (token == "(") - (token == ")")
        if token in "?*" or token.startswith("{"):
            parts[-1] = parts[-1][:-1]
        literal = token.removeprefix("\\") if len(token) == 1 or not token[1].isalnum() else ""
        if depth == 0 and len(literal) == 1 and (len(token) == 2 or literal not in " .^$+?*)"):
            parts[-1] += literal
        else:
            parts.append("")
    return max(parts, key=len).casefold()


@dataclass(frozen=True)
class Kind:
    """A kind of event, and the wordings of it. A space in a wording stands for any white space: lines get wrapped."""

    name: str
    wordings: tuple[str, ...]

    @cached_property
    def patterns(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Compile when first asked, not at import; beside each pattern stands what it needs."""
        return tuple(
            (needed(wording), re.compile(wording.replace(" ", r"\s+"), re.IGNORECASE)) for wording in self.wordings
        )

    def events(self, text: str, folded: str, line_of: Callable[[int], int]) -> Iterator[Event]:
        """Find every event of this kind. `folded` is the text without its case."""
        for need, pattern in self.patterns:
            if need not in folded:
                continue
            for match in pattern.finditer(text):
                values = {name: value for name, value in match.groupdict().items() if value}
                yield Event(self.name, match.start(), line_of(match.start()), " ".join(match[0].split()), values)


@dataclass(frozen=True)
class Log:
    """A log that was read: its plain text and its events, in the order of the text."""

    text: str
    events: tuple[Event, ...]

    @cached_property
    def _by_kind(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.events:
            found.setdefault(event.kind, []).append(event)
        return found

    def all(self, *kinds: str) -> list[Event]:
        """Return the events of these kinds, earliest first."""
        return sorted((event for kind in kinds for event in self._by_kind.get(kind, ())), key=lambda event: event.at)

    def first(self, *kinds: str) -> Event | None:
        """Return the earliest event of these kinds."""
        return next(iter(self.all(*kinds)), None)

    def has(self, *kinds: str) -> bool:
        """Say whether there is an event of one of these kinds."""
        return any(kind in self._by_kind for kind in kinds)

    def names(self, value: str, *kinds: str) -> tuple[str, ...]:
        """Return the different values of a name in the events of these kinds, in order."""
        return tuple(dict.fromkeys(event[value] for event in self.all(*kinds) if event[value]))


@lru_cache(maxsize=4)
def read_log(text: str) -> Log:
    """Read a log. Rules ask one after the other for the same text, so the last few are kept."""
    from gpuenv.doctor.kinds import KINDS

    plain, numbers = without_repeats(clean(text))
    starts = [0, *(match.end() for match in re.finditer("\n", plain))]
    folded = plain.casefold()

    def line_of(at: int) -> int:
        return numbers[bisect_right(starts, at) - 1]

    events = [event for kind in KINDS for event in kind.events(plain, folded, line_of)]
    return Log(plain, tuple(sorted(events, key=lambda event: event.at)))
