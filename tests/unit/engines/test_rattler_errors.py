from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.engines.rattler_errors import error_of, one_line
from gpuenv.engines.rattler_messages import Answer, Problem

TREE = """\
Cannot solve the request because of: The following packages are incompatible
├─ __cuda * can be installed with any of the following options:
│  └─ __cuda 10.2
└─ cudatoolkit 11.0.* cannot be installed because there are no viable options:
"""
SPECS = ("python=3.8", "cudnn=8.0")


def test_one_line__tree_of_reasons__without_its_branches() -> None:
    assert one_line(TREE) == (
        "Cannot solve the request because of: The following packages are incompatible; "
        "__cuda * can be installed with any of the following options:; __cuda 10.2; "
        "cudatoolkit 11.0.* cannot be installed because there are no viable options:"
    )


@pytest.mark.parametrize(
    ("problem", "names", "exit_code", "message", "hint"),
    [
        pytest.param("install", (), 2, "the engine `rattler` needs", "gpuenv[rattler]", id="extra not installed"),
        pytest.param("missing", ("cudnn=8.0",), 5, "channel `c` has no `cudnn=8.0`", "--cuda-from pypi", id="missing"),
        pytest.param("missing", ("python=3.8",), 5, "channel `c` has no `python=3.8`", "--engine uv", id="Python"),
        pytest.param("unsolvable", (), 5, "no packages that fit together", "--cuda-from pypi", id="unsolvable"),
        pytest.param("channel", ("c",), 6, "channel `c` could not be read", "run the same command", id="channel"),
        pytest.param("unhashed", ("c/f",), 6, "gives no hash of `c/f`", "conda index", id="no hash"),
        pytest.param("changed", ("c/f",), 6, "`c/f` does not have the hash", "gpuenv lock", id="changed"),
        pytest.param("damaged", ("c",), 6, "does not have the right hash", "run the same command", id="damaged"),
        pytest.param("full", (), 1, "the disk of `/p` is full", "-p PATH", id="disk"),
        pytest.param("config", (), 2, "configuration", None, id="configuration"),
        pytest.param("failed", (), 1, "rattler could not build `/p`", None, id="anything else"),
    ],
)
def test_error_of__problem__exit_code_words_and_what_to_do(
    problem: Problem, names: tuple[str, ...], exit_code: int, message: str, hint: str | None
) -> None:
    error = error_of(Answer("", problem=problem, text="why\n  so", names=names), ("c",), SPECS, Path("/p"))
    assert (error.exit_code, error.cause) == (exit_code, "why; so")
    assert message in error.message
    assert error.message[0].islower() or error.message[0] == "`"
    assert hint is None or hint in error.hints[0].text
    assert hint is not None or not error.hints


def test_error_of__several_channels__all_are_named() -> None:
    error = error_of(Answer("", problem="unsolvable"), ("a", "b"), SPECS)
    assert error.message == "the channels `a` and `b` have no packages that fit together"
