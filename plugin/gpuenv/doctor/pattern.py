"""Make a rule from a pattern: what to look for in a log, and what to say with what was found there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gpuenv.extension import Diagnosis, Rule


@dataclass(frozen=True)
class Pattern:
    """A rule as data. In `cause` and `fix`, `{name}` stands for what the pattern's group of that name matched.

    A group that matched several times gives all of its values, each once, as a person writes a list. A log that also
    shows `unless` has another cause. `sources` say where the words were seen, and why they mean what the cause says.
    """

    id: str
    regex: str
    cause: str
    fix: str
    sources: tuple[str, ...]
    confidence: Literal["certain", "likely", "possible"] = "certain"
    order: int = 50
    unless: str | None = None

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """Compile when first asked, not at import."""
        return re.compile(self.regex)

    def find(self, log: str) -> Diagnosis | None:
        """Return the diagnosis if the log shows the pattern."""
        matches = list(self.compiled.finditer(log))
        if not matches or (self.unless is not None and re.search(self.unless, log)):
            return None
        values = {name: _listed([match[name] for match in matches]) for name in self.compiled.groupindex}
        return Diagnosis(
            self.id, self.cause.format(**values), self.fix.format(**values), self.confidence, ", ".join(self.sources)
        )

    @property
    def rule(self) -> Rule:
        """Return the rule itself."""
        return Rule(self.id, self.find, self.order)


def _listed(values: list[str | None]) -> str:
    """Write values as code, each once: `libcudart.so.11.0`, `libcublas.so.11`."""
    return ", ".join(f"`{value}`" for value in dict.fromkeys(values) if value)
