"""Words that guard a pattern: never one that a match may lack."""

from __future__ import annotations

import re

import pytest

from gpuenv.doctor.event import Kind
from gpuenv.doctor.harmless import HARMLESS
from gpuenv.doctor.kinds import KINDS
from gpuenv.doctor.text import clean
from gpuenv.doctor.wording import words_of
from log_corpus import LOGS, entries

EVERY: list[Kind] = [*KINDS, *(noise.kind for noise in HARMLESS)]


@pytest.mark.parametrize(
    ("wording", "words"),
    [
        ("CUDA_ERROR_NO_DEVICE", ("cuda_error_no_device",)),
        (r"(?:a|b)c? not found in \d+", ("found",)),
        (r"colou?r missing", ("missing",)),
        (r"abcdef{0,3}", ("abcde",)),
        (r"first one|second one", ("first", "second")),
        (r"first one|\w+", ()),
        (r"a\|bcd", ("a|bcd",)),
        (r"[^]|abcdef]ghijk", ("ghijk",)),
        (r"(?P<x>found(?:er|ry))", ("found",)),
        (r"(?:first|second) \d|third", ("first", "second", "third")),
        (r"(?:first|a) (?P<x>\w(?:second))", ("second",)),
        (r"(?:first)? \d", ()),
        (r"(?!first)\d", ()),
        (r"(?<!first) \d{1,2}", ()),
        (r"段错误|Ошибка сегментирования", ("段错误", "сегментирования")),
    ],
)
def test_words_of__a_wording__gives_what_every_match_has(wording: str, words: tuple[str, ...]) -> None:
    assert words_of(wording) == words


@pytest.mark.parametrize("name", sorted(path.name for path in LOGS.glob("*.txt")))
def test_events__with_and_without_the_guard__are_the_same(name: str) -> None:
    text = clean("\n".join(entry.text for entry in entries(name)))
    for kind in EVERY:
        found = sorted(event.at for event in kind.events(text, lambda at: 0))
        assert found == sorted(match.start() for pattern in kind.patterns for match in pattern.finditer(text))


def test_words_of__a_wording_that_is_plain_words__has_one_of_them() -> None:
    """A wording without any special character matches itself, so that its own text must pass its guard."""
    seen = 0
    for words, pattern in (guarded for kind in EVERY for guarded in kind.guarded):
        plain = re.sub(r"\\([^\w\s])", r"\1", pattern.pattern.replace(r"\s+", " "))
        if pattern.fullmatch(plain):
            seen += 1
            assert not words or any(word in plain.lower() for word in words)
    assert seen > 50
