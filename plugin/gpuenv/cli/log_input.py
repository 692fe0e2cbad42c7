"""The log that `gpuenv doctor` is given: a file that is named, or what is piped in. Of a long one the end."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gpuenv.errors import Hint, UsageError

# More of a log is not looked at: its end is where the failure is.
_LOG_BYTES = 16 * 2**20
# An even number: a cut between two of them leaves the characters of UTF-16 whole.
_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Log:
    """The end of a log, and how many lines stand before it."""

    data: bytes
    lines_before: int = 0


def read_log(args: argparse.Namespace) -> Log | None:
    """Return the log to look at; None where there is none: no file is named, and nothing is piped in.

    Raises UsageError for a file that cannot be read.
    """
    if args.log is not None and args.log != "-":
        try:
            with Path(args.log).open("rb") as file:
                return end_of(file)
        except OSError as err:
            raise UsageError(
                f"`{args.log}` cannot be read: {(err.strerror or str(err)).lower()}",
                hints=[
                    Hint("doctor.log", "name a file, or pipe the log: `python train.py 2>&1 | gpuenv doctor --log`")
                ],
            ) from err
    if args.log is None and (args.name or args.prefix or not _is_piped()):
        return None
    piped = end_of(sys.stdin.buffer) if sys.stdin is not None else Log(b"")
    return piped if piped.data.strip() or args.log else None


def end_of(file: BinaryIO, least_bytes: int = _LOG_BYTES, chunk_bytes: int = _CHUNK_BYTES) -> Log:
    """Read a file to its end; keep `least_bytes` of it, and less than a chunk more, and count the lines before."""
    kept: deque[bytes] = deque()
    size, lines = 0, 0
    while chunk := file.read(chunk_bytes):
        kept.append(chunk)
        size += len(chunk)
        while size - len(kept[0]) >= least_bytes:
            first = kept.popleft()
            size -= len(first)
            lines += first.count(b"\n")
    return Log(b"".join(kept), lines)


def _is_piped() -> bool:
    """Say whether standard input is a file or a pipe, not a terminal nor nothing."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
