"""All or nothing for one environment: whatever ends a run, the prefix is whole, as it was before, or cleaned up later.

Before anything is changed a journal is written outside the prefix. It is deleted when the change is complete. An error
while creating is undone at once; after a kill or a power cut the next gpuenv that touches the prefix finds the journal,
sees by the free lock that its owner is gone, and undoes a creation or ends a removal then.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from gpuenv.errors import Hint, TargetError
from gpuenv.locks import held_once
from gpuenv.paths import ASIDE, added_path, aside, is_writable, receipt_path
from gpuenv.text_files import typed


@dataclass(frozen=True, slots=True)
class Journal:
    """What is being changed: the prefix, and how to undo it (`create`) or to end it (`replace`, `remove`).

    `backup` is where the environment that stood there before waits; None: none did. With `in_place` the directory
    itself was there and empty, and stays. `entries` are the paths that a removal takes away, or that the new
    environment takes over from the one it replaces. `parents` are the directories above that had to be made, the
    innermost first; they go again, if nobody has put anything else into them.
    """

    prefix: str
    backup: str | None = None
    in_place: bool = False
    kind: Literal["create", "replace", "remove"] = "create"
    entries: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()


@contextmanager
def locked(prefix: Path, state_dir: Path) -> Iterator[None]:
    """Hold the environment's lock, after settling what a run that was killed left behind.

    Raises TargetError when another process holds it.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with held_once(_state_file(prefix, state_dir, "lock")) as held:
        if not held:
            raise TargetError(
                f"`{prefix}` is being changed by another gpuenv",
                hints=[Hint("target.locked", "wait until it has ended, then run the same command again")],
            )
        recover(prefix, state_dir)
        yield


def settle(prefix: Path, state_dir: Path) -> bool:
    """Undo or end what was begun at the prefix, for commands that only look; say whether there was anything.

    Raises TargetError when another gpuenv is at it right now.
    """
    if not _state_file(prefix, state_dir, "json").exists():
        return False
    with locked(prefix, state_dir):
        return True


def check_target(prefix: Path, *, replace_existing: bool) -> None:
    """Refuse to overwrite, and to begin where nothing can be written.

    Raises TargetError for a file, a foreign directory, an environment without leave, and a place of somebody else.
    """
    elsewhere = Hint("target.other", "choose another place with `-p PATH`, or another name with `-n NAME`")
    above = next((parent for parent in prefix.parents if os.path.lexists(parent)), prefix)  # `/` has none
    if not above.is_dir():
        raise TargetError(f"`{prefix}` cannot be made: `{above}` is no directory", hints=[elsewhere])
    if prefix.exists() and not prefix.is_dir():
        raise TargetError(f"`{prefix}` is a file", hints=[elsewhere])
    if not prefix.exists() or not any(prefix.iterdir()):  # an empty directory is used as it is
        _check_may_write(prefix if prefix.exists() else above, prefix, elsewhere)
        return
    if not receipt_path(prefix).exists():
        raise TargetError(f"`{prefix}` exists and is not an environment that gpuenv made", hints=[elsewhere])
    if added_path(prefix).exists():
        raise TargetError(
            f"gpuenv added to the environment `{prefix}` and did not make it, so it replaces nothing there",
            hints=[Hint("target.add", f"run `gpuenv add -p {typed(prefix)}` to add the stack again"), elsewhere],
        )
    if not replace_existing:
        raise TargetError(
            f"the environment `{prefix}` exists already",
            hints=[
                Hint("target.verify", f"run `gpuenv verify -p {typed(prefix)}` to see whether it is what you want"),
                Hint("target.replace", "run the same command with `--force` to replace it"),
            ],
        )
    _check_may_write(above, prefix, elsewhere)


def _check_may_write(directory: Path, prefix: Path, elsewhere: Hint) -> None:
    if not os.access(directory, os.W_OK):
        message = f"`{prefix}` cannot be made: you may not write to `{directory}`"
        owner = Hint("target.owner", f"run `ls -ld {typed(directory)}` to see whose it is, and ask them")
        raise TargetError(message, hints=[elsewhere, owner])


