"""`gpuenv stage --user-path`: put the directory of the DLLs on the user's PATH too; `unstage` takes it off."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.errors import GpuenvError

if TYPE_CHECKING:
    from gpuenv.session import Session
    from gpuenv.toolkit import StagedArchive
    from gpuenv.user_path import UserPath


@dataclass(frozen=True, slots=True)
class OnPath:
    """What became of PATH: the directory, whether it was put there now, and the directories that come before it."""

    directory: str
    added: bool
    hidden_by: tuple[str, ...]
    text: str
    error: GpuenvError | None = None

    @property
    def data(self) -> dict[str, object]:
        """Return what `--json` says."""
        return {"directory": self.directory, "added": self.added, "hidden_by": list(self.hidden_by)}


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
        added = path.add(place)
        hidden = tuple(entry for entry in path.machine() if _has_one(Path(entry), dlls, directory / "bin"))
        for entry in hidden:
            session.report(Warned(f"`{entry}` is on the machine's PATH, which comes before yours, and has such DLLs"))
    except GpuenvError as err:
        return OnPath(place, False, (), f"`{place}` is not on your PATH", err)
    said = f"Put `{place}` first on your PATH" if added else f"`{place}` is on your PATH already"
    lines = [said, *([how_to_check(place, _asked_for(dlls))] if dlls else [])]
    return OnPath(place, added, hidden, "\n".join(lines))


def take_off(session: Session, directory: Path) -> bool:
    """Take the directory off PATH if gpuenv put it there and nothing is staged in it any more; say whether it did."""
    from gpuenv.toolkit import read_ledger

    if not record(session).exists() or read_ledger(directory).archives:
        return False
    return _user_path(session).remove(str(directory / "bin"))


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
