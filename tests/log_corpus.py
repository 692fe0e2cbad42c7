"""Read the corpus of logs in tests/data/logs; its README describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOGS = Path(__file__).parent / "data" / "logs"


@dataclass(frozen=True)
class Entry:
    """A log, the causes that are right for it (`none` for no cause), and where it was read."""

    name: str
    causes: tuple[str, ...]
    source: str
    text: str


def entries(name: str) -> list[Entry]:
    """Read one file of the corpus."""
    return list(_entries((LOGS / name).read_text(encoding="utf-8")))


def _entries(text: str) -> Iterator[Entry]:
    for block in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        name, causes, source = (part.strip() for part in head.split(" | "))
        yield Entry(name, tuple(causes.split(",")), source, body)
