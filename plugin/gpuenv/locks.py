"""Locks that leave no file behind when their holder is done.

Whoever deletes a lock's file on Unix while another process has just opened it lets two hold "the" lock: one a file
that has no name any more, one the file that a third has made in its place. So every lock is taken and deleted behind
one gate, a lock of its own that is held for that moment only: nobody has a file open that is not held. The gate's file
stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GATE = "lock"
_GATE_S = 10.0


@contextmanager
def held_once(file: Path) -> Iterator[bool]:
    """Hold a lock if it is free, and delete its file in the end; gives whether it is held.

    Raises OSError when the directory may not be written.
    """
    from filelock import FileLock, Timeout

    lock, gate = FileLock(file), FileLock(file.with_name(GATE))
    try:
        with gate.acquire(timeout=_GATE_S):
            lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        try:
            with gate.acquire(timeout=_GATE_S):
                _delete(file)
                lock.release()
        except Timeout:  # the gate's holder was stopped: the next one who takes this lock deletes its file
            pass
        finally:
            lock.release()


def _delete(file: Path) -> None:
    """Delete a held lock's file; on Windows nobody can, and filelock does so when it lets go."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return
