"""Who calls gpuenv: a shell, or conda as one of its commands. It decides names, defaults and how errors are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from gpuenv.errors import GpuenvError

_OWN_COMMAND = re.compile(r"(?<=`)gpuenv (?=[a-z])|(?:(?<=: )|(?<=&& ))gpuenv (?=[a-z]+ -)")


@dataclass(frozen=True, slots=True)
class Front:
    """How gpuenv was called.

    `program` is what people type. `locate` says where the environment of a name is or shall be, `active` is the one to
    take when none is named, `known` lists more of them than gpuenv's own. `json`, `quiet` and `yes` hold unless options
    say more; `engine` is the default one. `on_error` is told an error instead of it being printed; with `--json` errors
    are in the document.
    """

    program: str = "gpuenv"
    locate: Callable[[str], Path] | None = None
    active: Path | None = None
    known: Callable[[], Iterable[Path]] = tuple
    json: bool = False
    quiet: bool = False
    yes: bool = False
    engine: str = "uv"
    on_error: Callable[[GpuenvError], None] | None = None

    def spoken(self, text: str) -> str:
        """Return a text with gpuenv's commands as people type them here."""
        return text if self.program == "gpuenv" else _OWN_COMMAND.sub(f"{self.program} ", text)
