"""Read a log into events: what happened, in which line, with which names and numbers."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from gpuenv.doctor.text import clean, without_repeats
from gpuenv.doctor.wording import words_of


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


@dataclass(frozen=True)
class Kind:
    """A kind of event, and the wordings of it. A space in a wording stands for any white space: lines get wrapped.

    ` ?` and ` *` stand for white space that may be absent.

    `adds` gives further values from those that a wording found.
    """

    name: str
    wordings: tuple[str, ...]
    adds: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """Compile when first asked, not at import."""
        return tuple(re.compile(_any_white_space(wording), re.IGNORECASE) for wording in self.wordings)

    @cached_property
    def guarded(self) -> tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]:
        """Return each pattern with words of which one is in every match; without any where that is not known."""
        return tuple(
            (words_of(wording), pattern) for wording, pattern in zip(self.wordings, self.patterns, strict=True)
        )

    def events(self, text: str, line_of: Callable[[int], int], lowered: str | None = None) -> Iterator[Event]:
        """Find every event of this kind; `lowered` is the text in lower case, where the caller has it."""
        lowered = text.lower() if lowered is None else lowered
        for words, pattern in self.guarded:
            for word in words:
                if word in lowered:
                    break
            else:
                if words:
                    continue
            for match in pattern.finditer(text):
                values = {name: value for name, value in match.groupdict().items() if value}
                if self.adds:
                    values |= self.adds(values)
                yield Event(self.name, match.start(), line_of(match.start()), " ".join(match[0].split()), values)


def _any_white_space(wording: str) -> str:
    r"""Return the wording as a regular expression: ` +` as a mere space, as Python 3.10 has no `\s++`."""
    return re.sub(r" ([?*+]?)", lambda space: r"\s*" if space[1] and space[1] in "?*" else r"\s+", wording)


@dataclass(frozen=True)
class Log:
    """A log that was read: its plain text and its events, in the order of the text."""

    text: str
    events: tuple[Event, ...]

    @cached_property
    def lowered(self) -> str:
        """Return the text in lower case."""
        return self.text.lower()

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
    lowered = plain.lower()

    def line_of(at: int) -> int:
        return numbers[bisect_right(starts, at) - 1]

    events = [event for kind in KINDS for event in kind.events(plain, line_of, lowered)]
    return Log(plain, tuple(sorted(events, key=lambda event: event.at)))
