"""Ask rules and put their answers in order: the cause first, what it explains left out. A leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from gpuenv.extension import Diagnosis, LooksAt, Rule

Complain = Callable[[str], None]


def diagnoses(rules: Iterable[Rule], looks_at: LooksAt, value: Any, complain: Complain) -> list[Diagnosis]:
    """Ask each rule that looks at this, in order; one that fails is passed over, and `complain` is told why."""
    found: list[tuple[int, Diagnosis]] = []
    for rule in rules:
        if rule.looks_at != looks_at:
            continue
        try:
            answer: object = rule.find(value)
        except KeyboardInterrupt:
            raise
        except BaseException as err:
            complain(f"the doctor rule `{rule.id}` raised {err!r}")
            continue
        for one in answer if isinstance(answer, list | tuple) else (answer,):
            if isinstance(one, Diagnosis) and isinstance(one.cause, str) and isinstance(one.fix, str):
                found.append((rule.order, one))
            elif one is not None:
                complain(
                    f"the doctor rule `{rule.id}` gave `{one!r}`, expected a Diagnosis with text for cause and fix"
                )
    return ranked(found)


def ranked(found: Sequence[tuple[int, Diagnosis]]) -> list[Diagnosis]:
    """Order diagnoses by their rules' order, and put what another one explains into that one's `consequences`.

    A driver of the wrong version explains that no device is seen and that a model for GPUs then fails on the processor;
    only the driver is a cause. Two that explain each other are both kept.
    """
    ordered = [one for _, one in sorted(found, key=lambda pair: (pair[0], pair[1].line or 0))]
    kept = [one for one in ordered if not any(_explains(other, one) for other in ordered)]
    return [replace(one, consequences=_consequences(one, ordered, kept)) for one in kept]


def _explains(cause: Diagnosis, other: Diagnosis) -> bool:
    return cause is not other and other.rule in cause.explains and cause.rule not in other.explains


def _consequences(cause: Diagnosis, ordered: Sequence[Diagnosis], kept: Sequence[Diagnosis]) -> tuple[str, ...]:
    """Return the rules whose causes are only consequences here; each belongs to the first cause that explains it."""
    first = {one.rule: next((it for it in kept if _explains(it, one)), None) for one in ordered if one not in kept}
    return tuple(rule for rule, by in first.items() if by is cause)
