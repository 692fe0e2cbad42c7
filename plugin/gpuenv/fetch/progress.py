"""How far several downloads are together, how fast they go, and how long they still take."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from gpuenv.model import Progress, Reporter

_EVERY_S = 1.0
_WINDOW_S = 10.0


class Meter:
    """Counts what comes in from several threads, and reports once a second.

    The rate is that of the last ten seconds; the time left is known when all sizes are.
    """

    def __init__(self, report: Reporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._totals: dict[str, int | None] = {}
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])
        self._received = 0
        self._told = clock()

    def expect(self, name: str, total: int | None, done: int = 0) -> None:
        """Note how long a file is, and how much of it is there already."""
        with self._lock:
            self._totals[name] = total
            self._done[name] = done

    def add(self, name: str, count: int) -> None:
        """Count bytes that came in."""
        with self._lock:
            self._done[name] += count
            self._received += count
            now = self._clock()
            if now - self._told < _EVERY_S:
                return
            self._told = now
            self._seen.append((now, self._received))
            while now - self._seen[0][0] > _WINDOW_S:
                self._seen.popleft()
            event = self._event(name, now)
        self._report(event)

    def wait(self, name: str) -> None:
        """Tell, as often as the rest, that another process downloads a file."""
        with self._lock:
            now = self._clock()
            if now - self._told < _EVERY_S:
                return
            self._told = now
            event = replace(self._event(name, now), detail=f"waiting for another gpuenv that downloads {name}")
        self._report(event)

    def _event(self, name: str, now: float) -> Progress:
        done = sum(self._done.values())
        sizes = [size for size in self._totals.values() if size is not None]
        total = sum(sizes) if len(sizes) == len(self._totals) else None
        began, before = self._seen[0]
        rate = (self._received - before) / (now - began) if now > began else 0.0
        detail = f"{name}, {rate / 1024**2:.1f} MiB/s"
        if total is not None and rate > 0:
            detail += f", {_time((total - done) / rate)} left"
        return Progress("fetch", done, total, "bytes", detail)


def _time(seconds: float) -> str:
    """Print a time: `42 s`, `3 min 20 s`, `1 h 5 min`."""
    left = round(max(0.0, seconds))
    if left < 60:
        return f"{left} s"
    if left < 3600:
        return f"{left // 60} min {left % 60} s"
    return f"{left // 3600} h {left % 3600 // 60} min"
