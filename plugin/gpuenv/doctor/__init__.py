"""Name the cause of a failure from a log, an environment or the machine: small pure rules, each with its source."""

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
    """Return the first cause that the rules name for a log; None when they name none."""
    from gpuenv.diagnosis import diagnoses

    return next(iter(diagnoses(rules, "log", log, lambda complaint: None)), None)
