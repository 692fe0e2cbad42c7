"""Make a rule from data: which events of a log it looks for, and what to say about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gpuenv.doctor.event import Event, Log, read_log
from gpuenv.extension import Diagnosis, Rule

_QUOTE_CHARACTERS = 240


@dataclass(frozen=True)
class LogRule:
    """A rule as data. In `cause` and `fix`, `{name}` stands for the values of that name in the events, each once.

    It speaks when the log has an event of one of `kinds` and `when` says yes. `explains` names the rules whose findings
    are then only consequences. `sources` say where the words were seen, and why they mean what the cause says.
    """

    id: str
    kinds: tuple[str, ...]
    cause: str
    fix: str
    sources: tuple[str, ...]
    confidence: Literal["certain", "likely", "possible"] = "certain"
    order: int = 50
    when: Callable[[Log], bool] = lambda log: True
    explains: tuple[str, ...] = ()

    def find(self, text: str) -> Diagnosis | None:
        """Return the diagnosis if the log shows it."""
        log = read_log(text)
        if not log.has(*self.kinds) or not self.when(log):
            return None
        events = log.all(*self.kinds)
        words = _Words(events)
        return Diagnosis(
            self.id,
            _tidy(self.cause.format_map(words)),
            _tidy(self.fix.format_map(words)),
            self.confidence,
            ", ".join(self.sources),
            explains=self.explains,
            line=events[0].line,
            quote=events[0].text[:_QUOTE_CHARACTERS],
        )

    @property
    def rule(self) -> Rule:
        """Return the rule itself."""
        return Rule(self.id, self.find, self.order)


def _tidy(text: str) -> str:
    """Close the gaps where the events name nothing: `could not start ():` becomes `could not start`."""
    return re.sub(r"\s+(?=[,;:.)]|$)", "", text.replace(" ()", "")).rstrip(":")


class _Words(dict[str, str]):
    """The values that events name, as code: `libcudart.so.11.0`, `libcublas.so.11`."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self._events = events

    def __missing__(self, name: str) -> str:
        values = dict.fromkeys(" ".join(event[name].split()) for event in self._events if event[name])
        return ", ".join(f"`{value}`" for value in values)
