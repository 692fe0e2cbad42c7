from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from gpuenv.errors import TargetError
from gpuenv.locks import GATE
from gpuenv.paths import receipt_path
from gpuenv.transaction import (
    adding,
    check_addable,
    check_target,
    creating,
    locked,
    recover,
    remove_entries,
    settle,
    unfinished,
)


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


def test_adding__it_works__what_changed_stays_changed(tmp_path: Path) -> None:
    prefix, state = tmp_path / "envs" / "mine", tmp_path / "state"
    make_environment(prefix, "old")
    with locked(prefix, state), adding(prefix, state):
        (prefix / "new").write_text("new")
    assert sorted(path.name for path in prefix.iterdir()) == ["content", "etc", "new"]
    assert [path.name for path in prefix.parent.iterdir()] == ["mine"]
    assert unfinished(state) == ()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_adding__it_fails__everything_is_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    prefix, state = tmp_path / "mine", tmp_path / "state"
    make_environment(prefix, "old")
    (prefix / "lib").mkdir()
    (prefix / "lib" / "module.py").write_text("old")
    (prefix / "link").symlink_to("content")
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").write_text("old\n")
    before = tree(prefix)
    with pytest.raises(error), locked(prefix, state), adding(prefix, state):
        (prefix / "lib" / "module.py").unlink()
        (prefix / "lib" / "module.py").write_text("new")
        (prefix / "lib" / "more.py").write_text("new")
        with (prefix / "conda-meta" / "history").open("a") as file:  # in place, as conda does
            file.write("new\n")
        raise error
    assert tree(prefix) == before
    assert (prefix / "link").is_symlink()
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("mine", "state")] == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX; run on Linux")
@pytest.mark.parametrize("old", [None, "old"], ids=["fresh", "replacing"])
def test_locked__run_before_was_killed__machine_is_as_it_was(tmp_path: Path, old: str | None) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    if old:
        make_environment(prefix, old)
    script = """
import sys, time
from collections.abc import Callable
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
    assert [path.name for path in state.iterdir() if path.name != GATE] == []


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


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX quoting; run on Linux")
def test_check_target__path_with_blank__can_be_pasted_from_the_hint(tmp_path: Path) -> None:
    prefix = tmp_path / "my env"
    make_environment(prefix, "old")
    with pytest.raises(TargetError) as caught:
        check_target(prefix, replace_existing=False)
    assert f"run `gpuenv verify -p '{prefix}'` to see whether it is what you want" == caught.value.hints[0].text


@pytest.mark.parametrize(
    ("make", "directory"),
    [
        (lambda prefix: None, "."),
        (lambda prefix: prefix.mkdir(), "tf"),
        (lambda prefix: make_environment(prefix, "old"), "."),
    ],
    ids=["new", "into an empty directory", "instead of another"],
)
def test_check_target__place_of_somebody_else__refused_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], directory: str
) -> None:
    make(tmp_path / "tf")
    refused = tmp_path / directory
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != refused and access(path, mode))  # root may write
    with pytest.raises(TargetError, match=f"you may not write to `{re.escape(str(refused))}`"):
        check_target(tmp_path / "tf", replace_existing=True)


def test_check_target__ours_with_leave__allowed(tmp_path: Path) -> None:
    make_environment(tmp_path / "tf", "old")
    check_target(tmp_path / "tf", replace_existing=True)
    check_target(tmp_path / "nothing", replace_existing=False)


def creating_in(prefix: Path, state: Path) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(locked(prefix, state))
    stack.enter_context(creating(prefix, state))
    return stack


def test_creating__empty_directory__used_as_it_is_and_emptied_again(tmp_path: Path) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    prefix.mkdir()
    before = prefix.stat().st_ino
    with pytest.raises(ValueError, match="broken"), creating_in(prefix, state):
        make_environment(prefix, "half")
        raise ValueError("broken")
    assert (prefix.stat().st_ino, list(prefix.iterdir())) == (before, [])
    with creating_in(prefix, state):
        make_environment(prefix, "new")
    assert (prefix.stat().st_ino, (prefix / "content").read_text()) == (before, "new")


def test_creating__user_files__go_into_the_new_environment(tmp_path: Path) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    make_environment(prefix, "old")
    (prefix / "etc" / "mine").write_text("mine")
    (prefix / "clash").write_text("mine too")
    with locked(prefix, state), creating(prefix, state, keep=("etc/mine", "clash", "gone")):
        make_environment(prefix, "new")
        (prefix / "clash").write_text("new")
    kept = {name: (prefix / name).read_text() for name in ("content", "etc/mine", "clash", "clash.before")}
    assert kept == {"content": "new", "etc/mine": "mine", "clash": "new", "clash.before": "mine too"}
    assert [path.name for path in tmp_path.iterdir() if path != state] == ["tf"]


def test_recover__killed_while_user_files_move__the_rest_follows(tmp_path: Path) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    make_environment(prefix, "new")
    backup = tmp_path / ".tf.before-1"
    write_journal(prefix, state, {"backup": str(backup), "kind": "replace", "entries": ["moved already", "mine"]})
    make_environment(backup, "old")
    (backup / "mine").write_text("mine")
    assert settle(prefix, state)
    assert ((prefix / "content").read_text(), (prefix / "mine").read_text()) == ("new", "mine")
    assert not backup.exists()


def test_recover__cannot_clean_up__journal_stays_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    make_environment(prefix, "half")
    write_journal(prefix, state, {})
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", denied)
        with pytest.raises(TargetError, match="could not be cleaned up") as caught:
            settle(prefix, state)
    assert "Permission denied" in (caught.value.cause or "")
    assert unfinished(state) == (prefix,)
    assert settle(prefix, state)
    assert not prefix.exists()


def test_remove_entries__only_those__and_the_directory_when_empty(tmp_path: Path) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    make_environment(prefix, "x")
    (prefix / "mine").write_text("mine")
    with locked(prefix, state):
        remove_entries(prefix, ("content", "nothing", "etc/gpuenv"), state)
    assert [path.name for path in prefix.iterdir()] == ["mine"]
    with locked(prefix, state):
        remove_entries(prefix, ("mine",), state)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_remove_entries__killed__next_run_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    make_environment(prefix, "x")
    with monkeypatch.context() as patched, locked(prefix, state):
        patched.setattr("gpuenv.transaction._end_removal", interrupted)
        with pytest.raises(KeyboardInterrupt):
            remove_entries(prefix, ("content", "etc/gpuenv"), state)
    assert unfinished(state) == (prefix,)
    assert settle(prefix, state)
    assert not prefix.exists()


def test_check_target__parent_is_a_file__refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match=r"`.*/file` is no directory"):
        check_target(tmp_path / "file" / "sub" / "tf", replace_existing=True)


def test_locked__name_that_is_no_utf_8__works(tmp_path: Path) -> None:
    with locked(tmp_path / os.fsdecode(b"caf\xe9"), tmp_path / "state"):
        assert len(list((tmp_path / "state").glob("*.lock"))) == 1


def write_journal(prefix: Path, state: Path, more: dict[str, object]) -> None:
    with locked(prefix, state):
        name = next(state.glob("*.lock")).stem
    (state / f"{name}.json").write_text(json.dumps({"prefix": str(prefix), **more}))


def denied(*args: object) -> None:
    raise PermissionError(13, "Permission denied")


def interrupted(*args: object) -> None:
    raise KeyboardInterrupt


def test_creating__it_fails__directories_made_above_it_go_too(tmp_path: Path) -> None:
    prefix, state = tmp_path / "a" / "b" / "tf", tmp_path / "state"
    with pytest.raises(ValueError, match="broken"), creating_in(prefix, state):
        make_environment(prefix, "half")
        raise ValueError("broken")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_creating__it_fails__directory_above_with_files_of_others_stays(tmp_path: Path) -> None:
    prefix, state = tmp_path / "a" / "b" / "tf", tmp_path / "state"
    with pytest.raises(ValueError, match="broken"), creating_in(prefix, state):
        make_environment(prefix, "half")
        (tmp_path / "a" / "mine").write_text("")
        raise ValueError("broken")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine"]


def test_creating__journal_cannot_be_written_at_the_end__old_environment_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    make_environment(prefix, "old")

    def full(path: Path, text: str, encoding: str) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"), creating_in(prefix, state):
        make_environment(prefix, "new")
        monkeypatch.setattr(Path, "write_text", full)
    assert (prefix / "content").read_text() == "old"
    assert unfinished(state) == ()
    assert [path.name for path in state.iterdir() if path.name != GATE] == []


def test_check_target__root_of_the_file_system__refused() -> None:
    with pytest.raises(TargetError, match="exists and is not an environment that gpuenv made"):
        check_target(Path(Path.cwd().anchor), replace_existing=True)


@pytest.fixture
def of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prefix = tmp_path / "tf"
    make_environment(prefix, "theirs")
    (prefix / "pyvenv.cfg").write_text("")
    # The system's own answer would be another one for root, who runs the tests in containers.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    return prefix


def test_remove_entries__environment_of_somebody_else__nothing_is_begun(of_somebody_else: Path) -> None:
    state = of_somebody_else.parent / "state"
    with pytest.raises(TargetError, match="you may not write to it"), locked(of_somebody_else, state):
        remove_entries(of_somebody_else, ["content"], state)
    assert unfinished(state) == ()
    assert (of_somebody_else / "content").read_text() == "theirs"


def test_check_addable__environment_of_somebody_else__refused(of_somebody_else: Path) -> None:
    receipt_path(of_somebody_else).unlink()
    with pytest.raises(TargetError, match="you may not write to it"):
        check_addable(of_somebody_else)


def test_creating__ctrl_c_again_while_it_is_undone__waits_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, state = tmp_path / "tf", tmp_path / "state"
    remove = shutil.rmtree

    def pressed_again(path: Path, **more: bool) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        remove(path, **more)

    monkeypatch.setattr(shutil, "rmtree", pressed_again)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="first"), creating_in(prefix, state):
        make_environment(prefix, "half")
        raise KeyboardInterrupt("first")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert unfinished(state) == ()
    assert signal.getsignal(signal.SIGINT) is before
