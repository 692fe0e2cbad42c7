"""Read the corpus of logs in tests/data/logs; its README describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gpuenv.diagnosis import diagnoses
from gpuenv.doctor.rules import RULES
from gpuenv.extension import Diagnosis

LOGS = Path(__file__).parent / "data" / "logs"


@dataclass(frozen=True)
class Entry:
    """A log, the causes that are right for it (`none` for no cause), and where it was read."""

    name: str
    causes: tuple[str, ...]
    source: str
    text: str


@cache
def diagnosed(text: str) -> tuple[Diagnosis, ...]:
    """Return what the rules say about a log; several tests ask for the same ones. A rule that raises is an error."""
    return tuple(diagnoses(RULES, "log", text, _fail))


def first(text: str) -> str:
    """Return the first cause that is named; `none` where none is."""
    return next((found.rule for found in diagnosed(text)), "none")


def _fail(complaint: str) -> None:
    raise AssertionError(complaint)


def entries(name: str) -> list[Entry]:
    """Read one file of the corpus."""
    return list(_entries((LOGS / name).read_text(encoding="utf-8")))


def _entries(text: str) -> Iterator[Entry]:
    for block in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        name, causes, source = (part.strip() for part in head.split(" | "))
        yield Entry(name, tuple(causes.split(",")), source, body)
