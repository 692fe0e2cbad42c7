from __future__ import annotations

import pytest

from gpuenv.cli.text import check_lines, columns, width
from gpuenv.model import CheckResult


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abc", 3), ("", 0), ("深度", 4), ("u\u0308ber", 4), ("é", 1), ("한a", 3), ("a\u200bb", 2), ("\uff46", 2)],
    ids=ascii,
)
def test_width__wide_and_combining_characters__as_a_terminal_shows_them(text: str, expected: int) -> None:
    assert width(text) == expected


def test_columns__wide_characters__second_column_begins_below_itself() -> None:
    first, second = columns([("深度", "a"), ("abcd", "b")]).splitlines()
    assert width(first[: first.index("a")]) == width(second[: second.rindex("b")]) == 6


def test_check_lines__same_failure_twice__cause_and_hint_once() -> None:
    broken = CheckResult("import", "failed", "no", False, cause="gone", hint="fetch it")
    lines = check_lines([broken, CheckResult("import", "failed", "no", True, cause="gone", hint="fetch it")])
    assert (lines.count("cause: gone"), lines.count("hint: fetch it"), lines.count("FAILED")) == (1, 1, 2)


def test_check_lines__message_of_several_lines__stays_one_row() -> None:
    lines = check_lines([CheckResult("x", "failed", "one\ntwo", hint="look"), CheckResult("y", "ok", "")]).splitlines()
    assert [line.split()[0] for line in lines] == ["FAILED", "hint:", "ok"]
    assert "one two" in lines[0]
