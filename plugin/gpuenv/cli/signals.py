"""Let a request to end reach the command as an exception, so that it undoes what it began, as with Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gpuenv.errors import GpuenvError, Hangup, Interrupted, Terminated


class EndRequest(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; handled wherever Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def end_requests() -> Iterator[None]:
    """Raise EndRequest for SIGTERM and SIGHUP inside the block. A signal that is ignored (`nohup`) stays ignored."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [signal.Signals[name] for name in names]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not cut the cleaning up short
    raise EndRequest(number)


# What becomes of the work, by command. The others change nothing that would have to be undone.
_AFTERWARDS = {
    "create": "what was begun is undone, and the machine is as it was",
    "add": "what was begun is undone, and the environment is as it was",
    "remove": "run the same command again to remove the rest",
}


def interruption(err: KeyboardInterrupt, command: str) -> GpuenvError:
    """Make the error for Ctrl-C, SIGTERM or SIGHUP, which says what became of the work."""
    number = err.number if isinstance(err, EndRequest) else signal.SIGINT
    what = {signal.SIGINT: "Ctrl-C was pressed", signal.SIGTERM: "SIGTERM came"}.get(
        signal.Signals(number), "the terminal went away (SIGHUP)"
    )
    cause = "; ".join(part for part in (what, _AFTERWARDS.get(command)) if part)
    if number == signal.SIGTERM:
        return Terminated("ended from outside", cause=cause)
    if number == signal.SIGINT:
        return Interrupted("interrupted", cause=cause)
    return Hangup("ended with the terminal", cause=cause)
