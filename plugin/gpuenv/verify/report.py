"""Read the report that a child of `verify` left behind, complete or cut off by its death. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a child: when it began, in seconds after the child's start, and how long it took (None: not ended)."""

    name: str
    at_s: float
    elapsed_s: float | None


@dataclass(frozen=True, slots=True)
class ChildReport:
    """What a child said of itself. `failure` is its own verdict; `ended` is false for a child that died or hangs."""

    started: bool = False
    ended: bool = False
    failure: str | None = None
    executable: str | None = None
    steps: tuple[Step, ...] = ()
    libraries: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    unreadable_lines: int = 0

    @property
    def unfinished_step(self) -> str | None:
        """Return the step that began and did not end."""
        return next((step.name for step in reversed(self.steps) if step.elapsed_s is None), None)


def parse_report(text: str) -> ChildReport:
    """Read the JSON lines of a child; a line that is cut off or is no event is counted and left out.

    Sample::

        {"t": 0.0, "event": "start", "pid": 4711, "python": "3.8.18", "executable": "/envs/tf/bin/python"}
        {"t": 6.4, "event": "begin", "step": "convolution"}
        {"t": 6.9, "event": "libraries", "paths": ["/envs/tf/lib/.../libcudnn.so.8"]}
        {"t": 7.1, "event": "end", "step": "convolution"}
        {"t": 7.1, "event": "evidence", "values": {"convolution": {"relative_error": 2e-07}}}
        {"t": 7.2, "event": "done"}
    """
    steps: list[Step] = []
    evidence: dict[str, Any] = {}
    events = [event for event in _events(text) if event is not None]
    for event in events:
        kind, at = event["event"], float(event["t"])
        if kind == "begin":
            steps.append(Step(str(event.get("step")), at, None))
        elif kind == "end" and steps:
            steps[-1] = Step(steps[-1].name, steps[-1].at_s, round(at - steps[-1].at_s, 3))
        elif kind == "evidence":
            evidence.update(event.get("values", {}))
    start, failed = _last(events, "start"), _last(events, "failed")
    return ChildReport(
        started=start is not None,
        ended=failed is not None or _last(events, "done") is not None,
        failure=str(failed.get("message")) if failed else None,
        executable=start.get("executable") if start else None,
        steps=tuple(steps),
        libraries=tuple((_last(events, "libraries") or {}).get("paths", ())),
        evidence=evidence,
        unreadable_lines=sum(event is None for event in _events(text)),
    )


def _events(text: str) -> Iterator[dict[str, Any] | None]:
    """Give the event of each line, None for a line that has none."""
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            yield None
            continue
        valid = isinstance(event, dict) and isinstance(event.get("event"), str)
        yield event if valid and isinstance(event.get("t"), int | float) else None


def _last(events: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    return next((event for event in reversed(events) if event["event"] == kind), None)
