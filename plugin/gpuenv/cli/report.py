"""Say on stderr what is going on: bars on a terminal, a line a step elsewhere. The only module that imports rich."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

from gpuenv.errors import GpuenvError
from gpuenv.model import Detail, Event, PhaseDone, PhaseStarted, Progress, Warned

if TYPE_CHECKING:
    from rich.console import Console

LONG_S = 0.5
STYLES = {"error": "bold red", "warning": "yellow", "cause": "bold", "hint": "cyan", "log": "dim"}


class Talk:
    """The reporter of the command line; call it with an event. Keeps the warnings for the JSON document.

    Events come from several threads, and the bar of a step that takes long from a timer's: a lock keeps them apart.
    """

    def __init__(self, *, quiet: bool, verbose: int, color: str, stream: TextIO | None = None) -> None:
        # Python has no stderr where it was closed before the start; then nobody listens.
        self._stream = stream or sys.stderr or StringIO()
        self._level = -1 if quiet else verbose
        self._terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = color == "always" or (color == "auto" and self._terminal and not os.environ.get("NO_COLOR"))
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._bars: Any = None
        self._task: Any = None
        self._last: Progress | None = None
        self.quiet = quiet
        self.warnings: list[str] = []

    def __call__(self, event: Event) -> None:
        """Say what the event means, as far as the user wants to hear it."""
        with self._lock:
            if isinstance(event, Warned):
                if event.message not in self.warnings:
                    self.warnings.append(event.message)
                    if self._level >= 0:
                        self._labelled("warning", event.message)
            elif isinstance(event, Detail):
                if self._level >= event.level:
                    self._line(event.message)
            elif self._level >= 0:
                self._phase(event)

    def error(self, error: GpuenvError) -> None:
        """Print an error with its cause, hints and log file."""
        self.close()
        self._labelled("error", error.message)
        if error.cause:
            self._labelled("cause", error.cause, indent="  ")
        if error.log_path:
            self._labelled("log", error.log_path, indent="  ")
        for hint in error.hints:
            self._labelled("hint", hint.text)

    def close(self) -> None:
        """Take a bar away, and one that was still to come."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._bars is not None:
                bars, self._bars = self._bars, None
                bars.stop()

    def _phase(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self.close()
            self._last = None
            if self._terminal:
                # A bar that is gone before it can be read only flickers.
                self._timer = threading.Timer(LONG_S, self._start_bar, (event.message,))
                self._timer.daemon = True
                self._timer.start()
        elif isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, PhaseDone):
            self.close()
            elapsed = f" in {event.elapsed_s:.1f} s" if event.elapsed_s >= LONG_S or self._level >= 1 else ""
            self._line(f"{event.message}{elapsed}")

    def _progress(self, event: Progress) -> None:
        before, self._last = self._last, event
        if self._bars is not None:
            self._bars.update(self._task, completed=event.done, total=event.total, detail=event.detail)
        elif not self._terminal and (self._level >= 1 or before is None or event.done != before.done):
            self._line(_progress_line(event))

    def _start_bar(self, message: str) -> None:
        """Begin a bar where its step has got to; the timer that calls this may come too late for it."""
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        with self._lock:
            if self._timer is not threading.current_thread():
                return
            console = self._console()
            bars = Bars(
                SpinnerColumn("dots" if console.encoding.startswith("utf") else "line"),
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[detail]}", style="dim"),
                console=console,
                transient=True,
            )
            last = self._last or Progress("", 0, None, "")
            self._task = bars.add_task(message, completed=last.done, total=last.total, detail=last.detail)
            self._bars = bars
            bars.start()

    def _labelled(self, label: str, message: str, indent: str = "") -> None:
        if not self._colour:
            self._line(f"{indent}{label}: {message}")
            return
        from rich.text import Text

        text = Text.assemble(Text(f"{indent}{label}:", style=STYLES[label]), (f" {self._writable(message)}", ""))
        self._say(lambda: self._console().print(text, soft_wrap=True))

    def _line(self, message: str) -> None:
        if self._bars is not None:
            console, text = self._bars.console, self._writable(message)
            self._say(lambda: console.print(text, markup=False, highlight=False, soft_wrap=True))
        else:
            self._say(lambda: print(self._writable(message), file=self._stream, flush=True))

    def _say(self, write: Callable[[], object]) -> None:
        """Write, unless standard error is a closed pipe or a full disk: the work goes on without a listener."""
        try:
            write()
        except (OSError, ValueError):
            self._stream = StringIO()
            self._terminal = self._colour = False

    def _writable(self, message: str) -> str:
        """Escape what the stream's encoding lacks, as bytes in a path that are no UTF-8."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        return message.encode(encoding, "backslashreplace").decode(encoding)

    def _console(self) -> Console:
        from rich.console import Console

        if self._bars is not None:
            return self._bars.console  # type: ignore[no-any-return]
        # Without a colour system no style at all is written, dim and bold neither.
        return Console(
            file=self._stream,
            force_terminal=self._terminal or self._colour,
            color_system="auto" if self._colour else None,
        )


def _progress_line(event: Progress) -> str:
    """Print `  715.7 MiB of 2.0 GiB: nvidia-cudnn-cu11` or `  check 2 of 11: import: activated`."""
    if event.unit != "bytes":
        return f"  {event.unit.rstrip('s')} {event.done + 1} of {event.total or '?'}: {event.detail}"
    from gpuenv.cli.text import size

    return f"  {size(event.done)} of {size(event.total)}: {event.detail}"
