from __future__ import annotations

import pytest

from gpuenv.doctor.event import read_log
from gpuenv.doctor.harmless import HARMLESS, harmless
from gpuenv.doctor.text import clean, decode, without_repeats
from log_corpus import entries

LONG = "2019-01-15 05:01:04.905618: E cuda_dnn.cc:493] Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain", "plain"),
        ("mark \u00e9".encode("utf-8-sig"), "mark \u00e9"),
        ("wide \u00e9 text".encode("utf-16"), "wide \u00e9 text"),
        ("wide text without a mark".encode("utf-16-le"), "wide text without a mark"),
        ("wide text without a mark".encode("utf-16-be"), "wide text without a mark"),
        (b"latin \xe9", "latin \u00e9"),
        (b"", ""),
    ],
)
def test_decode__encodings_of_people__text(data: bytes, expected: str) -> None:
    assert decode(data) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("web-1  | line", "line"),
        ("> quoted\n> twice", "quoted\ntwice"),
        ('{"log":"inside\\n","stream":"stderr"}\n', "inside\n"),
        ("version \u2018GLIBC_2.27\u2019", "version 'GLIBC_2.27'"),
        ("it&#39;s &lt;b&gt;", "it's <b>"),
        (f"{LONG[:80]}\n{LONG[80:]}", LONG),
        ("a\n\nb", "a\n\nb"),
    ],
)
def test_clean__what_others_added__is_gone(text: str, expected: str) -> None:
    assert clean(text).rstrip("\n") == expected.rstrip("\n")


def test_clean__lines_of_one_length__are_not_joined() -> None:
    text = "\n".join(
        f"2026-11-23 01:02:51.842947: I dso_loader.cc:49] Successfully opened library {at}" for at in range(5)
    )
    assert clean(text) == text


def test_without_repeats__progress__first_two_and_last() -> None:
    text = "\n".join(["start", *(f"step {at} of img_{at:03}.png loss 0.{at}" for at in range(100)), "end"])
    kept, numbers = without_repeats(text)
    steps = [f"step {at} of img_{at:03}.png loss 0.{at}" for at in (0, 1, 99)]
    assert kept.split("\n") == ["start", *steps, "end"]
    assert numbers == [1, 2, 3, 101, 102]


def test_read_log__event__its_line_in_what_was_given() -> None:
    log = read_log("".join(f"step {at}\n" for at in range(50)) + "OOM when allocating tensor with shape[1]\n")
    (event,) = log.events
    assert (event.kind, event.line) == ("memory.gpu", 51)


def test_harmless__each__is_seen_in_a_log_of_the_corpus_or_here() -> None:
    names = ("healthy.txt", "failures.txt", "held_out.txt", "made_driver.txt", "made_runtime_neighbours.txt")
    texts = [it.text for name in names for it in entries(name)]
    texts += [
        "Could not load dynamic library 'libcupti.so.11.0'; dlerror: libcupti.so.11.0: cannot open shared object file",
        "AttributeError: 'MessageFactory' object has no attribute 'GetPrototype'",
        "Local rendezvous is aborting with status: OUT_OF_RANGE: End of sequence",
    ]
    assert {found.id for text in texts for found, _ in harmless(text)} == {noise.id for noise in HARMLESS}


def test_harmless__missing_runtime_with_a_gpu__is_not_called_harmless() -> None:
    line = "Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open"
    assert [it.id for it, _ in harmless(line)] == ["noise.no-gpu"]
    assert harmless(f"GeForce RTX 3080\n{line}") == []
