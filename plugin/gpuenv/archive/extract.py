"""Take the wanted members out of an archive."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from gpuenv.archive.limits import Limits
from gpuenv.errors import ArchiveError, FetchError
from gpuenv.model import Extracted

Place = Callable[[str], PurePosixPath | None]


def extract(
    archive: Path, place: Place, target: Path, limits: Limits | None = None, *, sha256: str | None
) -> tuple[Extracted, ...]:
    """Write the wanted members under `target`, in the archive's order, and say what was written."""
    if sha256 is not None and _hash(archive) != sha256:
        raise FetchError(
            f"`{archive}` has the wrong hash", cause=f"expected SHA-256 `{sha256}`, found `{_hash(archive)}`"
        )
    done: list[Extracted] = []
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                path = place(info.filename) if not info.is_dir() else None
                if path is not None:
                    (target / path).parent.mkdir(parents=True, exist_ok=True)
                    with zipped.open(info) as source, (target / path).open("xb") as sink:
                        shutil.copyfileobj(source, sink)
                    done.append(Extracted(str(path), _hash(target / path), info.file_size))
        return tuple(done)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = place(member.name) if not member.isdir() else None
                if path is None:
                    continue
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                if member.issym():
                    (target / path).symlink_to(member.linkname)
                    done.append(
                        Extracted(str(path), hashlib.sha256(member.linkname.encode()).hexdigest(), 0, member.linkname)
                    )
                    continue
                opened = tar.extractfile(member)
                assert opened is not None
                with (target / path).open("xb") as sink:
                    shutil.copyfileobj(opened, sink)
                done.append(Extracted(str(path), _hash(target / path), member.size))
    except (tarfile.TarError, OSError, EOFError) as err:
        raise ArchiveError(f"`{archive}` cannot be read", cause=str(err)) from err
    return tuple(done)


def names(archive: Path) -> tuple[str, ...]:
    """List the names of the members that are no directories, in the archive's order."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            return tuple(info.filename for info in zipped.infolist() if not info.is_dir())
    with tarfile.open(archive) as tar:
        return tuple(member.name for member in tar if not member.isdir())


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
