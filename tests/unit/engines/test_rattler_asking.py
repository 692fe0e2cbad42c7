from __future__ import annotations

import os
import sys
from collections.abc import Callable

import msgspec
import pytest

from gpuenv.engines import rattler_asking
from gpuenv.engines.rattler_asking import Worker
from gpuenv.engines.rattler_messages import Answer, Solve, Step
from gpuenv.errors import GpuenvError
from gpuenv.model import Detail, Event, Progress
from gpuenv.process import Child

REQUEST = Solve(("cudnn",), (), "linux-64", None)
Start = Callable[[str], Worker]


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, events: list[Event]) -> Start:
    """Return a function that starts a worker which is a script instead of rattler's."""

    def started(script: str) -> Worker:
        def child(argv: list[str], **how: object) -> Child:
            return Child([sys.executable, "-c", script], **how)  # type: ignore[arg-type]

        monkeypatch.setattr(rattler_asking, "Child", child)
        return Worker(events.append)

    return started


def script_that_says(*lines: Step | Answer | str) -> str:
    """Return a worker that says lines when it is asked, and waits for the next question."""
    texts = [line if isinstance(line, str) else msgspec.json.encode(line).decode() for line in lines]
    return f"for asked in __import__('sys').stdin: print(*{texts!r}, sep='\\n', flush=True)"


def test_ask__steps_and_what_a_library_prints__are_reported(start: Start, events: list[Event]) -> None:
    answer = Answer("py-rattler 1")
    worker = start(script_that_says(Step(1, 2, "linking cudnn"), "hello", answer))
    assert worker.ask(REQUEST, events.append) == answer
    assert events[1:] == [Progress("build", 1, 2, "bytes", "linking cudnn"), Detail("hello", level=2)]
    assert worker.ask(REQUEST, events.append) == answer
    worker.end()


@pytest.mark.skipif(os.name == "nt", reason="process numbers are asked for as POSIX does; run on Linux")
def test_ask__worker_has_a_problem__is_ended(start: Start, events: list[Event]) -> None:
    says = """'{"type": "Answer", "problem": "full", "text": "%d"}' % os.getpid()"""
    worker = start(f"import os, sys; sys.stdin.readline(); print({says}, flush=True); sys.stdin.read()")
    answer = worker.ask(REQUEST, events.append)
    assert answer.problem == "full"
    with pytest.raises(ProcessLookupError):
        os.kill(int(answer.text), 0)


def test_ask__worker_dies__how_and_its_last_words_are_said(start: Start, events: list[Event]) -> None:
    worker = start("import sys; sys.stdin.readline(); sys.exit('it broke')")
    with pytest.raises(GpuenvError) as caught:
        worker.ask(REQUEST, events.append)
    assert caught.value.message == "rattler ended without an answer: exit code 1"
    assert caught.value.cause == "it broke"


def test_is_new__asked_or_other_settings__no(
    start: Start, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = start(script_that_says(Answer()))
    assert worker.is_new
    monkeypatch.setenv("RATTLER_CACHE_DIR", os.devnull)
    assert not worker.is_new
    monkeypatch.delenv("RATTLER_CACHE_DIR")
    worker.ask(REQUEST, events.append)
    assert not worker.is_new
    worker.end()
