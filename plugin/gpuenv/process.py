"""The one place where gpuenv starts a child process. Tests fake here and nowhere deeper."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

_WINDOWS = os.name == "nt"


@dataclass(frozen=True, slots=True)
class Completed:
    """How a child ended. `exit_code` is negative for a signal, as in `subprocess`; None when it was ended for time."""

    argv: tuple[str, ...]
    exit_code: int | None
    stdout: str
    stderr: str
    elapsed_s: float

    @property
    def ok(self) -> bool:
        """Say whether the child ended by itself with exit code 0."""
        return self.exit_code == 0

    @property
    def timed_out(self) -> bool:
        """Say whether the child was ended because its time was up."""
        return self.exit_code is None

    @property
    def ending(self) -> str:
        """Say in words how it ended: `exit code 1`, `signal SIGABRT`, `no end within its time`."""
        if self.exit_code is None:
            return "no end within its time"
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        try:
            return f"signal {signal.Signals(-self.exit_code).name}"
        except ValueError:
            return f"signal {-self.exit_code}"


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    stdin: str | None = None,
    on_stdout_line: Callable[[str], None] | None = None,
    on_stderr_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run a child to its end and return what it said; never raises for an exit code.

    The child gets its own process group, and on a time-out or Ctrl-C the whole group is ended, so that nothing of it
    stays behind. A child that cannot be killed (stuck in the driver) is abandoned after a second instead of waited for.
    On Linux a child also ends when gpuenv itself is killed, so that nobody writes into what the next run cleans up.
    Raises FileNotFoundError or PermissionError when the program cannot be started.
    """
    command = tuple(str(part) for part in argv)
    started = time.monotonic()
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=not _WINDOWS,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        preexec_fn=_die_with_parent(),
    )
    out: list[str] = []
    err: list[str] = []
    readers = [
        threading.Thread(target=_read, args=(child.stdout, out, on_stdout_line), daemon=True),
        threading.Thread(target=_read, args=(child.stderr, err, on_stderr_line), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        if stdin is not None and child.stdin is not None:
            try:
                child.stdin.write(stdin)
                child.stdin.close()
            except BrokenPipeError:
                pass
        exit_code = _wait(child, timeout_s)
        if exit_code is None:
            _kill_group(child)
    except BaseException:
        _kill_group(child)
        raise
    for reader in readers:
        reader.join(timeout=5.0 if exit_code is not None else 1.0)
    return Completed(command, exit_code, "".join(out), "".join(err), time.monotonic() - started)


def _wait(child: subprocess.Popen[str], timeout_s: float | None) -> int | None:
    """Wait for the end, and return the exit code; None when the time is up.

    `Popen.wait` with a time limit looks every 50 ms, which a command that starts ten children would feel. A thread that
    waits without a limit is told at once; Windows has no such trouble, and there Ctrl-C does not reach a `join`.
    """
    if _WINDOWS or timeout_s is None:
        try:
            return child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return None
    waiter = threading.Thread(target=child.wait, daemon=True)
    waiter.start()
    waiter.join(timeout_s)
    return None if waiter.is_alive() else child.returncode


def _die_with_parent() -> Callable[[], None] | None:
    """Make what a child calls first on Linux: PR_SET_PDEATHSIG, see prctl(2). Elsewhere there is nothing like it.

    The signal comes when the thread ends that started the child; `run` waits for the child in that thread. The function
    is looked up here, before the fork, so that nothing has to be loaded after it.
    """
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def call() -> None:
        prctl(1, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return call


def _read(stream: object, into: list[str], on_line: Callable[[str], None] | None) -> None:
    for line in stream:  # type: ignore[attr-defined]
        into.append(line)
        if on_line is not None:
            on_line(line.rstrip("\r\n"))


def _kill_group(child: subprocess.Popen[str]) -> None:
    try:
        if _WINDOWS:
            child.kill()
        else:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(timeout=1.0)
    except (ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
        pass


class Child:
    """A child that stays: it is told lines and answers in lines, until it is dismissed or killed.

    Its standard error is added to `log`. Like every child it has a process group of its own, so that Ctrl-C reaches
    only gpuenv. Raises FileNotFoundError or PermissionError when the program cannot be started.
    """

    def __init__(
        self, argv: Sequence[str | Path], *, env: Mapping[str, str], log: Path, cwd: str | Path | None = None
    ) -> None:
        with log.open("ab") as errors:
            self._child = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(env),
                cwd=cwd,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=not _WINDOWS,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    def listen(self, on_line: Callable[[str | None], None]) -> None:
        """Call back from now on, in another thread: with each line of its standard output, with None when it ended."""
        threading.Thread(target=self._listen, args=(on_line,), daemon=True).start()

    @property
    def ending(self) -> str:
        """Say in words how it ended, as `Completed.ending` does."""
        return Completed((), self._child.returncode, "", "", 0.0).ending

    def tell(self, line: str) -> None:
        """Send it a line; to one that is gone nothing is sent, and its listener learns that it is."""
        if self._child.stdin is not None:
            try:
                self._child.stdin.write(f"{line}\n")
                self._child.stdin.flush()
            except (OSError, ValueError):
                pass

    def dismiss(self) -> None:
        """Close its input: a child that has nothing to do ends by itself then."""
        if self._child.stdin is not None:
            try:
                self._child.stdin.close()
            except OSError:
                pass

    def kill(self, grace_s: float = 0.0) -> None:
        """End its whole group, unless it ends by itself in time; one stuck in the driver is abandoned, see `run`."""
        try:
            self._child.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            _kill_group(self._child)
        self.dismiss()

    def _listen(self, on_line: Callable[[str | None], None]) -> None:
        for line in self._child.stdout or ():
            on_line(line.rstrip("\r\n"))
        self._child.wait()
        on_line(None)


def become(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Let this process become another program; where that cannot be (Windows), wait for it and leave with its code."""
    sys.stdout.flush()
    sys.stderr.flush()
    if not _WINDOWS:
        os.execve(argv[0], list(argv), dict(env))
    raise SystemExit(subprocess.run(list(argv), env=dict(env), check=False).returncode)
