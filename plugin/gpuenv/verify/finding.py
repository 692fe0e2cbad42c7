"""What the parts of the check `files` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gpuenv.extension import CheckContext

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one part of the check found: problems, evidence, and what to say when there is no problem."""

    problems: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    summary: str | None = None


def entry(table: Mapping[Any, T], context: CheckContext) -> T | None:
    """Look up a recipe's entry for the platform of the environment, which is any text here."""
    return table.get(context.built.platform)


def in_prefix(path: Path, context: CheckContext) -> str:
    """Shorten a path for the evidence; one outside the environment stays absolute."""
    prefix = context.built.prefix
    return path.relative_to(prefix).as_posix() if path.is_relative_to(prefix) else str(path)
