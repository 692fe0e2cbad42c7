"""`gpuenv stage --user-path`: put the directory of the DLLs on the user's PATH too; `unstage` takes it off."""

from __future__ import annotations

import argparse
import ntpath
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli.text import quoted
from gpuenv.errors import GpuenvError

if TYPE_CHECKING:
    from gpuenv.session import Session
    from gpuenv.toolkit import StagedArchive
    from gpuenv.user_path import Change, UserPath


@dataclass(frozen=True, slots=True)
class OnPath:
    """What became of PATH: the directory, whether it was put there now, and the directories that come before it.

    `announced` says whether Windows told open programs, where there was anything to tell.
    """

    directory: str
    added: bool
    hidden_by: tuple[str, ...]
    text: str
    announced: bool = True
    error: GpuenvError | None = None

    @property
    def data(self) -> dict[str, object]:
        """Return what `--json` says."""
        return {
            "directory": self.directory,
            "added": self.added,
            "hidden_by": list(self.hidden_by),
            "announced": self.announced,
        }


def add_user_path(parser: argparse.ArgumentParser) -> None:
    """Add `--user-path`."""
    parser.add_argument(
        "--user-path", action="store_true", help="Windows: put the directory of the DLLs on your PATH too"
    )


def check(args: argparse.Namespace, directory: Path) -> None:
    """Raise UsageError before anything is done where there is no such PATH, or it cannot hold the directory."""
    if args.user_path:
        from gpuenv import registry, user_path

        registry.this_registry()
        user_path.check_entry(str(directory / "bin"))


def put(session: Session, directory: Path, staged: tuple[StagedArchive, ...]) -> OnPath:
    """Put the directory of the DLLs on PATH; that it could not be done is an error after the staging was."""
    from gpuenv.model import Warned
    from gpuenv.user_path import how_to_check

    dlls = [name for one in staged for file in one.files if (name := Path(file.path).name).lower().endswith(".dll")]
    place, path = str(directory / "bin"), _user_path(session)
    try:
        change = path.add(place)
        hidden = tuple(entry for entry in path.machine() if _has_one(Path(entry), dlls, directory / "bin"))
        for entry in hidden:
            session.report(Warned(f"`{entry}` is on the machine's PATH, which comes before yours, and has such DLLs"))
    except GpuenvError as err:
        return OnPath(place, False, (), f"`{place}` is not on your PATH", error=err)
    _warn_if_untold(session, change)
    said = f"Put `{place}` first on your PATH" if change.made else f"`{place}` is on your PATH already"
    how = [how_to_check(place, _asked_for(dlls), announced=change.announced)] if dlls else []
    return OnPath(place, change.made, hidden, "\n".join([said, *how]), change.announced)


def take_off(session: Session, directory: Path) -> bool:
    """Take the directory off PATH if gpuenv put it there and nothing is staged in it any more; say whether it did."""
    from gpuenv.toolkit import read_ledger

    if not record(session).exists() or read_ledger(directory).archives:
        return False
    return _remove(session, _user_path(session), str(directory / "bin"))


def take_off_gone(session: Session, directory: Path | None) -> tuple[str, ...]:
    """Take directories off PATH that gpuenv put there and that do not exist any more; return those it took off.

    Those at or in `directory`, or with None all of them. Raises TargetError when the registry refuses.
    """
    return tuple(entry for entry in gone(session, directory) if _remove(session, _user_path(session), entry))


def gone(session: Session, directory: Path | None) -> tuple[str, ...]:
    """Return directories that gpuenv put on PATH and that do not exist any more: at or in `directory`, or all."""
    from gpuenv.user_path import is_in

    if not record(session).exists():
        return ()
    found = _user_path(session).gone()
    return tuple(one for one in found if directory is None or is_in(one, str(directory), session.environ))


def warn_of_gone(session: Session) -> None:
    """Name directories on PATH that gpuenv put there and that do not exist any more."""
    from gpuenv.model import Warned

    for entry in gone(session, None):
        take = f"`gpuenv unstage cudnn --toolkit-dir {quoted(ntpath.dirname(entry))}` takes it off"
        session.report(Warned(f"`{entry}` is on your PATH and does not exist any more; {take}"))


def _remove(session: Session, path: UserPath, entry: str) -> bool:
    change = path.remove(entry)
    _warn_if_untold(session, change)
    return change.made


def _warn_if_untold(session: Session, change: Change) -> None:
    """Say what to do when Windows did not pass the change on: new terminals would still have the PATH of before."""
    from gpuenv.model import Warned

    if change.made and not change.announced:
        session.report(Warned("Windows did not tell open programs of the new PATH; sign out and in again"))


def record(session: Session) -> Path:
    """Return the file that says what gpuenv put on PATH."""
    return session.state_dir / "user-path.json"


def _user_path(session: Session) -> UserPath:
    from gpuenv import registry
    from gpuenv.user_path import UserPath

    return UserPath(registry.this_registry(), record(session), session.environ)


def _asked_for(dlls: list[str]) -> str:
    """Choose the DLL that TensorFlow opens by name, `cudnn64_8.dll`, before those that it opens in turn."""
    return min(dlls, key=lambda name: ("_" in name.partition("64_")[0], name))


def _has_one(entry: Path, dlls: list[str], own: Path) -> bool:
    return entry != own and any((entry / name).is_file() for name in dlls)
