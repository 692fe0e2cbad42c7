"""Put an archive's files into a toolkit directory, all or none, and take them out again, bit for bit.

An archive is unpacked beside its place (`.gpuenv/new`) and its files are then renamed into it, so that nothing is
copied twice. Before the first file moves a journal says what is going to be done; whatever ends a run, the next one
that touches the directory undoes a staging that was cut short, and ends an unstaging.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from gpuenv.errors import ArchiveError, Hint, TargetError
from gpuenv.model import Extracted
from gpuenv.toolkit.ledger import (
    Content,
    Ledger,
    StagedArchive,
    StagedFile,
    content_of,
    own_dir,
    read_ledger,
    write_ledger,
    write_whole,
)

State = Literal["ours", "absent", "changed"]
# Unpacks the archive below a directory.
Unpack = Callable[[Path], Sequence[Extracted]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which archive shall be staged: what it is, its file's name, its SHA-256, and whether that was NVIDIA's."""

    component: str
    version: str
    cuda: str
    archive: str
    sha256: str
    checked: bool = True


@dataclass(frozen=True, slots=True)
class Undone:
    """What `unstage` did: paths taken out, paths put back, and messages about what somebody else has changed."""

    removed: tuple[str, ...]
    restored: tuple[str, ...]
    left: tuple[str, ...]


class _Journal(msgspec.Struct, frozen=True):
    kind: Literal["stage", "unstage"]
    archive: StagedArchive


def stage(directory: Path, wanted: Wanted, unpack: Unpack) -> tuple[StagedArchive, bool]:
    """Stage an archive; return what is staged, and whether anything had to be done.

    Raises TargetError when the directory may not be written, another version of the component is staged there, or a
    staged file was changed since; ArchiveError for an archive with nothing in it that belongs there.
    """
    with held(directory):
        ledger = read_ledger(directory)
        earlier = ledger.find(wanted.component)
        if earlier is not None:
            _refuse_another(directory, earlier, wanted)
            states = look(directory, earlier)
            _refuse_changed(directory, earlier, states)
            if "absent" not in states.values():
                return earlier, False
        extracted = _unpack(directory, wanted, unpack)
        if earlier is not None:
            _take_out(directory, earlier)
        archive = _described(directory, wanted, extracted)
        _carry_out(directory, archive)
        write_ledger(directory, Ledger(archives=[*_without(directory, ledger, wanted.component).archives, archive]))
        _end(directory)
        return archive, True


def unstage(directory: Path, component: str) -> Undone:
    """Take a component out; what stood there before stands there again.

    A file that somebody else has changed since is left as it is, and what it had replaced stays in `.gpuenv/before`.
    Raises TargetError when nothing of it is staged.
    """
    with held(directory):
        ledger = read_ledger(directory)
        archive = ledger.find(component)
        if archive is None:
            raise TargetError(
                f"no {component} is staged in `{directory}`",
                hints=[Hint("stage.status", f"run `gpuenv stage --status {_at(directory)}` to see what is")],
            )
        write_whole(own_dir(directory) / "journal.json", _Journal("unstage", archive))
        undone = _take_out(directory, archive)
        write_ledger(directory, _without(directory, ledger, component))
        _end(directory)
        return undone


def settle(directory: Path) -> bool:
    """Put in order what a run that was killed has left behind; say whether there was anything.

    Raises TargetError when the directory may not be written, or another gpuenv is at it.
    """
    if not own_dir(directory).is_dir():
        return False
    left = is_unsettled(directory)
    with held(directory):
        return left


def is_unsettled(directory: Path) -> bool:
    """Say whether a run is at the directory, or was killed there."""
    return any((own_dir(directory) / name).exists() for name in ("journal.json", "new"))


def look(directory: Path, archive: StagedArchive) -> dict[str, State]:
    """Say of each staged file whether it is still the one that was staged. Reads all of them."""
    return {file.path: _state(directory, file) for file in archive.files}


