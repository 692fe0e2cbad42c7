"""Turn what rattler says while it installs into progress of the whole: the reporter that py-rattler calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from gpuenv.engines.rattler_messages import Step

REPORT_EVERY_S = 0.1


class Reporter:
    """Add up what rattler says about single packages, from several threads at once, and write a line now and then.

    Every package has a token, which rattler gives back with what it says of that package.
    """

    def __init__(self, sizes: dict[str, int | None], say: Callable[[Step], None]) -> None:
        self._say = say
        self._names = list(sizes)
        self._sizes = [size or 0 for size in sizes.values()]
        self._done = [0] * len(sizes)
        self._total = None if None in sizes.values() else sum(self._sizes)
        self._lock = threading.Lock()
        self._told = 0.0

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        """Begin with a package."""
        return self._names.index(package_name) if package_name in self._names else -1

    def on_download_start(self, cache_entry: int) -> int:
        """Begin to download it."""
        return cache_entry

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        """Go on downloading it."""
        self._add(download_idx, progress, "downloading")

    def on_populate_cache_complete(self, cache_entry: int) -> None:
        """Have it in the cache, unpacked; perhaps it was there before."""
        self._add(cache_entry, self._sizes[cache_entry] if cache_entry >= 0 else 0, "unpacked")

    def on_link_start(self, operation: int, package_name: str) -> int:
        """Begin to put its files into the environment."""
        token = self.on_populate_cache_start(operation, package_name)
        self._add(token, self._sizes[token] if token >= 0 else 0, "linking")
        return token

    def __getattr__(self, name: str) -> Any:
        """Take everything else that rattler says, and return a token where it wants one."""
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *said: said[0] if said and isinstance(said[0], int) else 0

    def _add(self, token: int, done: int, doing: str) -> None:
        with self._lock:
            if token >= 0:
                self._done[token] = max(done, self._done[token])
            now = time.monotonic()
            if doing == "downloading" and now - self._told < REPORT_EVERY_S:
                return
            self._told = now
            step = Step(sum(self._done), self._total, f"{doing} {self._names[token]}" if token >= 0 else doing)
            self._say(step)