@contextmanager
def creating(prefix: Path, state_dir: Path, keep: Iterable[str] = ()) -> Iterator[None]:
    """Make an environment at the prefix, or leave everything as it was.

    An environment that stands there is moved aside and comes back on any error; when the new one is whole, it takes
    over the paths to `keep`. An empty directory is used as it is: it may be a mount point, or where the user's shell
    is. Call it inside `locked`, after `check_target`.
    """
    in_place = prefix.is_dir() and not any(prefix.iterdir())
    backup = aside(prefix, "before") if prefix.exists() and not in_place else None
    missing = tuple(str(parent) for parent in prefix.parents if not os.path.lexists(parent))
    journal = Journal(str(prefix), str(backup) if backup else None, in_place, parents=missing)
    _write_journal(journal, state_dir)
    try:
        if backup:
            prefix.rename(backup)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        yield
        _write_journal(replace(journal, kind="replace", entries=tuple(keep)), state_dir)
    except BaseException:
        recover(prefix, state_dir)
        raise
    recover(prefix, state_dir)


def check_writable(prefix: Path) -> None:
    """Refuse to change what belongs to somebody else, before anything is begun. Raises TargetError."""
    if not is_writable(prefix):
        raise TargetError(
            f"`{prefix}` cannot be changed: you may not write to it",
            hints=[Hint("target.owner", f"run `ls -ld {typed(prefix)}` to see whose it is, and ask them")],
        )


def check_addable(prefix: Path) -> None:
    """Refuse what nothing can be added to.

    Raises TargetError for no environment, conda's own, gpuenv's own, and one that the user may not write to.
    """
    new = Hint("target.create", "make a new one with `gpuenv create -n NAME`")
    if not prefix.is_dir():
        raise TargetError(f"there is no environment at `{prefix}`", hints=[new])
    if not (prefix / "pyvenv.cfg").exists() and not (prefix / "conda-meta" / "history").exists():
        raise TargetError(f"`{prefix}` is neither a conda environment nor a virtual environment", hints=[new])
    if (prefix / "condabin").is_dir():
        raise TargetError(f"`{prefix}` is conda's own environment and stays as it is", hints=[new])
    if receipt_path(prefix).exists() and not added_path(prefix).exists():
        raise TargetError(
            f"gpuenv made the environment `{prefix}`, which has its stack",
            hints=[Hint("target.replace", f"replace it with `gpuenv create -p {typed(prefix)} --force`"), new],
        )
    check_writable(prefix)


@contextmanager
def adding(prefix: Path, state_dir: Path) -> Iterator[None]:
    """Change an environment that is there, or leave it as it was.

    A copy made of hard links, which takes a second and no room, comes back on any error. Call it inside `locked`, after
    `check_addable`.
    """
    backup = aside(prefix, "before")
    try:
        _copy_linked(prefix, backup)
        _write_journal(Journal(str(prefix), str(backup)), state_dir)
    except BaseException:
        shutil.rmtree(backup, ignore_errors=True)
        raise
    try:
        yield
        _write_journal(Journal(str(prefix), str(backup), kind="replace"), state_dir)
    except BaseException:
        recover(prefix, state_dir)
        raise
    recover(prefix, state_dir)


def remove_entries(prefix: Path, entries: Iterable[str], state_dir: Path) -> None:
    """Take paths out of the prefix, and the prefix itself when nothing is left; cut short, `recover` ends it.

    Call it inside `locked`. Raises TargetError when the operating system does not allow it.
    """
    check_writable(prefix)
    _write_journal(Journal(str(prefix), kind="remove", entries=tuple(entries)), state_dir)
    recover(prefix, state_dir)


