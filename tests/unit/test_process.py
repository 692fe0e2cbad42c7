from __future__ import annotations

import os
import queue
import signal
import sys
import time
from pathlib import Path

import pytest

from gpuenv import process


def test_run__child_speaks__output_and_code_are_kept() -> None:
    ended = process.run([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"])
    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, "out\n", "err\n")
    assert ended.ending == "exit code 3"
    assert not ended.ok


def test_run__child_gets_input__reads_it() -> None:
    assert process.run([sys.executable, "-c", "print(input())"], stdin="hello\n").stdout == "hello\n"


def test_run__child_without_input__sees_an_end_of_file() -> None:
    assert process.run([sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"]).stdout == "0\n"


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX; run on Linux")
def test_run__child_aborts__signal_is_named() -> None:
    ended = process.run([sys.executable, "-c", "import os; os.abort()"])
    assert (ended.exit_code, ended.ending) == (-signal.SIGABRT, "signal SIGABRT")


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX; run on Linux")
def test_run__time_is_up__child_and_grandchild_are_gone(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pids}; wait"
    for timeout_s in (0.1, 0.5, 5.0):  # on a busy machine it takes longer to start them
        started = time.monotonic()
        ended = process.run(["sh", "-c", script], timeout_s=timeout_s)
        if pids.exists() and pids.read_text():
            break
    assert ended.timed_out
    assert ended.ending == "no end within its time"
    assert time.monotonic() - started < timeout_s + 5
    deadline = time.monotonic() + 5
    while _alive(int(pids.read_text())):
        assert time.monotonic() < deadline, "the grandchild still runs"
        time.sleep(0.05)


def test_run__program_is_missing__raises() -> None:
    with pytest.raises(FileNotFoundError):
        process.run(["gpuenv-no-such-program"])


def test_run__stderr_lines__are_passed_on_as_they_come() -> None:
    seen: list[str] = []
    process.run([sys.executable, "-c", "import sys; print('a\\nb', file=sys.stderr)"], on_stderr_line=seen.append)
    assert seen == ["a", "b"]


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX; run on Linux")
def test_child__told_lines__answers_until_it_is_dismissed(tmp_path: Path) -> None:
    script = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True); print('err', file=sys.stderr)"
    heard: queue.Queue[str | None] = queue.Queue()
    child = process.Child([sys.executable, "-c", script], env={}, log=tmp_path / "log")
    child.listen(heard.put)
    for word in ("one", "two"):
        child.tell(word)
        assert heard.get(timeout=10) == word.upper()
    child.dismiss()
    assert heard.get(timeout=10) is None
    assert child.ending == "exit code 0"
    assert (tmp_path / "log").read_text() == "err\nerr\n"
    child.tell("nobody hears this")
    child.kill()


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX; run on Linux")
def test_child__killed__its_children_are_gone_too(tmp_path: Path) -> None:
    heard: queue.Queue[str | None] = queue.Queue()
    child = process.Child(["sh", "-c", "sleep 60 & echo $!; wait"], env=os.environ, log=tmp_path / "log")
    child.listen(heard.put)
    grandchild = int(str(heard.get(timeout=10)))
    child.kill()
    assert heard.get(timeout=10) is None
    assert child.ending == "signal SIGKILL"
    deadline = time.monotonic() + 5
    while _alive(grandchild):
        assert time.monotonic() < deadline, "the grandchild still runs"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
