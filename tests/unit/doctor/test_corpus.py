"""Every log of the corpus, as it is and as people paste it: the first cause is the right one, or none is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from gpuenv.doctor.rules import LOG_RULES
from gpuenv.doctor.text import decode
from log_corpus import LOGS, Entry, diagnosed, entries, first

FAILURES, HEALTHY = entries("failures.txt"), entries("healthy.txt")
READ_NAMES = sorted(path.name for path in LOGS.glob("held_out*.txt"))
MADE_NAMES = sorted(path.name for path in LOGS.glob("made_*.txt"))
READ = [*FAILURES, *(entry for name in READ_NAMES for entry in entries(name)), *HEALTHY]
MADE = [entry for name in MADE_NAMES for entry in entries(name)]
MEASURED_NAMES = sorted(path.name for path in LOGS.glob("measured*.txt"))
MEASURED = [entry for name in MEASURED_NAMES for entry in entries(name)]
ALL = [*READ, *MADE, *MEASURED]
NOISE = (
    "[I 16:57:19.992 NotebookApp] Serving notebooks from local directory: C:\\Users\\user\n"
    "Unpacking replacement libssl1.1:amd64 (1.1.1n-0+deb10u6) ...\n"
    " ---> Running in 3f1c2a7d9e0b\n"
    "npm WARN deprecated har-validator@5.1.5: this library is no longer supported\n"
)


def wrong_answers(some: list[Entry], text_of: Callable[[Entry], str]) -> list[str]:
    """Say of which logs the first cause is another one than is expected."""
    return [
        f"{entry.name}: {answer}, expected {entry.causes}"
        for entry in some
        if (answer := first(text_of(entry))) not in entry.causes
    ]


# A file of them is one test: a test for each log would take three times as long.
@pytest.mark.parametrize("name", ["failures.txt", *READ_NAMES, *MADE_NAMES, *MEASURED_NAMES])
def test_diagnose__logs_of_a_file__first_answers_are_right(name: str) -> None:
    assert wrong_answers(entries(name), lambda entry: entry.text) == []


def test_diagnose__healthy_logs__no_cause() -> None:
    assert {entry.causes for entry in HEALTHY} == {("none",)}
    assert wrong_answers(HEALTHY, lambda entry: entry.text) == []


def test_diagnoses__of_the_whole_corpus__have_no_gaps_where_a_value_is_missing() -> None:
    for entry in ALL:
        for found in diagnosed(entry.text):
            assert not re.search(r"\s[,;)]|\(\)|\s\s|\s$|\{\w*\}", found.cause), (entry.name, found.cause)


def test_corpus__size__is_what_the_documentation_says() -> None:
    assert len(ALL) >= 1000
    assert len(HEALTHY) >= 30
    assert len({entry.name for entry in ALL}) == len(ALL)
    assert len([entry for entry in ALL if entry.causes == ("none",)]) >= 30
    assert all(entry.source.startswith(("https://", "made:", "measured:")) for entry in ALL)


def test_corpus__causes__are_rules() -> None:
    assert {cause for entry in ALL for cause in entry.causes} <= {"none", *(rule.id for rule in LOG_RULES)}


def coloured(text: str) -> bytes:
    return re.sub(r"^(.*?\S+)", "\x1b[1;31m\\1\x1b[0m", text, flags=re.MULTILINE).encode()


def wrapped(text: str) -> bytes:
    """Cut lines where a terminal of 120 columns is full."""
    lines = (line[at : at + 120] for line in text.split("\n") for at in range(0, max(len(line), 1), 120))
    return "\n".join(lines).encode()


PASTED: dict[str, Callable[[str], bytes]] = {
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "utf-16 of PowerShell": lambda text: text.encode("utf-16"),
    "utf-16 without its mark": lambda text: text.encode("utf-16-le"),
    "utf-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "colours": coloured,
    "quoted": lambda text: re.sub("^", "> ", text, flags=re.MULTILINE).encode(),
    "docker compose": lambda text: re.sub("^", "trainer-1  | ", text, flags=re.MULTILINE).encode(),
    "kubernetes": lambda text: re.sub(
        "^", "2024-05-01T10:00:00.123456789Z stderr F ", text, flags=re.MULTILINE
    ).encode(),
    "json of docker": lambda text: "".join(
        json.dumps({"log": f"{line}\n", "stream": "stderr"}) + "\n" for line in text.split("\n")
    ).encode(),
    "a cell of a notebook": lambda text: json.dumps({"text": text.splitlines(keepends=True)}, indent=1).encode(),
    "wrapped by a terminal": wrapped,
    "between other programs": lambda text: (NOISE + text + NOISE).encode(),
    "pretty quotes": lambda text: re.sub(r"'([^'\n]*)'", "\u2018\\1\u2019", text).encode(),
    "html": lambda text: text.replace("&", "&amp;").replace("'", "&#39;").replace('"', "&quot;").encode(),
    "half undecodable": lambda text: text.encode("utf-8") + b"\xff\xfe\xe4\xf6",
}


@pytest.mark.parametrize("how", PASTED)
def test_diagnose__as_people_paste_it__same_answer(how: str) -> None:
    """Every log that was read is pasted in two of the ways, every log of ours in one, neighbours in different ones."""
    at, ways = list(PASTED).index(how), len(PASTED)
    some = [entry for nth, entry in enumerate(READ) if at in (nth % ways, (nth + 1 + nth // ways % (ways - 1)) % ways)]
    some += MADE[at::ways]
    assert wrong_answers(some, lambda entry: decode(PASTED[how](entry.text))) == []


def test_diagnose__as_people_paste_it__ways_are_different_and_change_the_text() -> None:
    entry = FAILURES[0]
    assert len({change(f"{entry.text}'it' \"is\" {'long ' * 40}") for change in PASTED.values()}) == len(PASTED)
