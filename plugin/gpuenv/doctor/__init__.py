"""Name the cause of a failure. So far: rules over the log of a check's child, each pure and with its source."""

from __future__ import annotations

from collections.abc import Iterable

from gpuenv.extension import Diagnosis, Rule
from gpuenv.hookspec import hookimpl

__all__ = ["diagnose", "gpuenv_doctor_rules"]


@hookimpl
def gpuenv_doctor_rules() -> list[Rule]:
    """Give the built-in rules."""
    from gpuenv.doctor.rules import RULES

    return list(RULES)


def diagnose(log: str, rules: Iterable[Rule]) -> Diagnosis | None:
    """Return what the first rule that recognizes the log says, None when no rule does; `rules` are in their order."""
    return next((found for rule in rules if (found := rule.find(log)) is not None), None)
