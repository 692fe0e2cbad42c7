from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gpuenv.locks import GATE, held_once


def test_held_once__done__leaves_nothing_but_the_gate(tmp_path: Path) -> None:
    with held_once(tmp_path / "one.lock") as held, held_once(tmp_path / "two.lock") as other:
        assert (held, other) == (True, True)
    assert [path.name for path in tmp_path.iterdir()] in ([GATE], [])  # filelock deletes it on Windows


def test_held_once__held_by_somebody__is_not_held_and_stays_theirs(tmp_path: Path) -> None:
    file = tmp_path / "one.lock"
    with held_once(file) as held:
        with held_once(file) as second:
            assert (held, second) == (True, False)
        with held_once(file) as third:
            assert third is False
    with held_once(file) as afterwards:
        assert afterwards is True


def test_held_once__error_inside__lets_go(tmp_path: Path) -> None:
    file = tmp_path / "one.lock"
    with pytest.raises(ValueError, match="broken"), held_once(file):
        raise ValueError("broken")
    with held_once(file) as held:
        assert held is True


def test_held_once__gate_of_one_that_was_stopped__the_file_stays_and_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    monkeypatch.setattr("gpuenv.locks._GATE_S", 0.01)
    file, gate = tmp_path / "one.lock", FileLock(tmp_path / GATE)
    with held_once(file) as held:
        assert held is True
        gate.acquire()
    with held_once(file) as behind_the_gate:
        assert behind_the_gate is False
    gate.release()
    with held_once(file) as afterwards:
        assert afterwards is True
    assert not file.exists()


def test_held_once__many_processes_and_threads__never_two_at_once(tmp_path: Path) -> None:
    """Each one that holds the lock writes its name and reads it back: a second holder would be seen."""
    script = """
import sys, threading
from pathlib import Path
from gpuenv.locks import held_once
folder = Path(sys.argv[1])
def work(name):
    mine = 0
    while mine < 40:
        with held_once(folder / "one.lock") as held:
            if held:
                inside = folder / "inside"
                with inside.open("x"):
                    pass
                inside.unlink()
                mine += 1
threads = [threading.Thread(target=work, args=(str(n),)) for n in range(2)]
failed = []
threading.excepthook = lambda args: failed.append(args.exc_value)
[t.start() for t in threads]
[t.join() for t in threads]
sys.exit(repr(failed) if failed else 0)
"""
    children = [subprocess.Popen([sys.executable, "-c", script, tmp_path], stderr=subprocess.PIPE) for _ in range(3)]
    said = [child.communicate(timeout=60)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], said
    assert [path.name for path in tmp_path.iterdir()] in ([GATE], [])


def test_held_once__waiting_thread__gets_it_when_the_first_is_done(tmp_path: Path) -> None:
    file, got = tmp_path / "one.lock", threading.Event()

    def wait() -> None:
        while not got.is_set():
            with held_once(file) as held:
                if held:
                    got.set()

    with held_once(file):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not got.wait(0.05)
    assert got.wait(10)
    thread.join()
