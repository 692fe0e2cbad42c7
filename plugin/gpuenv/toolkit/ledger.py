"""What gpuenv has staged into a toolkit directory: `<directory>/.gpuenv/staged.json`, with all that undoing needs.

The files that were replaced wait beside it, under `before/`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from gpuenv.errors import Hint, TargetError

OWN = ".gpuenv"
VERSION = "1"
_CHUNK_BYTES = 4 * 1024 * 1024


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands at a path: a file with this SHA-256 (hex), or a link that says `link_to`."""

    sha256: str | None = None
    link_to: str | None = None


class StagedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of an archive: its path relative to the directory, what it is, and what it replaced (None: nothing).

    `kept` says that the very same stood there before, so that it is not gpuenv's to take away.
    """

    path: str
    content: Content
    size_bytes: int = 0
    before: Content | None = None
    kept: bool = False


class StagedArchive(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One archive that is staged.

    `made_dirs` are directories that were not there before, outermost first; `backup` is the one below `.gpuenv/before`
    where files wait that were replaced, another for each staging.
    `sha256` is of the archive, as it was found; `checked` says that it was NVIDIA's.
    """

    component: str
    version: str
    cuda: str
    archive: str
    sha256: str
    staged: str
    backup: str
    files: list[StagedFile]
    made_dirs: list[str] = []
    checked: bool = True


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is staged into one directory."""

    gpuenv_staged_version: str = VERSION
    archives: list[StagedArchive] = []

    def find(self, component: str) -> StagedArchive | None:
        """Return the archive that is staged of a component."""
        return next((one for one in self.archives if one.component == component), None)


def own_dir(directory: Path) -> Path:
    """Return gpuenv's own directory in a toolkit directory."""
    return directory / OWN


def read_ledger(directory: Path) -> Ledger:
    """Read what is staged; nothing is where there is no ledger. Raises TargetError for one that cannot be read."""
    path = own_dir(directory) / "staged.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ledger)
    except FileNotFoundError:
        return Ledger()
    except (OSError, msgspec.DecodeError) as err:
        raise TargetError(
            f"`{path}` cannot be read, so nothing is changed in `{directory}`",
            cause=str(err),
            hints=[Hint("stage.ledger", "bring it back from a backup, or stage into another directory")],
        ) from err


def write_ledger(directory: Path, ledger: Ledger) -> None:
    """Write what is staged in one step; an empty ledger is no file."""
    path = own_dir(directory) / "staged.json"
    if not ledger.archives:
        path.unlink(missing_ok=True)
        return
    write_whole(path, ledger)


def write_whole(path: Path, value: object) -> None:
    """Write a JSON file so that a reader, or a power cut, never meets half of it."""
    aside = path.with_name(f"{path.name}.new")
    with aside.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(value), indent=1))
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def content_of(path: Path) -> Content | None:
    """Read what stands at a path; None for nothing. Raises TargetError for a directory."""
    if path.is_symlink():
        return Content(link_to=os.readlink(path))
    if not os.path.lexists(path):
        return None
    if path.is_dir():
        raise TargetError(f"`{path}` is a directory, where a file of the archive belongs")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            digest.update(piece)
    return Content(sha256=digest.hexdigest())
