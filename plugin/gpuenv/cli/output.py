"""Write a command's result on stdout, be that a terminal of another encoding, a closed pipe or a full disk."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from gpuenv.errors import GpuenvError, Hint


def write(text: str) -> GpuenvError | None:
    """Write the text and a line end; return the error when it could not be written.

    A reader that has gone away (`gpuenv list | head -1`) had what it wanted, and a stdout that was closed from the
    start is nobody's: neither is an error.
    """
    if sys.stdout is None:
        return None
    try:
        _write(sys.stdout, text + "\n")
    except BrokenPipeError:
        _abandon()
    except OSError as err:
        _abandon()
        return GpuenvError(
            "the result could not be written to standard output",
            cause=err.strerror or str(err),
            hints=[Hint("output.full", "make room, or send it somewhere else with `> FILE`")],
        )
    return None


def _write(stream: TextIO, text: str) -> None:
    """Write and flush; what the encoding lacks is written as the bytes it came from, or escaped."""
    try:
        stream.write(text)
    except UnicodeEncodeError as err:
        encoding = stream.encoding or "utf-8"
        try:
            raw = text.encode(encoding, "surrogateescape")
        except UnicodeEncodeError:
            raw = text.encode(encoding, "backslashreplace")
        buffer = getattr(stream, "buffer", None)
        if buffer is None:
            raise err
        stream.flush()
        buffer.write(raw)
    stream.flush()


def _abandon() -> None:
    """Let what is left in the buffer go nowhere, or Python complains about it when it ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
