"""Workers that compile modules: as many as fit, replaced when they die or hang, and none left behind."""

from __future__ import annotations

import json
import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpuenv.model import FailedModule
from gpuenv.process import Child
from gpuenv.warm.modules import Module

# GPU memory that a worker is taken to need at least: 16 held 8.4 GB together on an H100 with driver 580.159.04.
WORKER_BYTES = 600 * 2**20
# A driver that has to wake eight sleeping GPUs takes many seconds.
START_S = 120.0
# Idle workers end by themselves within this time; the driver has a context to take down.
FAREWELL_S = 5.0

Start = Callable[[], Child]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many workers at most, and how long one module and everything may take, in seconds."""

    workers: int
    module_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Compiled:
    """A module that the driver compiled."""

    module: Module
    elapsed_s: float


@dataclass(slots=True, eq=False)
class _Worker:
    """One worker: what it is at, until when it has to answer, and what it said when it could not begin."""

    child: Child
    deadline: float
    module: Module | None = None
    since: float = 0.0
    ready: bool = False
    complaint: str | None = None


@dataclass(slots=True)
class Crew:
    """Compile modules in the order given. `start` starts a worker; `on_change` is called after each module.

    Everything is decided in the thread that calls `work`; the workers' lines come through one queue. What is done is
    in `compiled`, `refused` and `failed` even when `work` is interrupted. `stopped` says why it gave up before the end.
    """

    modules: Sequence[Module]
    start: Start
    limits: Limits
    on_change: Callable[[Crew], None] = lambda crew: None
    compiled: list[Compiled] = field(default_factory=list)
    refused: list[FailedModule] = field(default_factory=list)
    failed: list[FailedModule] = field(default_factory=list)
    most_at_once: int = 0
    stopped: str | None = None
    _waiting: deque[Module] = field(default_factory=deque)
    _workers: list[_Worker] = field(default_factory=list)
    _leaving: list[_Worker] = field(default_factory=list)
    _free_bytes: list[int] = field(default_factory=list)
    _allowed: int = 0
    _lines: queue.SimpleQueue[tuple[_Worker, str | None]] = field(default_factory=queue.SimpleQueue)

    @property
    def left(self) -> int:
        """Return how many modules were not tried, or not to their end."""
        return len(self.modules) - len(self.compiled) - len(self.refused) - len(self.failed)

    def work(self) -> None:
        """Compile until everything was tried, the time is up, or no worker can be started."""
        self._waiting.extend(self.modules)
        self._allowed = self.limits.workers
        end = time.monotonic() + self.limits.total_s
        try:
            self._fill()
            while self.left and self.stopped is None:
                self._wait(end)
        finally:
            self._dismiss_all()

    def _wait(self, end: float) -> None:
        """Take the next thing that a worker says, or notice whose time is up."""
        until = min([end, *(worker.deadline for worker in self._workers)])
        try:
            worker, line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            if time.monotonic() >= end:
                self.stopped = f"the time limit of {self.limits.total_s:g} s was reached"
                return
            for late in [worker for worker in self._workers if worker.deadline <= time.monotonic()]:
                self._late(late)
            return
        if worker in self._workers:
            if line is None:
                self._lost(worker, worker.child.ending)
            else:
                self._hear(worker, json.loads(line))

    def _hear(self, worker: _Worker, said: dict[str, Any]) -> None:
        if said["event"] == "ready":
            worker.ready = True
            self._free_bytes.append(said["free_bytes"])
            self.most_at_once = max(self.most_at_once, sum(it.ready for it in self._workers))
            self._assign(worker)
            self._fill()
        elif said["event"] == "failed":
            worker.complaint = _words(said["error"])
        elif worker.module is not None:
            module, worker.module = worker.module, None
            if said["error"] is None:
                self.compiled.append(Compiled(module, said["elapsed_s"]))
            else:
                into = self.refused if said["refused"] else self.failed
                into.append(_failed(module, _words(said["error"]), said["elapsed_s"]))
            self.on_change(self)
            if said["last"]:
                self._let_go(worker)
                self._fill()
            else:
                self._assign(worker)

    def _assign(self, worker: _Worker) -> None:
        """Give a worker the next module, or let it go: its GPU memory is of use to others."""
        if not self._waiting:
            self._let_go(worker)
            return
        worker.module, worker.since = self._waiting.popleft(), time.monotonic()
        worker.deadline = worker.since + self.limits.module_s
        worker.child.tell(json.dumps({"library": str(worker.module.library), "offset": worker.module.offset}))

    def _let_go(self, worker: _Worker) -> None:
        worker.child.dismiss()
        self._workers.remove(worker)
        self._leaving.append(worker)

    def _late(self, worker: _Worker) -> None:
        worker.child.kill()
        limit_s = self.limits.module_s if worker.ready else START_S
        self._lost(worker, f"no end within {limit_s:g} s")

    def _lost(self, worker: _Worker, ending: str) -> None:
        """Note what a worker was at when it ended, and start another in its place."""
        self._workers.remove(worker)
        self._leaving.append(worker)
        if worker.module is not None:
            elapsed_s = time.monotonic() - worker.since
            self.failed.append(_failed(worker.module, f"the worker ended: {ending}", elapsed_s))
            self.on_change(self)
        elif not worker.ready:
            # The GPU has room for no more, or takes one process only: those that are there do the work.
            self._allowed = len(self._workers)
            if not self._workers:
                self.stopped = f"the driver could not be started: {worker.complaint or ending}"
                return
        self._fill()

    def _fill(self) -> None:
        """Start workers while there is work, cores and GPU memory for them."""
        beginning = sum(not worker.ready for worker in self._workers)
        wanted = min(self._fitting() - len(self._workers), len(self._waiting) - beginning)
        for _ in range(wanted):
            self._start()

    def _fitting(self) -> int:
        """Return how many workers fit: first one, then two, and when both have told what is free, all that do."""
        if len(self._free_bytes) < 2:
            return min(self._allowed, len(self._free_bytes) + 1)
        first, second = self._free_bytes[:2]
        return min(self._allowed, 2 + second // max(first - second, WORKER_BYTES))

    def _start(self) -> None:
        worker = _Worker(self.start(), time.monotonic() + START_S)
        self._workers.append(worker)
        worker.child.listen(lambda line: self._lines.put((worker, line)))

    def _dismiss_all(self) -> None:
        """End every worker, at once when it is at something."""
        for worker in self._workers:
            worker.child.kill()
        until = time.monotonic() + FAREWELL_S
        for worker in self._leaving:
            worker.child.kill(grace_s=max(0.0, until - time.monotonic()))


def _failed(module: Module, reason: str, elapsed_s: float) -> FailedModule:
    return FailedModule(str(module.library), module.offset, reason, round(elapsed_s, 3))


def _words(error: dict[str, Any]) -> str:
    """Say a driver's error: `cuModuleLoadFatBinary gave CUDA_ERROR_INVALID_PTX (218)`."""
    code = f" ({error['code']})" if error["code"] is not None else ""
    return f"{error['call']} gave {error['name']}{code}"
