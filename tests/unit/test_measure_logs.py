"""What measures logs on a GPU: its states name rules that exist, and what it keeps of a log."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from gpuenv.doctor.rules import LOG_RULES

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import measure_logs  # type: ignore[import-not-found]

    return measure_logs  # type: ignore[no-any-return]


def test_states__all__have_a_name_of_their_own_a_program_and_causes_that_are_rules(tool: ModuleType) -> None:
    states = list(tool.states())
    assert len({it.name for it in states}) == len(states) > 50
    assert {it.program for it in states} <= set(tool.PROGRAMS)
    known = {"none", *(rule.id for rule in LOG_RULES)}
    assert {cause for it in states for cause in it.causes.split(",")} <= known


def test_without_repeats__same_words_at_another_time__are_left_out_once_they_were_said(tool: ModuleType) -> None:
    numa = "successful NUMA node read from SysFS had negative value (-1), but there must be at least one"
    lines = [f"2026-11-28 01:02:0{second}.000001: I {numa}" for second in range(3)]
    assert list(tool._without_repeats([*lines, "Epoch 1/2", "", ""])) == [lines[0], "Epoch 1/2", "", ""]


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        ("Created device\nEpoch 2/2\n", "none"),
        ("CUDA kernels will be jit-compiled from PTX\nEpoch 2/2\n", "none"),
        ("CUDA kernels will be jit-compiled from PTX\n1.0\n", "none,code.compiling"),
    ],
)
def test_causes_of_fine__run_that_worked__only_steps_show_that_nothing_waits(
    tool: ModuleType, text: str, causes: str
) -> None:
    assert tool._causes_of_fine(text) == causes