def recover(prefix: Path, state_dir: Path) -> bool:
    """Undo or end what the journal says was begun; say whether there was anything.

    The journal stays while the prefix is not settled. A second Ctrl-C has to wait until it is. Raises TargetError when
    the operating system does not allow it.
    """
    with _undisturbed():
        return _recover(prefix, state_dir)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C inside the block; other threads than the main one never get it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def _recover(prefix: Path, state_dir: Path) -> bool:
    path = _state_file(prefix, state_dir, "json")
    try:
        begun = Journal(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        _sweep(prefix)
        return False
    except (ValueError, TypeError):  # cut off while it was being written: nothing had been changed yet
        path.unlink()
        return False
    try:
        if begun.kind == "remove":
            _end_removal(Path(begun.prefix), begun.entries)
        elif begun.kind == "replace":
            _take_over(begun)
        else:
            _undo_creation(begun)
    except OSError as err:
        raise TargetError(
            f"`{prefix}` could not be cleaned up after a run that did not end",
            cause=f"{err}",
            hints=[Hint("target.cleanup", f"delete `{prefix}` and `{path}` yourself")],
        ) from err
    path.unlink()
    _sweep(prefix)
    for parent in begun.parents if begun.kind == "create" else ():
        with suppress(OSError):  # somebody else's files are in it by now
            os.rmdir(parent)
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


def _undo_creation(begun: Journal) -> None:
    prefix, backup = Path(begun.prefix), Path(begun.backup) if begun.backup else None
    if begun.in_place:
        for entry in list(prefix.iterdir()) if prefix.is_dir() else []:
            _delete(entry)
        return
    if os.path.lexists(prefix) and (backup is None or backup.exists()):
        prefix.rename(aside(prefix, "undone"))
    if backup is not None and backup.exists():
        backup.rename(prefix)


def _take_over(begun: Journal) -> None:
    """Move what the user had put into the old environment; what the new one has too stays beside it as `.before`."""
    for name in begun.entries if begun.backup else ():
        old, new = Path(begun.backup or "", name), Path(begun.prefix, name)
        if os.path.lexists(old):
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new.with_name(f"{new.name}.before") if os.path.lexists(new) else new)


def _end_removal(prefix: Path, entries: Iterable[str]) -> None:
    """Move everything aside first, which takes no time, so that no half environment is seen while files are deleted."""
    waiting = aside(prefix, "removed")
    for number, name in enumerate(entries):
        if os.path.lexists(prefix / name):
            _move_or_delete(prefix / name, waiting, str(number))
    for parent in dict.fromkeys(str(Path(name).parent) for name in entries):
        if parent != ".":
            _remove_if_empty(prefix / parent)
    _remove_if_empty(prefix)


def _move_or_delete(entry: Path, waiting: Path, name: str) -> None:
    try:
        waiting.mkdir(exist_ok=True)
        entry.rename(waiting / name)
    except OSError:  # a mount point's contents, or a parent that the user may not write to
        _delete(entry)


def _remove_if_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def _copy_linked(source: Path, target: Path) -> None:
    """Copy a tree by hard links; files that programs change in place, as conda its history, are copied whole."""

    def copy(file: str, other: str) -> str:
        parts = Path(file).relative_to(source).parts
        if len(parts) == 1 or parts[0] in ("conda-meta", "etc", "var"):
            return shutil.copy2(file, other)
        try:
            os.link(file, other)
        except OSError:
            return shutil.copy2(file, other)
        return other

    shutil.copytree(source, target, symlinks=True, copy_function=copy)


def _sweep(prefix: Path) -> None:
    """Delete what was moved aside: without a journal nobody needs it any more."""
    for why in ASIDE:
        for left in prefix.parent.glob(f".{glob.escape(prefix.name)}.{why}-*"):
            shutil.rmtree(left, ignore_errors=True)


def _delete(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _write_journal(journal: Journal, state_dir: Path) -> None:
    """Write the journal in one step: a disk that is full must not take the one away that says how to undo."""
    path = _state_file(Path(journal.prefix), state_dir, "json")
    new = path.with_suffix(".new")
    try:
        new.write_text(json.dumps(asdict(journal)), "utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _state_file(prefix: Path, state_dir: Path, suffix: str) -> Path:
    digest = hashlib.sha256(os.fsencode(os.path.normcase(os.path.abspath(prefix)))).hexdigest()[:20]
    return state_dir / f"{digest}.{suffix}"
