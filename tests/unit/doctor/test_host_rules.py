from __future__ import annotations

import pytest

from gpuenv.diagnosis import diagnoses
from gpuenv.doctor.host_rules import _NOTES
from gpuenv.doctor.rules import RULES
from gpuenv.model import Fact, Host, Note
from gpuenv.probe.nvidia_notes import Findings, notes_on
from gpuenv.probe.proc import PciGpu
from gpuenv.probe.system import cpu_facts


def rules(host: Host) -> list[str]:
    return [it.rule for it in diagnoses(RULES, "host", host, pytest.fail)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Findings(), ["host.no-gpu"]),
        (Findings(container="docker"), ["host.container"]),
        (Findings(wsl_driver_missing=True), ["host.wsl-driver"]),
        (Findings(pci=(PciGpu("0000:01:00.0", "nouveau"),)), ["host.no-driver"]),
    ],
    ids=["nothing", "container", "wsl", "nouveau"],
)
def test_rules__what_the_probe_notes__is_the_cause(found: Findings, expected: list[str]) -> None:
    assert rules(Host("linux-64", notes=notes_on(found))) == expected


@pytest.mark.parametrize("code", _NOTES)
def test_rules__each_note__has_a_rule(code: str) -> None:
    assert rules(Host("linux-64", notes=(Note(code, "something is in the way", "run `x`"),))) == [_NOTES[code][0]]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((Fact("avx", False, "proc"),), ["host.no-avx"]),
        ((Fact("avx", True, "proc"),), []),
        ((Fact("dll:msvcp140_1.dll", False, "System32"),), ["host.vc-runtime"]),
        ((Fact("dll:msvcp140.dll", True, ""), Fact("dll:msvcp140_1.dll", True, "")), []),
    ],
)
def test_rules__facts__say_it(facts: tuple[Fact, ...], expected: list[str]) -> None:
    assert rules(Host("win-64", facts=facts)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse4_2 avx avx2\n", [True]),
        ("processor\t: 0\nflags\t\t: fpu sse4_2 avx512f\n", [False]),
        ("Features\t: fp asimd\n", []),
    ],
)
def test_cpu_facts__flags__avx_or_not(text: str, expected: list[bool], tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(text)
    assert [fact.value for fact in cpu_facts(tmp_path)] == expected
