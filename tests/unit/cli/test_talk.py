from __future__ import annotations

import io
import re
import time

import pytest

from gpuenv.cli.report import Talk
from gpuenv.errors import GpuenvError, Hint
from gpuenv.model import Detail, PhaseDone, PhaseStarted, Progress, Warned

LONG_S = 0.02  # instead of half a second, so that the tests take less


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


STYLES = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture(autouse=True)
def terminal_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("gpuenv.cli.report.LONG_S", LONG_S)


def start(talk: Talk) -> None:
    talk(PhaseStarted("verify", "Verifying"))
    talk(Progress("verify", 0, 2, "checks", "import: activated"))


def wait_for(text: str, stream: io.StringIO) -> None:
    """Wait for a text: the bar is drawn by a thread, which a busy machine lets wait."""
    until = time.monotonic() + 10
    while text not in stream.getvalue() and time.monotonic() < until:
        time.sleep(0.01)


def test_talk__short_step_on_a_terminal__no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpuenv.cli.report.LONG_S", 60.0)
    stream = Terminal()
    talk = Talk(quiet=False, verbose=0, color="auto", stream=stream)
    start(talk)
    talk(Progress("verify", 1, 2, "checks", "import: not activated"))
    talk(PhaseDone("verify", "Verified: 2 ok", 0.01))
    assert stream.getvalue() == "Verified: 2 ok\n"


def test_talk__long_step_on_a_terminal__bar_with_where_it_has_got_to() -> None:
    stream = Terminal()
    talk = Talk(quiet=False, verbose=0, color="auto", stream=stream)
    start(talk)
    wait_for("import: activated", stream)
    talk(PhaseDone("verify", "Verified: 2 ok", 0.3))
    assert "Verifying" in stream.getvalue()
    assert "import: activated" in stream.getvalue()
    assert STYLES.search(stream.getvalue())
    assert re.search(r"Verified: 2 ok in 0\.3 s\n$", stream.getvalue())


@pytest.mark.parametrize("how", ["never", "NO_COLOR"])
def test_talk__no_colour_on_a_terminal__no_style_at_all(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    talk = Talk(quiet=False, verbose=0, color="auto" if how == "NO_COLOR" else "never", stream=stream)
    start(talk)
    wait_for("Verifying", stream)
    talk(PhaseDone("verify", "Verified: 2 ok", 0.3))
    talk.error(GpuenvError("no", cause="why", hints=[Hint("a", "do")], log_path="/log"))
    assert "Verifying" in stream.getvalue()
    assert STYLES.search(stream.getvalue()) is None


def test_talk__verbose__every_step_has_its_time() -> None:
    stream = io.StringIO()
    talk = Talk(quiet=False, verbose=1, color="auto", stream=stream)
    talk(PhaseDone("probe", "Found 1 GPU", 0.04))
    talk(Detail("GPU from nvml"))
    assert stream.getvalue() == "Found 1 GPU in 0.0 s\nGPU from nvml\n"


def test_talk__reader_is_gone__goes_on_in_silence() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    talk = Talk(quiet=False, verbose=0, color="auto", stream=Closed())
    talk(Warned("one"))
    talk(Warned("two"))
    assert talk.warnings == ["one", "two"]


def test_talk__no_standard_error__goes_on_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    Talk(quiet=False, verbose=0, color="auto").error(GpuenvError("no"))


@pytest.mark.parametrize("color", ["never", "always"])
def test_talk__text_that_the_stream_cannot_hold__escaped(color: str) -> None:
    raw = io.BytesIO()
    talk = Talk(quiet=False, verbose=0, color=color, stream=io.TextIOWrapper(raw, "ascii", write_through=True))
    talk.error(GpuenvError("no `/caf\udce9/深`"))
    assert b"/caf\\udce9/\\u6df1" in raw.getvalue()