def recover(directory: Path) -> bool:
    """Undo a staging that was cut short, or end an unstaging; say whether there was one. Call it inside `held`."""
    path = own_dir(directory) / "journal.json"
    try:
        journal = msgspec.json.decode(path.read_bytes(), type=_Journal)
    except FileNotFoundError:
        _sweep(directory)
        return False
    except msgspec.DecodeError:  # cut off while it was being written: nothing had been changed yet
        path.unlink()
        return False
    _take_out(directory, journal.archive)
    ledger = read_ledger(directory)
    if journal.kind == "unstage" or ledger.find(journal.archive.component) == journal.archive:
        write_ledger(directory, _without(directory, ledger, journal.archive.component))
    _end(directory)
    return True


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, after settling what a run that was killed left behind.

    Raises TargetError when it may not be written, does not exist, or another gpuenv is at it.
    """
    from filelock import FileLock, Timeout

    if not directory.is_dir():
        raise TargetError(f"there is no directory `{directory}`")
    own = own_dir(directory)
    try:
        own.mkdir(exist_ok=True)
        lock = FileLock(own / "lock")
        lock.acquire(timeout=0)
    except Timeout as err:
        raise TargetError(
            f"`{directory}` is being changed by another gpuenv",
            hints=[Hint("target.locked", "wait until it has ended, then run the same command again")],
        ) from err
    except OSError as err:
        raise TargetError(
            f"`{directory}` may not be written",
            cause=str(err),
            hints=[Hint("stage.env", "stage into an environment, which takes no administrator: `--into env -n NAME`")],
        ) from err
    try:
        recover(directory)
        yield
    finally:
        lock.release()
        _forget(own)


def _refuse_another(directory: Path, earlier: StagedArchive, wanted: Wanted) -> None:
    if (earlier.sha256, earlier.component) == (wanted.sha256, wanted.component):
        return
    raise TargetError(
        f"{earlier.component} {earlier.version} for CUDA {earlier.cuda} is staged in `{directory}` already",
        cause=f"files of {wanted.version} among those of {earlier.version} would work for neither",
        hints=[
            Hint("stage.unstage", f"take it out first: `gpuenv unstage {earlier.component} {_at(directory)}`"),
            Hint("stage.env", "or stage into an environment, which has its own: `--into env -n NAME`"),
        ],
    )


def _refuse_changed(directory: Path, earlier: StagedArchive, states: Mapping[str, State]) -> None:
    changed = [path for path, state in states.items() if state == "changed"]
    if changed:
        again = Hint("stage.unstage", f"take it out first: `gpuenv unstage {earlier.component} {_at(directory)}`")
        raise TargetError(
            f"files of the {earlier.component} that is staged in `{directory}` were changed since: {_named(changed)}",
            hints=[again],
        )


def _unpack(directory: Path, wanted: Wanted, unpack: Unpack) -> Sequence[Extracted]:
    """Unpack beside the places. Raises ArchiveError for an archive with nothing in it that belongs here."""
    new = own_dir(directory) / "new"
    try:
        extracted = unpack(new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if not extracted:
        raise ArchiveError(
            f"`{wanted.archive}` has no files of {wanted.component}",
            hints=[Hint("stage.archive", "name the archive for this platform with `--archive FILE`")],
        )
    return extracted


def _described(directory: Path, wanted: Wanted, extracted: Sequence[Extracted]) -> StagedArchive:
    """Say for each file what it is, and what stands at its place now."""
    files = [_file(directory, one) for one in sorted(extracted, key=lambda one: one.path)]
    parents = {parent for one in files for parent in PurePosixPath(one.path).parents if parent.parts}
    made = sorted(str(parent) for parent in parents if not (directory / parent).exists())
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return StagedArchive(
        component=wanted.component,
        version=wanted.version,
        cuda=wanted.cuda,
        archive=wanted.archive,
        sha256=wanted.sha256,
        staged=now,
        backup=_free_name(own_dir(directory) / "before", wanted.component),
        files=files,
        made_dirs=made,
        checked=wanted.checked,
    )


def _file(directory: Path, one: Extracted) -> StagedFile:
    content = Content(link_to=one.link_to) if one.link_to is not None else Content(sha256=one.sha256)
    before = content_of(directory / one.path)
    return StagedFile(path=one.path, content=content, size_bytes=one.size, before=before, kept=before == content)


def _carry_out(directory: Path, archive: StagedArchive) -> None:
    """Move every file to its place; on any error everything is as it was."""
    own = own_dir(directory)
    write_whole(own / "journal.json", _Journal("stage", archive))
    try:
        for file in archive.files:
            if file.kept:
                continue
            place = directory / file.path
            if file.before is not None:
                _move(place, _backup(directory, archive, file))
            _move(own / "new" / file.path, place)
    except BaseException as err:
        recover(directory)
        if isinstance(err, OSError):
            raise TargetError(
                f"`{directory}` may not be written",
                cause=str(err),
                hints=[Hint("stage.env", "stage into an environment instead: `--into env -n NAME`")],
            ) from err
        raise


def _take_out(directory: Path, archive: StagedArchive) -> Undone:
    """Undo what was moved, whether all of it or a part; doing it twice is the same as once."""
    removed, restored, left = [], [], []
    for file in reversed(archive.files):
        if file.kept:
            continue
        place, backup = directory / file.path, _backup(directory, archive, file)
        waiting = os.path.lexists(backup)
        state = _state(directory, file)
        if state == "changed":
            # Not yet staged, or put back by a run that was cut short: then nothing waits.
            if waiting:
                left.append(f"`{place}` was changed since, left as it is; what it replaced is in `{backup}`")
            elif file.before is None or content_of(place) != file.before:
                left.append(f"`{place}` was changed since, left as it is")
            continue
        if waiting:
            _move(backup, place)
            restored.append(file.path)
        elif state == "ours":
            place.unlink()
            removed.append(file.path)
    for name in reversed(archive.made_dirs):
        _remove_if_empty(directory / name)
    return Undone(tuple(removed), tuple(restored), tuple(left))


def _state(directory: Path, file: StagedFile) -> State:
    found = content_of(directory / file.path)
    if found is None:
        return "absent"
    return "ours" if found == file.content else "changed"


def _backup(directory: Path, archive: StagedArchive, file: StagedFile) -> Path:
    return own_dir(directory) / "before" / archive.backup / file.path


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _end(directory: Path) -> None:
    (own_dir(directory) / "journal.json").unlink(missing_ok=True)
    _sweep(directory)


def _sweep(directory: Path) -> None:
    """Delete what was unpacked and is not needed, and directories of backups that hold none."""
    own = own_dir(directory)
    shutil.rmtree(own / "new", ignore_errors=True)
    for path in sorted((own / "before").rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            _remove_if_empty(path)
    _remove_if_empty(own / "before")


def _forget(own: Path) -> None:
    """Remove gpuenv's own directory when it says nothing any more."""
    others = [path for path in own.iterdir() if path.name != "lock"] if own.is_dir() else []
    if not others:
        (own / "lock").unlink(missing_ok=True)
        _remove_if_empty(own)


def _remove_if_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def _without(directory: Path, ledger: Ledger, component: str) -> Ledger:
    """Return the ledger without a component; directories that it made and others still use are theirs now."""
    rest = [one for one in ledger.archives if one.component != component]
    gone = [one for one in ledger.archives if one.component == component]
    dirs = {name for one in gone for name in one.made_dirs if (directory / name).is_dir()}
    if rest and dirs:
        rest[0] = msgspec.structs.replace(rest[0], made_dirs=sorted(dirs | set(rest[0].made_dirs)))
    return Ledger(archives=rest)


def _free_name(parent: Path, name: str) -> str:
    """Return a name that nothing has below a directory: what an earlier unstaging had to leave is not overwritten."""
    return next(found for number in count(1) if not (parent / (found := f"{name}-{number}")).exists())


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(f"`{path}`" for path in paths[:3]) + more


def _at(directory: Path) -> str:
    return f"--toolkit-dir '{directory}'" if " " in str(directory) else f"--toolkit-dir {directory}"
