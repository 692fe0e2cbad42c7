from __future__ import annotations

import io
import os
import sys

import pytest

from gpuenv.cli.text import check_lines, columns, terminal_columns, width, wrapped
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


@pytest.mark.parametrize(
    ("columns", "expected"), [("80", 80), ("200", 120), ("20", 60), ("", 100), ("wide", 100), ("0", 100)]
)
def test_terminal_columns__variable__wins_within_bounds(
    monkeypatch: pytest.MonkeyPatch, columns: str, expected: int
) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal_columns() == expected


@pytest.mark.skipif(os.name == "nt", reason="a terminal that a test makes is POSIX; run on Linux")
@pytest.mark.parametrize(("wide", "expected"), [(80, 80), (0, 100)])
def test_terminal_columns__terminal__is_asked(monkeypatch: pytest.MonkeyPatch, wide: int, expected: int) -> None:
    import fcntl
    import pty
    import struct
    import termios

    monkeypatch.delenv("COLUMNS", raising=False)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, wide, 0, 0))
    with os.fdopen(theirs, "w") as terminal, os.fdopen(ours):
        monkeypatch.setattr(sys, "stdout", terminal)
        assert terminal_columns() == expected
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two three", ["one two", "  three"]),
        ("  one two", ["  one", "  two"]),
        ("longerthantheline x", ["longerthantheline", "  x"]),
        ("深度 深度", ["深度", "  深度"]),
        ("", [""]),
    ],
    ids=ascii,
)
def test_wrapped__line__broken_between_words(text: str, expected: list[str]) -> None:
    assert wrapped(text, "  ", 8) == expected
