"""What programs rely on: the JSON envelope, exit codes, and stdout for data only."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]
ENVELOPE = {"gpuenv_result_version", "command", "status", "exit_code", "data", "errors", "warnings"}


@pytest.mark.parametrize(
    ("argv", "code", "status"),
    [
        (["info", "--gpu", "8.6"], 0, "success"),
        (["list"], 0, "success"),
        (["recipes", "list"], 0, "success"),
        (["explain", "--gpu", "8.6"], 0, "success"),
        (["matrix"], 0, "success"),
        (["facts", "list"], 0, "success"),
        (["facts", "show", "2.9"], 0, "success"),
        (["facts", "update", "nothing.yaml"], 2, "error"),
        (["explain", "--framework", "tensorflow==1.0"], 2, "error"),
        (["recipes", "show", "tf-2.4"], 0, "success"),
        (["recipes", "schema"], 0, "success"),
        (["create", "-n", "tf", "--gpu", "8.6", "--dry-run"], 0, "planned"),
        (["doctor", "--log", __file__], 0, "success"),
        (["doctor", "-n", "nothing"], 8, "error"),
        (["doctor", "--log", "no-such-file"], 2, "error"),
        (["lock", "tf-2.4", "--check"], 0, "success"),
        (["cache", "list"], 0, "success"),
        (["cache", "path"], 0, "success"),
        (["cache", "verify"], 0, "success"),
        (["cache", "clean", "--yes"], 0, "success"),
        (["cache", "clean", "nothing"], 2, "error"),
        (["stage", "--status"], 0, "success"),
        (["stage", "cudnn"], 2, "error"),
        (["stage", "cudnn", "-n", "nothing"], 8, "error"),
        (["unstage", "cudnn", "-n", "nothing"], 8, "error"),
        (["verify", "-n", "nothing"], 8, "error"),
        (["add", "-n", "nothing"], 8, "error"),
        (["remove", "-n", "nothing", "--yes"], 8, "error"),
        (["run", "-n", "nothing", "--", "python"], 8, "error"),
        (["activate", "-n", "nothing"], 8, "error"),
        (["export", "-n", "nothing"], 8, "error"),
        (["recipes", "show", "tf-2.44"], 2, "error"),
        (["create", "-n", "a/b", "--gpu", "8.6"], 2, "error"),
        (["create", "-n", "tf", "--gpu", "none"], 3, "error"),
        (["create", "-n", "tf", "--gpu", "8.6", "--driver", "400.1"], 4, "error"),
        (["create", "--no-such-option"], 2, "error"),
        (["no-such-command"], 2, "error"),
        (["create"], 2, "error"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_json__every_command__one_document_that_keeps_its_promise(
    gpuenv: Run, argv: list[str], code: int, status: str
) -> None:
    argv = [*argv[: argv.index("--")], "--json", *argv[argv.index("--") :]] if "--" in argv else [*argv, "--json"]
    ended = gpuenv(*argv)
    document = json.loads(ended.out)
    assert set(document) == ENVELOPE
    assert document["gpuenv_result_version"] == "1"
    assert (ended.code, document["exit_code"], document["status"]) == (code, code, status), ended.out
    assert document["command"] == argv[0]
    if code:
        (error,) = document["errors"]
        assert set(error) == {"code", "message", "cause", "hints", "log"}
        assert error["message"][:1].islower() or error["message"].startswith("`")
        assert not error["message"].endswith(".")
        assert all(set(hint) == {"code", "text"} for hint in error["hints"])
    else:
        assert document["errors"] == []
        assert document["data"] is not None


def test_errors__for_people__are_on_stderr_with_hints(gpuenv: Run) -> None:
    ended = gpuenv("verify", "-n", "nothing")
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert "hint: run `gpuenv list`" in ended.err


def test_quiet__success__says_only_the_result(gpuenv: Run) -> None:
    ended = gpuenv("create", "-n", "tf", "--gpu", "8.6", "--dry-run", "-q")
    assert ended.code == 0
    assert ended.err == ""
    assert "tf-2.4" in ended.out


def test_color__never_and_always__are_obeyed(gpuenv: Run) -> None:
    assert "\x1b[" not in gpuenv("verify", "-n", "nothing", "--color", "never").err
    assert "\x1b[" in gpuenv("verify", "-n", "nothing", "--color", "always").err


def test_color__no_color_variable__wins_over_auto(gpuenv: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in gpuenv("verify", "-n", "nothing").err


def test_remove__no_terminal_and_no_yes__exit_2(gpuenv: Run, isolated: Any) -> None:
    from gpuenv.paths import receipt_path

    prefix = isolated / "data" / "envs" / "tf"
    receipt_path(prefix).parent.mkdir(parents=True)
    receipt_path(prefix).write_text("{}")
    assert gpuenv("remove", "-n", "tf").code == 2
    assert prefix.exists()


def test_help__every_command__is_listed(gpuenv: Run) -> None:
    ended = subprocess.run([sys.executable, "-m", "gpuenv", "--help"], capture_output=True, text=True, check=True)
    from gpuenv.cli.main import COMMANDS

    for command in COMMANDS:
        assert f"  {command} " in ended.stdout


def test_help__start_up__is_quick() -> None:
    """The target is 150 ms on an idle machine; three tries keep a busy one from failing the suite."""
    times = []
    for _ in range(3):
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "gpuenv", "--help"], capture_output=True, check=True)
        times.append(time.monotonic() - started)
    assert min(times) < 0.4
