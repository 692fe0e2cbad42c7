"""What is going on: events that the pipeline and its steps send to a reporter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase begins; `message` is a present participle ("Installing 52 packages")."""

    phase: str
    message: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A phase goes on. `done` and `total` are in `unit` ("bytes", "packages", "checks"); `total` may be unknown."""

    phase: str
    done: int
    total: int | None
    unit: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PhaseDone:
    """A phase ended well; `message` is past tense with the number that matters ("Staged 23 files")."""

    phase: str
    message: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Detail:
    """Something for `-v` (level 1) or `-vv` (level 2)."""

    message: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the user can and should act on."""

    message: str


Event = PhaseStarted | Progress | PhaseDone | Detail | Warned
Reporter = Callable[[Event], None]


def silent(event: Event) -> None:
    """Drop the event: the reporter of a library call."""
