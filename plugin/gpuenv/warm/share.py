"""A warm compute cache as a file: for other machines with the same GPU architecture, driver and libraries.

The file is a tar archive, compressed, whose first member says what it is for::

    gpuenv-warm.json    {"gpuenv_warm_export_version": "1", "entries": [...], "hashes": {"lib/x.so": "3f1c..."}, ...}
    cache/...           the compute cache, as the driver wrote it

What the driver compiled is machine code: take such a file only from somebody whose programs you would run.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from gpuenv.errors import FetchError, GpuenvError, Hint, NoGpuError, TargetError
from gpuenv.extension import CheckContext
from gpuenv.model import Host, Shared
from gpuenv.paths import warm_record_path
from gpuenv.warm.gpus import keys_of
from gpuenv.warm.modules import find_libraries
from gpuenv.warm.record import Entry, Key, cache_bytes, read_record, write_entry
from gpuenv.warm.run import cache_dir_of

VERSION = "1"
_MANIFEST = "gpuenv-warm.json"
_CHUNK_BYTES = 4 * 1024 * 1024


class Exported(msgspec.Struct, frozen=True):
    """What was compiled for one GPU architecture and driver; paths are relative to the environment."""

    gpu: str
    driver: str
    modules: int
    done: dict[str, list[int]]


class Manifest(msgspec.Struct, frozen=True):
    """What a file is for: `hashes` are SHA-256 of the libraries that the code was compiled from."""

    gpuenv_warm_export_version: str
    framework: str
    framework_version: str
    entries: list[Exported]
    hashes: dict[str, str]
    cache_bytes: int


@dataclass(frozen=True, slots=True)
class _Here:
    """The environment that takes or gives a cache."""

    prefix: Path
    cache: Path
    states: Mapping[str, str]


def export(context: CheckContext, file: Path) -> Shared:
    """Write what is compiled in an environment; needs no GPU.

    Raises GpuenvError when nothing is compiled completely, TargetError when the file exists or cannot be written.
    """
    here = _here(context)
    record = read_record(warm_record_path(here.prefix))
    entries = [
        entry
        for entry in record.entries
        if entry.key.cache_dir == str(here.cache) and entry.complete and entry.modules and record.entry(entry.key)
    ]
    fresh = [entry for entry in entries if all(here.states.get(path) == entry.libraries[path] for path in entry.done)]
    if not fresh:
        raise GpuenvError(
            "there is nothing compiled in this environment to give away",
            cause="no GPU had all of its code compiled here, or the libraries have changed since",
            hints=[Hint("warm.first", "run `gpuenv warm` on a machine with the GPU first")],
        )
    hashes = _hashes(here.prefix, sorted({_relative(here, path) for entry in fresh for path in entry.done}))
    framework = context.recipe.framework
    shown = [_exported(here, entry) for entry in fresh]
    size = cache_bytes(here.cache)
    manifest = Manifest(VERSION, framework.name, framework.version, shown, hashes, size)
    _write(file, manifest, here.cache)
    return Shared(str(file), file.stat().st_size, size, tuple(f"{one.gpu} with driver {one.driver}" for one in shown))


def take(context: CheckContext, file: Path, *, replace: bool) -> Shared:
    """Fill an environment's compute cache from a file, for the GPUs of this machine; nothing is left when it fails.

    Raises GpuenvError with the reason when it is for another GPU, driver or library, TargetError when the cache is not
    empty and may not be replaced, FetchError for a file that is none of gpuenv's, or damaged.
    """
    here = _here(context)
    with _opened(file) as archive:
        manifest = _manifest(archive, file)
        matching = _matching(context.host, here, manifest)
        _check_libraries(here, manifest)
        if cache_bytes(here.cache) and not replace:
            raise TargetError(
                f"the compute cache `{here.cache}` is not empty",
                hints=[Hint("warm.replace", "replace what is in it with `--force`")],
            )
        _fill(archive, file, here.cache)
    size = cache_bytes(here.cache)
    for one in matching:
        done = {str(here.prefix / path): offsets for path, offsets in one.done.items()}
        entry = Entry(Key(one.gpu, one.driver, str(here.cache)), dict(here.states), one.modules, done, size)
        write_entry(warm_record_path(here.prefix), entry)
    names = tuple(f"{one.gpu} with driver {one.driver}" for one in matching)
    return Shared(str(file), file.stat().st_size, size, names)


def _here(context: CheckContext) -> _Here:
    states = {str(it.path): it.state for it in find_libraries(context)}
    return _Here(context.built.prefix, Path(cache_dir_of(context)), states)


def _matching(host: Host, here: _Here, manifest: Manifest) -> list[Exported]:
    """Return what the file has for GPUs of this machine. Raises GpuenvError with what it has instead."""
    keys = {(key.gpu, key.driver) for key in keys_of(host, str(here.cache))}
    found = [one for one in manifest.entries if (one.gpu, one.driver) in keys]
    if not found:
        has = " and ".join(f"{one.gpu} with driver {one.driver}" for one in manifest.entries)
        if not keys:
            raise NoGpuError(
                "no NVIDIA GPU and driver were found to take compiled code for",
                cause=f"the file is for {has}",
                hints=[Hint("warm.there", "run the same command on the machine with the GPU")],
            )
        this = " and ".join(f"{gpu} with driver {driver}" for gpu, driver in sorted(keys))
        raise GpuenvError(
            "the file was compiled for another GPU or driver",
            cause=f"expected {this}, which this machine has; found {has}",
            hints=[Hint("warm.own", "compile here: `gpuenv warm`")],
        )
    return found


def _check_libraries(here: _Here, manifest: Manifest) -> None:
    """Compare the libraries with those that the code was compiled from. Raises GpuenvError for another one."""
    missing = [path for path in manifest.hashes if not (here.prefix / path).is_file()]
    found = _hashes(here.prefix, [path for path in manifest.hashes if path not in missing])
    differing = [*missing, *(path for path, sha256 in found.items() if sha256 != manifest.hashes[path])]
    if differing:
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        raise GpuenvError(
            f"the file was compiled from other libraries: `{differing[0]}`{more}",
            cause=f"it is from {manifest.framework} {manifest.framework_version}, of another build or Python",
            hints=[Hint("warm.same", "make the environment from the same lock: `gpuenv export` writes it")],
        )


def _hashes(prefix: Path, paths: Iterable[str]) -> dict[str, str]:
    """Hash files, several at once; hashlib lets other threads run meanwhile."""

    def sha256(path: str) -> str:
        digest = hashlib.sha256()
        with (prefix / path).open("rb", buffering=0) as file:
            while piece := file.read(_CHUNK_BYTES):
                digest.update(piece)
        return digest.hexdigest()

    names = list(paths)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return dict(zip(names, pool.map(sha256, names), strict=True))


def _exported(here: _Here, entry: Entry) -> Exported:
    done = {_relative(here, path): offsets for path, offsets in entry.done.items()}
    return Exported(entry.key.gpu, entry.key.driver, entry.modules, done)


def _relative(here: _Here, path: str) -> str:
    return Path(path).relative_to(here.prefix).as_posix()


def _write(file: Path, manifest: Manifest, cache: Path) -> None:
    """Write the archive beside its place first, so that nobody takes half of one."""
    if file.exists():
        raise TargetError(f"`{file}` exists already", hints=[Hint("warm.file", "choose another name for the file")])
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(aside, "w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo(_MANIFEST)
            content = msgspec.json.encode(manifest)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            for path in sorted(path for path in cache.rglob("*") if path.is_file() and not path.is_symlink()):
                archive.add(path, f"cache/{path.relative_to(cache).as_posix()}")
        os.replace(aside, file)
    except OSError as err:
        raise TargetError(f"`{file}` cannot be written", cause=str(err)) from err
    finally:
        aside.unlink(missing_ok=True)


def _opened(file: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(file, "r:gz")
    except FileNotFoundError as err:
        raise TargetError(f"there is no file `{file}`") from err
    except (OSError, EOFError, tarfile.TarError, zlib.error) as err:
        raise _damaged(file, str(err)) from err


def _manifest(archive: tarfile.TarFile, file: Path) -> Manifest:
    try:
        member = archive.next()
        content = archive.extractfile(member) if member is not None and member.name == _MANIFEST else None
        if content is None:
            raise _damaged(file, f"expected `{_MANIFEST}` at its beginning")
        return msgspec.json.decode(content.read(), type=Manifest)
    except (OSError, EOFError, tarfile.TarError, zlib.error, msgspec.DecodeError) as err:
        raise _damaged(file, str(err)) from err


def _fill(archive: tarfile.TarFile, file: Path, cache: Path) -> None:
    """Unpack beside the cache and put it in its place in the end."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    new, old = (cache.with_name(f".{cache.name}.{word}-{os.getpid()}") for word in ("new", "old"))
    try:
        new.mkdir()
        while (member := archive.next()) is not None:
            _unpack(archive, member, new, file)
        if cache.exists():
            cache.rename(old)
        new.rename(cache)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as err:
        if not cache.exists() and old.exists():
            old.rename(cache)
        if isinstance(err, OSError) and err.errno is not None:  # of the disk; damaged data has no number
            raise GpuenvError(f"the compute cache `{cache}` cannot be filled", cause=str(err)) from err
        raise _damaged(file, str(err)) from err
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, file: Path) -> None:
    """Write one file of the cache. Raises FetchError for anything that is none, or would lie elsewhere."""
    parts = PurePosixPath(member.name).parts
    content = archive.extractfile(member) if member.isfile() else None
    if content is None or parts[:1] != ("cache",) or len(parts) < 2 or ".." in parts or "\\" in member.name:
        raise _damaged(file, f"expected files of a compute cache, found `{member.name}`")
    path = target.joinpath(*parts[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out:
        shutil.copyfileobj(content, out, _CHUNK_BYTES)


def _damaged(file: Path, cause: str) -> FetchError:
    return FetchError(f"`{file}` is no file of `gpuenv warm --export`, or is damaged", cause=cause)
