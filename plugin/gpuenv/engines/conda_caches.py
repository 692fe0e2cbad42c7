"""Where conda keeps packages, which it needs half a second to say: asked while something else is being done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Ask = Callable[[], tuple[Path, ...]]


class PackageCaches:
    """The directories of conda's packages. `ask` asks conda; `ahead` lets a thread do it at once."""

    def __init__(self, ask: Ask, *, ahead: bool) -> None:
        self._ask = ask
        self._found: tuple[Path, ...] | None = None
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True) if ahead else None
        if self._thread is not None:
            self._thread.start()

    def needed_for(self, answer: Mapping[str, Any]) -> tuple[Path, ...]:
        """Return the directories when a dry run leaves out the hashes of what lies there already; else none.

        Raises what `ask` raises.
        """
        actions = answer.get("actions", {})
        if len(actions.get("FETCH", ())) >= len(actions.get("LINK", ())):
            return ()
        if self._thread is not None:
            self._thread.join()
        else:
            self._run()
        if self._failed is not None:
            raise self._failed
        return self._found or ()

    def _run(self) -> None:
        try:
            self._found = self._ask()
        except Exception as err:
            self._failed = err
