from __future__ import annotations

import pytest

from gpuenv.verify.report import ChildReport, Step, parse_report

START = '{"t": 0.0, "event": "start", "pid": 1, "python": "3.8.18", "executable": "/env/bin/python"}\n'
BEGIN = '{"t": 1.5, "event": "begin", "step": "convolution"}\n'
LIBRARIES = '{"t": 2.0, "event": "libraries", "paths": ["/env/libcudnn.so.8"]}\n'
END = '{"t": 2.25, "event": "end", "step": "convolution"}\n'
EVIDENCE = '{"t": 2.3, "event": "evidence", "values": {"matmul": {"relative_error": 3e-07}}}\n'
DONE = '{"t": 2.5, "event": "done"}\n'


def test_parse_report__complete__everything_in_it() -> None:
    assert parse_report(START + BEGIN + LIBRARIES + END + EVIDENCE + DONE) == ChildReport(
        started=True,
        ended=True,
        executable="/env/bin/python",
        steps=(Step("convolution", 1.5, 0.75),),
        libraries=("/env/libcudnn.so.8",),
        evidence={"matmul": {"relative_error": 3e-07}},
    )


def test_parse_report__child_died_in_a_step__step_is_known() -> None:
    report = parse_report(START + BEGIN + LIBRARIES)
    assert (report.ended, report.unfinished_step, report.libraries) == (False, "convolution", ("/env/libcudnn.so.8",))


def test_parse_report__failed__its_message() -> None:
    report = parse_report(START + '{"t": 3, "event": "failed", "step": "x", "message": "TensorFlow lists no GPU"}\n')
    assert (report.ended, report.failure) == (True, "TensorFlow lists no GPU")


@pytest.mark.parametrize(
    ("line", "unreadable"),
    [
        (BEGIN[:20], 1),
        ("\x00\x01\n", 1),
        ("[1, 2]\n", 1),
        ('{"event": "done"}\n', 1),
        ('{"t": "soon", "event": "done"}\n', 1),
        ('{"t": 1, "event": 7}\n', 1),
    ],
    ids=["cut off", "binary", "no object", "no time", "time is text", "event is no text"],
)
def test_parse_report__garbage__counted_and_left_out(line: str, unreadable: int) -> None:
    report = parse_report(START + line)
    assert (report.started, report.ended, report.unreadable_lines) == (True, False, unreadable)


def test_parse_report__empty__not_started() -> None:
    assert parse_report("") == ChildReport()
