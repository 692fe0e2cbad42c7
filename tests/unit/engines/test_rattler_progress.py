from __future__ import annotations

import inspect

import pytest

from gpuenv.engines import rattler_progress
from gpuenv.engines.rattler_messages import Step
from gpuenv.engines.rattler_progress import Reporter

SIZES = {"cudnn": 1000, "python": 30}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    monkeypatch.setattr(rattler_progress, "REPORT_EVERY_S", 0.0)
    return []


def test_reporter__two_packages_at_once__are_added_up(steps: list[Step]) -> None:
    reporter = Reporter(dict(SIZES), steps.append)
    cudnn, python = reporter.on_populate_cache_start(0, "cudnn"), reporter.on_populate_cache_start(1, "python")
    reporter.on_download_progress(reporter.on_download_start(cudnn), 400, 1000)
    reporter.on_download_progress(reporter.on_download_start(python), 10, None)
    reporter.on_populate_cache_complete(cudnn)
    reporter.on_link_start(1, "python")
    assert [(step.done_bytes, step.total_bytes, step.doing) for step in steps] == [
        (400, 1030, "downloading cudnn"),
        (410, 1030, "downloading python"),
        (1010, 1030, "unpacked cudnn"),
        (1030, 1030, "linking python"),
    ]


def test_reporter__size_of_one_not_known__no_total(steps: list[Step]) -> None:
    reporter = Reporter({**SIZES, "tzdata": None}, steps.append)
    reporter.on_populate_cache_complete(reporter.on_populate_cache_start(0, "cudnn"))
    assert (steps[0].done_bytes, steps[0].total_bytes) == (1000, None)


def test_reporter__package_that_is_not_in_the_lock__counts_nothing(steps: list[Step]) -> None:
    reporter = Reporter(dict(SIZES), steps.append)
    reporter.on_populate_cache_complete(reporter.on_populate_cache_start(0, "other"))
    assert steps[0].done_bytes == 0


def test_reporter__many_lines_in_no_time__only_some_are_said() -> None:
    steps: list[Step] = []
    reporter = Reporter(dict(SIZES), steps.append)
    for done in range(1000):
        reporter.on_download_progress(0, done, 1000)
    assert 1 <= len(steps) < 100


def test_reporter__everything_that_py_rattler_calls__is_taken() -> None:
    protocol = pytest.importorskip("rattler.install", reason="install gpuenv[rattler] to run this").InstallerReporter
    reporter = Reporter(dict(SIZES), lambda step: None)
    called = [name for name in vars(protocol) if name.startswith("on_")]
    assert "on_download_progress" in called
    for name in called:
        wanted = list(inspect.signature(getattr(protocol, name)).parameters.values())[1:]
        given = ["cudnn" if parameter.annotation == "str" else 0 for parameter in wanted]
        answer = getattr(reporter, name)(*given)
        assert answer is None or isinstance(answer, int)
    with pytest.raises(AttributeError):
        _ = reporter.something_else
