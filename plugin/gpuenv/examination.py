"""`gpuenv doctor`: look at the machine, an environment or a log, and ask the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpuenv import probe
from gpuenv.diagnosis import diagnoses
from gpuenv.doctor.environment import Environment
from gpuenv.extension import Diagnosis
from gpuenv.model import Host, Overrides, Warned
from gpuenv.session import Session

# The probes of a machine; to look for Pythons takes longer than everything else and says nothing about a GPU.
_SLOW_PROBES = frozenset({"pythons", "toolkits"})


@dataclass(frozen=True, slots=True)
class Noise:
    """Lines of a log that are harmless: their kind, why, and how many there are."""

    id: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class LogExamination:
    """What a log shows: causes, the most likely first, and what in it is harmless. `lines` is how long it is."""

    causes: tuple[Diagnosis, ...]
    harmless: tuple[Noise, ...]
    lines: int


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about the machine, and about an environment if there is one."""

    host: Host
    machine: tuple[Diagnosis, ...]
    environment: Environment | None = None
    causes: tuple[Diagnosis, ...] = ()


def examine_log(session: Session, data: bytes) -> LogExamination:
    """Read a log of any program, in any encoding."""
    from gpuenv.doctor.harmless import harmless
    from gpuenv.doctor.text import decode

    text = decode(data)
    found = diagnoses(session.plugins.doctor_rules(), "log", text, _complain(session))
    noises = tuple(Noise(noise.id, noise.why, count) for noise, count in harmless(text))
    return LogExamination(tuple(found), noises, len(text.splitlines()))


def examine(session: Session, prefix: Path | None, overrides: Overrides) -> Examination:
    """Look at the machine, and at an environment where one is named. Raises TargetError when there is none."""
    probes = [it for it in session.plugins.probes() if it.name not in _SLOW_PROBES]
    rules = session.plugins.doctor_rules()
    host = probe.look(overrides, probes)
    machine = tuple(diagnoses(rules, "host", host, _complain(session)))
    if prefix is None:
        return Examination(host, machine)
    from gpuenv.doctor.read import read_environment

    environment = read_environment(prefix, session.environ, host.gpus)
    return Examination(
        host, machine, environment, tuple(diagnoses(rules, "environment", environment, _complain(session)))
    )


def weighty(causes: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Return the causes that something fails for; one that is only `possible` is worth a look and no failure."""
    return [it for it in causes if it.confidence != "possible"]


def _complain(session: Session) -> Callable[[str], None]:
    return lambda complaint: session.report(Warned(complaint))
