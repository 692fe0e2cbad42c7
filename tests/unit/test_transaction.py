from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from gpuenv.errors import TargetError
from gpuenv.paths import receipt_path
from gpuenv.transaction import check_target, creating, locked, recover, unfinished


def make_environment(prefix: Path, content: str) -> None:
    receipt_path(prefix).parent.mkdir(parents=True)
    receipt_path(prefix).write_text("{}")
    (prefix / "content").write_text(content)


def tree(directory: Path) -> dict[str, str]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in files}


def test_creating__it_works__environment_stays_and_nothing_else(tmp_path: Path) -> None:
    prefix, state = tmp_path / "envs" / "tf", tmp_path / "state"
    with locked(prefix, state), creating(prefix, state):
        make_environment(prefix, "new")
    assert (prefix / "content").read_text() == "new"
    assert unfinished(state) == ()
    assert [path.name for path in prefix.parent.iterdir()] == ["tf"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_creating__it_fails__nothing_is_left(tmp_path: Path, error: type[BaseException]) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    with pytest.raises(error), locked(prefix, state), creating(prefix, state):
        make_environment(prefix, "half")
        raise error
    assert not prefix.exists()
    assert unfinished(state) == ()


def test_creating__replacing_fails__old_environment_is_back_unchanged(tmp_path: Path) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    make_environment(prefix, "old")
    before = tree(tmp_path)
    with pytest.raises(ValueError, match="broken"), creating_in(prefix, state):
        make_environment(prefix, "half")
        raise ValueError("broken")
    assert {name: text for name, text in tree(tmp_path).items() if not name.startswith("state")} == before


def test_creating__replacing_works__only_the_new_one_is_there(tmp_path: Path) -> None:
    prefix, state = tmp_path / "envs" / "tf", tmp_path / "state"
    make_environment(prefix, "old")
    with creating_in(prefix, state):
        make_environment(prefix, "new")
    assert (prefix / "content").read_text() == "new"
    assert [path.name for path in prefix.parent.iterdir()] == ["tf"]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX; run on Linux")
@pytest.mark.parametrize("old", [None, "old"], ids=["fresh", "replacing"])
def test_locked__run_before_was_killed__machine_is_as_it_was(tmp_path: Path, old: str | None) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    if old:
        make_environment(prefix, old)
    script = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from gpuenv.transaction import creating, locked
prefix, state = map(Path, sys.argv[1:])
with locked(prefix, state), creating(prefix, state):
    prefix.mkdir()
    (prefix / "half").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", script, prefix, state], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    assert unfinished(state) == (prefix,)
    with pytest.raises(TargetError, match="being changed by another gpuenv"), locked(prefix, state):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    time.sleep(0.05)
    with locked(prefix, state):
        assert (prefix / "content").read_text() == old if old else not prefix.exists()
    assert unfinished(state) == ()


def test_recover__journal_was_cut_off__nothing_is_deleted(tmp_path: Path) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    make_environment(prefix, "mine")
    with locked(prefix, state):
        name = next(state.glob("*.lock")).stem
    journal = state / f"{name}.json"
    journal.write_text('{"prefix": "')
    recover(prefix, state)
    assert (prefix / "content").read_text() == "mine"
    assert not journal.exists()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda prefix: prefix.write_text("x"), "is a file"),
        (lambda prefix: (prefix / "notes").mkdir(parents=True), "not an environment that gpuenv made"),
        (lambda prefix: make_environment(prefix, "old"), "exists already"),
    ],
    ids=["file", "foreign", "ours"],
)
def test_check_target__something_is_there__refused(tmp_path: Path, make: object, match: str) -> None:
    prefix = tmp_path / "tf"
    make(prefix)  # type: ignore[operator]
    with pytest.raises(TargetError, match=match):
        check_target(prefix, replace_existing=False)


def test_check_target__ours_with_leave__allowed(tmp_path: Path) -> None:
    make_environment(tmp_path / "tf", "old")
    check_target(tmp_path / "tf", replace_existing=True)
    check_target(tmp_path / "nothing", replace_existing=False)


def creating_in(prefix: Path, state: Path) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(locked(prefix, state))
    stack.enter_context(creating(prefix, state))
    return stack
