"""Every log of the corpus, as it is and as people paste it: the first cause is the right one, or none is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from gpuenv.diagnosis import diagnoses
from gpuenv.doctor import diagnose
from gpuenv.doctor.rules import LOG_RULES, RULES
from gpuenv.doctor.text import decode
from log_corpus import Entry, entries

FAILURES, HEALTHY = entries("failures.txt"), entries("healthy.txt")
SETS = (
    "held_out.txt",
    "held_out_later.txt",
    "held_out_third.txt",
    "held_out_fourth.txt",
    "held_out_fifth.txt",
    "held_out_sixth.txt",
    "made_install.txt",
    "made_install_neighbours.txt",
    "made_install_later.txt",
    "made_install_third.txt",
    "made_install_fourth.txt",
)
MADE = ("made_runtime.txt", "made_driver.txt", "made_runtime_neighbours.txt")
WRITTEN = [entry for name in MADE for entry in entries(name)]
HELD_OUT = [*(entry for name in SETS for entry in entries(name)), *WRITTEN]
ALL = [*FAILURES, *HELD_OUT, *HEALTHY]
READ = [entry for entry in ALL if entry not in WRITTEN]
NOISE = (
    "[I 16:57:19.992 NotebookApp] Serving notebooks from local directory: C:\\Users\\user\n"
    "Unpacking replacement libssl1.1:amd64 (1.1.1n-0+deb10u6) ...\n"
    " ---> Running in 3f1c2a7d9e0b\n"
    "npm WARN deprecated har-validator@5.1.5: this library is no longer supported\n"
)


def first(text: str) -> str:
    found = diagnose(text, RULES)
    return "none" if found is None else found.rule


@pytest.mark.parametrize("entry", [*FAILURES, *HELD_OUT], ids=lambda entry: entry.name)
def test_diagnose__failure__first_answer_is_right(entry: Entry) -> None:
    assert first(entry.text) in entry.causes


@pytest.mark.parametrize("entry", HEALTHY, ids=lambda entry: entry.name)
def test_diagnose__healthy_log__no_cause(entry: Entry) -> None:
    assert entry.causes == ("none",)
    assert first(entry.text) == "none"


def test_diagnoses__of_the_whole_corpus__have_no_gaps_where_a_value_is_missing() -> None:
    for entry in ALL:
        for found in diagnoses(RULES, "log", entry.text, pytest.fail):
            assert not re.search(r"\s[,;)]|\(\)|\s\s|\s$|\{\w*\}", found.cause), (entry.name, found.cause)


def test_corpus__size__is_what_the_documentation_says() -> None:
    assert len(FAILURES) + len(HELD_OUT) >= 60
    assert len(HEALTHY) >= 30
    assert len({entry.name for entry in ALL}) == len(ALL)
    assert len([entry for entry in ALL if entry.causes == ("none",)]) >= 30
    assert all(entry.source.startswith(("https://", "made:")) for entry in ALL)


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
    at = list(PASTED).index(how)
    some = [
        *READ[at % 3 :: 3],
        *WRITTEN[at % 5 :: 5],
    ]  # every log that was read in five of the ways, ours in three of them
    wrong = [
        f"{entry.name}: {answer}, expected {entry.causes}"
        for entry in some
        if (answer := first(decode(PASTED[how](entry.text)))) not in entry.causes
    ]
    assert wrong == []
