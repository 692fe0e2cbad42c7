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
from made_matches import matches_of

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


def test_events__with_and_without_the_guard__are_the_same() -> None:
    """In a sample of the corpus: every pattern over all of it would take longer than all other tests of the doctor."""
    logs = [entry.text for path in sorted(LOGS.glob("*.txt")) for entry in entries(path.name)]
    text = clean("\n".join(logs[::14]))
    seen = 0
    for kind in EVERY:
        found = sorted(event.at for event in kind.events(text, lambda at: 0))
        assert found == sorted(match.start() for pattern in kind.patterns for match in pattern.finditer(text))
        seen += len(found)
    assert seen > 100


def test_words_of__texts_made_from_the_wording__have_one_of_them() -> None:
    """Every wording is tried on the shortest texts that it matches: a word that may be absent is absent there."""
    patterns = [guarded for kind in EVERY for guarded in kind.guarded]
    made = [(words, text) for words, pattern in patterns for text in matches_of(pattern)]
    assert [(words, text) for words, text in made if words and not any(word in text.lower() for word in words)] == []
    assert len({words for words, _ in made}) > 0.9 * len({words for words, _ in patterns})


def test_matches_of__alternatives_and_parts_that_may_be_absent__all_of_them() -> None:
    pattern = re.compile(r"(?:red|blue)\s?x{2}(?=y)?[^\d\n]")
    assert {text[:-1] for text in matches_of(pattern, 60)} >= {"redxx", "red xx", "bluexx", "blue xx"}
    assert matches_of(re.compile(r"a(?=b)")) == set()


@pytest.mark.parametrize("text", ["a b c", "a  bc", "a\nb \n c"])
def test_patterns__spaces_that_may_repeat_or_be_absent__any_white_space(text: str) -> None:
    (pattern,) = Kind("kind", ("a +b ?c",)).patterns
    assert pattern.fullmatch(text)
    assert not pattern.fullmatch("abc")
    assert "++" not in pattern.pattern  # which Python 3.10 cannot read
