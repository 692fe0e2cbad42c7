"""Say on stderr what is going on: bars on a terminal, a line a step elsewhere. The only module that imports rich."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from gpuenv.errors import GpuenvError
from gpuenv.model import Detail, Event, PhaseDone, PhaseStarted, Progress, Warned

if TYPE_CHECKING:
    from rich.console import Console

LONG_S = 0.5
STYLES = {"error": "bold red", "warning": "yellow", "cause": "bold", "hint": "cyan", "log": "dim"}


class Talk:
    """The reporter of the command line; call it with an event. Keeps the warnings for the JSON document."""

    def __init__(self, *, quiet: bool, verbose: int, color: str, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._level = -1 if quiet else verbose
        self._terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = color == "always" or (color == "auto" and self._terminal and not os.environ.get("NO_COLOR"))
        self._bars: Any = None
        self._task: Any = None
        self._last_done: int | None = None
        self.warnings: list[str] = []

    def __call__(self, event: Event) -> None:
        """Say what the event means, as far as the user wants to hear it."""
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
        """Take a bar away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _phase(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self._last_done = None
            if self._terminal:
                self._start_bar(event.message)
        elif isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, PhaseDone):
            self.close()
            elapsed = f" in {event.elapsed_s:.1f} s" if event.elapsed_s >= LONG_S else ""
            self._line(f"{event.message}{elapsed}")

    def _progress(self, event: Progress) -> None:
        if self._bars is not None:
            self._bars.update(self._task, completed=event.done, total=event.total, detail=event.detail)
        elif self._level >= 1 or event.done != self._last_done:
            self._line(_progress_line(event))
        self._last_done = event.done

    def _start_bar(self, message: str) -> None:
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self.close()
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", style="dim"),
            console=self._console(),
            transient=True,
        )
        self._task = self._bars.add_task(message, total=None, detail="")
        self._bars.start()

    def _labelled(self, label: str, message: str, indent: str = "") -> None:
        if not self._colour:
            self._line(f"{indent}{label}: {message}")
            return
        from rich.text import Text

        text = Text(f"{indent}{label}:", style=STYLES[label])
        self._console().print(Text.assemble(text, (f" {message}", "")), soft_wrap=True)

    def _line(self, message: str) -> None:
        if self._bars is not None:
            self._bars.console.print(message, markup=False, highlight=False, soft_wrap=True)
        else:
            print(message, file=self._stream, flush=True)

    def _console(self) -> Console:
        from rich.console import Console

        if self._bars is not None:
            return self._bars.console  # type: ignore[no-any-return]
        return Console(file=self._stream, force_terminal=self._terminal or self._colour, no_color=not self._colour)


def _progress_line(event: Progress) -> str:
    """Print `  715.7 MiB of 2.0 GiB: nvidia-cudnn-cu11` or `  check 2 of 11: import: activated`."""
    if event.unit != "bytes":
        return f"  {event.unit.rstrip('s')} {event.done + 1} of {event.total or '?'}: {event.detail}"
    from gpuenv.cli.text import size

    return f"  {size(event.done)} of {size(event.total)}: {event.detail}"
