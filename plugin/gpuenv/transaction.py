"""All or nothing for one environment: whatever ends a run, the prefix is whole, as it was before, or cleaned up later.

Before anything is changed a journal is written outside the prefix. It is deleted when the change is complete. On an
error the change is undone at once; after a kill or a power cut the next gpuenv that touches the prefix finds the
journal, sees by the free lock that its owner is gone, and undoes the change then.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from gpuenv.errors import Hint, TargetError
from gpuenv.paths import receipt_path


@dataclass(frozen=True, slots=True)
class Journal:
    """What is being changed: the prefix, and where the environment that stood there before waits (None: none did)."""

    prefix: str
    backup: str | None


@contextmanager
def locked(prefix: Path, state_dir: Path) -> Iterator[None]:
    """Hold the environment's lock, after undoing what a run that was killed left behind.

    Raises TargetError when another process holds it.
    """
    from filelock import FileLock, Timeout

    state_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_state_file(prefix, state_dir, "lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as err:
        raise TargetError(
            f"`{prefix}` is being changed by another gpuenv",
            hints=[Hint("target.locked", "wait until it has ended, then run the same command again")],
        ) from err
    try:
        recover(prefix, state_dir)
        yield
    finally:
        lock.release()


def check_target(prefix: Path, *, replace_existing: bool) -> None:
    """Refuse to overwrite. Raises TargetError for a file, a foreign directory, or an environment without leave."""
    if not prefix.exists():
        return
    elsewhere = Hint("target.other", "choose another place with `-p PATH`, or another name with `-n NAME`")
    if not prefix.is_dir():
        raise TargetError(f"`{prefix}` is a file", hints=[elsewhere])
    if not any(prefix.iterdir()):
        return
    if not receipt_path(prefix).exists():
        raise TargetError(f"`{prefix}` exists and is not an environment that gpuenv made", hints=[elsewhere])
    if not replace_existing:
        raise TargetError(
            f"the environment `{prefix}` exists already",
            hints=[
                Hint("target.verify", f"run `gpuenv verify -p {prefix}` to see whether it is what you want"),
                Hint("target.replace", "run the same command with `--force` to replace it"),
            ],
        )


@contextmanager
def creating(prefix: Path, state_dir: Path) -> Iterator[None]:
    """Make an environment at the prefix, or leave everything as it was.

    What stands there is moved aside and comes back on any error. Call it inside `locked`, after `check_target`.
    """
    backup = prefix.with_name(f".{prefix.name}.before-{os.getpid()}") if prefix.exists() else None
    journal = _state_file(prefix, state_dir, "json")
    _write_journal(journal, Journal(str(prefix), str(backup) if backup else None))
    try:
        if backup:
            prefix.rename(backup)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        recover(prefix, state_dir)
        raise
    journal.unlink()
    _discard_backups(prefix)


def recover(prefix: Path, state_dir: Path) -> bool:
    """Undo what the journal says was begun and not ended; say whether there was anything."""
    journal = _state_file(prefix, state_dir, "json")
    try:
        begun = Journal(**json.loads(journal.read_text("utf-8")))
    except FileNotFoundError:
        _discard_backups(prefix)
        return False
    except (ValueError, TypeError):  # cut off while it was being written: nothing had been changed yet
        journal.unlink()
        return False
    backup = Path(begun.backup) if begun.backup else None
    if backup is None or backup.exists():
        shutil.rmtree(begun.prefix, ignore_errors=True)
    if backup is not None and backup.exists():
        backup.rename(begun.prefix)
    journal.unlink()
    return True


def unfinished(state_dir: Path) -> tuple[Path, ...]:
    """List the prefixes whose change has begun and not ended (running now, or killed)."""
    found = []
    for journal in sorted(state_dir.glob("*.json")):
        try:
            found.append(Path(json.loads(journal.read_text("utf-8"))["prefix"]))
        except (OSError, ValueError, KeyError):
            continue
    return tuple(found)


def _discard_backups(prefix: Path) -> None:
    """Delete environments that were replaced: without a journal nobody needs them any more."""
    for backup in prefix.parent.glob(f".{glob.escape(prefix.name)}.before-*"):
        shutil.rmtree(backup, ignore_errors=True)


def _write_journal(path: Path, journal: Journal) -> None:
    path.write_text(json.dumps(asdict(journal)), "utf-8")


def _state_file(prefix: Path, state_dir: Path, suffix: str) -> Path:
    digest = hashlib.sha256(os.path.normcase(os.path.abspath(prefix)).encode()).hexdigest()[:20]
    return state_dir / f"{digest}.{suffix}"
