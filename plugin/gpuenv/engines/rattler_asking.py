"""The worker of the rattler engine, seen from the engine: started, asked, and let go or killed."""

from __future__ import annotations

import os
import queue
import sys
import tempfile
import weakref
from pathlib import Path

import msgspec

from gpuenv.engines.rattler_messages import Answer, Install, Solve, Step
from gpuenv.errors import GpuenvError
from gpuenv.model import Detail, Progress, Reporter
from gpuenv.process import Child


class Worker:
    """A process of `rattler_worker`. It takes 0.25 s to start; meanwhile gpuenv can do something else."""

    def __init__(self, report: Reporter) -> None:
        argv = [sys.executable, "-m", "gpuenv.engines.rattler_worker"]
        report(Detail("$ " + " ".join(argv), level=2))
        # Nothing of the user's is imported from there.
        directory = tempfile.TemporaryDirectory(prefix="gpuenv-", ignore_cleanup_errors=True)
        self._environ = dict(os.environ)
        self._asked = False
        self._log = Path(directory.name) / "log"
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._child = Child(argv, env=self._environ, log=self._log, cwd=directory.name)
        self._child.listen(self._lines.put)
        self._end = weakref.finalize(self, _end, self._child, directory)

    @property
    def is_new(self) -> bool:
        """Say whether it knows nothing of any channel yet, and has the settings of now."""
        return not self._asked and self._environ == os.environ

    def ask(self, request: Solve | Install, report: Reporter) -> Answer:
        """Let the worker do it; its progress is reported. Raises GpuenvError when the worker itself fails.

        One that did not do it is ended: what it does in other threads goes on after an error or Ctrl-C.
        """
        done, self._asked = False, True
        try:
            self._child.tell(msgspec.json.encode(request).decode())
            answer = self._answer(report)
            done = answer.problem is None
            return answer
        finally:
            if not done:
                self.end()

    def end(self) -> None:
        """End the worker at once, whatever it is at."""
        self._end()

    def _answer(self, report: Reporter) -> Answer:
        while (line := self._next()) is not None:
            try:
                said = msgspec.json.decode(line, type=Step | Answer)
            except msgspec.DecodeError:
                report(Detail(line, level=2))
                continue
            if isinstance(said, Answer):
                return said
            report(Progress("build", said.done_bytes, said.total_bytes, "bytes", said.doing))
        lines = self._log.read_text("utf-8", "replace").splitlines()
        for line in lines:
            report(Detail(line, level=2))
        cause = "; ".join(lines[-3:]) or "it said nothing"
        raise GpuenvError(f"rattler ended without an answer: {self._child.ending}", cause=cause)

    def _next(self) -> str | None:
        """Wait for the next line of the worker; None for its end. In short waits, since Ctrl-C ends none on Windows."""
        while True:
            try:
                return self._lines.get(timeout=0.5)
            except queue.Empty:
                continue


def _end(child: Child, directory: tempfile.TemporaryDirectory[str]) -> None:
    child.kill()
    directory.cleanup()
