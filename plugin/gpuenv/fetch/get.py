"""Bring archives, several at once, each from the nearest place that has it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gpuenv.errors import FetchError, GpuenvError, Hint, UsageError
from gpuenv.fetch.cache import Cache
from gpuenv.fetch.download import Job, Part, Stopped, download
from gpuenv.fetch.found import find_downloaded
from gpuenv.fetch.http import Refused, new_session
from gpuenv.fetch.licence import unaccepted
from gpuenv.fetch.options import FetchOptions
from gpuenv.fetch.progress import Meter
from gpuenv.model import Archive, Detail, Reporter, Warned

_FAREWELL_S = 2.0


def fetch(archives: Sequence[Archive], options: FetchOptions, report: Reporter) -> tuple[Path, ...]:
    """Return the files of the archives, in their order; what is not here yet is downloaded.

    A file is looked for where the user said, in the cache, in the download directories, on the mirrors, at NVIDIA's.
    It is whole, and was seen with the right hash; one that the user named, or that is in the cache, is not read again
    for that, because `gpuenv.archive.extract` hashes it when it unpacks it. What Ctrl-C cuts short goes on next time.

    Raises FetchError when an archive cannot be had (with the page and the file name when it takes an account of
    NVIDIA's), UsageError when its licence has not been accepted, TargetError when the cache cannot be written,
    GpuenvError when the disk is too small.
    """
    _check_licences(archives, options)
    cache = Cache(options.cache_dir)
    here = [_local(archive, options, cache, report) for archive in archives]
    missing = [archive for archive, path in zip(archives, here, strict=True) if path is None]
    for archive in missing:
        _check_can_be_fetched(archive, options)
    fetched = iter(_Run(missing, options, cache, report).paths())
    return tuple(path or next(fetched) for path in here)


def addresses(archive: Archive, mirrors: Iterable[str]) -> tuple[str, ...]:
    """Return where to ask for an archive, in order: the mirrors, then NVIDIA's own addresses.

    A mirror is `https://mirror.example/cudnn/{name}`, or `https://mirror.example/nvidia` for the paths that NVIDIA has.
    """
    found = []
    for mirror in mirrors:
        if "{name}" in mirror:
            found.append(mirror.replace("{name}", archive.name))
        else:
            found += [f"{mirror.rstrip('/')}{urlsplit(url).path}" for url in archive.urls]
    return tuple(dict.fromkeys([*found, *archive.urls]))


def _check_licences(archives: Sequence[Archive], options: FetchOptions) -> None:
    left = unaccepted(archives, options.state_dir) if options.state_dir is not None else ()
    if left:
        raise UsageError(
            f"{' and '.join(f'`{licence.title}`' for licence in left)} must be accepted first",
            cause=f"read {' and '.join(licence.url for licence in left)}",
            hints=[Hint("fetch.licence", "run the same command with `--accept-license` when you agree")],
        )


def _local(archive: Archive, options: FetchOptions, cache: Cache, report: Reporter) -> Path | None:
    """Return the archive's file when it is on this machine."""
    given = options.given.get(archive.name)
    if given is not None:
        if not given.is_file():
            raise UsageError(
                f"`{given}` is no file", hints=[Hint("fetch.given", f"name the file `{archive.name}` itself")]
            )
        return given
    if archive.sha256 is None:
        return None
    kept = cache.find(archive.name, archive.sha256)
    if kept is not None:
        report(Detail(f"`{archive.name}` is in the cache"))
        return kept
    return find_downloaded(archive, options.download_dirs, report)


def _check_can_be_fetched(archive: Archive, options: FetchOptions) -> None:
    if archive.sha256 is None:
        raise FetchError(
            f"`{archive.name}` is not fetched, because its hash is not known",
            hints=[Hint("fetch.given", f"download it from {archive.page} and name the file with `--archive`")],
        )
    if options.offline:
        raise FetchError(
            f"`{archive.name}` is not on this machine, and nothing may be downloaded",
            cause=f"looked in {_quoted([options.cache_dir, *options.download_dirs])}",
            hints=_by_hand(archive, options),
        )
    if not addresses(archive, options.mirrors):
        raise _login_needed(archive, options, None)


class _Run:
    """Downloads in several threads; the first that fails ends the others.

    The threads are daemons: one that waits for a server that says nothing must not hold up the end of the process.
    """

    def __init__(self, missing: Sequence[Archive], options: FetchOptions, cache: Cache, report: Reporter) -> None:
        self._options, self._cache, self._report = options, cache, report
        self._stop, self._meter = threading.Event(), Meter(report)
        self._left: queue.SimpleQueue[tuple[int, Archive]] = queue.SimpleQueue()
        self._done: dict[int, Path] = {}
        self._errors: list[BaseException] = []
        for entry in enumerate(missing):
            self._left.put(entry)
            self._meter.expect(entry[1].name, entry[1].size_bytes)
        count = min(len(missing), max(1, options.jobs))
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]

    def paths(self) -> list[Path]:
        """Wait for the end of all, and return the files in order; raises what went wrong first."""
        for thread in self._threads:
            thread.start()
        try:
            for thread in self._threads:
                while thread.is_alive() and not self._stop.is_set():
                    thread.join(0.1)
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(_FAREWELL_S)
        for error in self._errors:
            if not isinstance(error, Stopped):
                raise error
        return [path for _, path in sorted(self._done.items())]

    def _work(self) -> None:
        session = new_session()
        try:
            while not self._stop.is_set():
                number, archive = self._left.get_nowait()
                job = Job(archive, self._options, session, self._meter, self._report, self._stop)
                self._done[number] = _download(job, self._cache)
        except queue.Empty:
            pass
        except BaseException as err:
            self._errors.append(err)
            self._stop.set()
        finally:
            session.close()


def _download(job: Job, cache: Cache) -> Path:
    """Download one archive under its lock, unless another gpuenv has meanwhile."""
    archive, wanted = job.archive, (job.archive.sha256 or "").lower()
    with cache.locked(wanted, job.stop, lambda: job.meter.wait(archive.name)) as held:
        if not held:
            raise Stopped
        kept = cache.find(archive.name, wanted)
        if kept is not None:
            return kept
        try:
            return _right_file(job, cache, Part(cache.begin(archive.name, wanted)), wanted)
        except OSError as err:
            raise GpuenvError(f"`{archive.name}` cannot be written to `{cache.directory}`", cause=str(err)) from err


def _right_file(job: Job, cache: Cache, part: Part, wanted: str) -> Path:
    """Ask one address after another until a file has the right hash; the others are quarantined."""
    archive, wrong, again = job.archive, "", True
    urls = addresses(archive, job.options.mirrors)
    while part.sha256() != wanted:
        try:
            used = download(job, urls, part)
        except Refused as refusal:
            if wrong and not urls:
                break
            reason = "; ".join(text for text in (wrong, str(refusal)) if text)
            raise _failed(archive, job.options, refusal, reason) from refusal
        found = part.sha256()
        if found != wanted and part.continued and again:
            again = False
            job.report(Detail(f"`{archive.name}` may be pieces of two files, fetching it from the beginning"))
            part.restart()
        elif found != wanted:
            aside = cache.quarantine(part.path, found)
            wrong = f"expected SHA-256 `{wanted}`, found `{found}`; the file was put aside as `{aside}`"
            part, urls = Part(part.path), urls[urls.index(used) + 1 :]
            job.report(Warned(f"`{archive.name}` came with the wrong hash and is not used: {wrong}"))
    else:
        return cache.keep(archive.name, wanted)
    raise FetchError(
        f"`{archive.name}` was downloaded and is not the file that NVIDIA gave out",
        cause=wrong,
        hints=[Hint("fetch.hash", "ask whoever runs the mirror or the proxy, or try from another network")],
    )


def _failed(archive: Archive, options: FetchOptions, refusal: Refused, reason: str) -> FetchError:
    if archive.needs_login or refusal.login:
        return _login_needed(archive, options, reason)
    return FetchError(
        f"`{archive.name}` could not be downloaded",
        cause=reason,
        hints=[
            Hint("fetch.again", "run the same command again, it goes on where it stopped"),
            *_by_hand(archive, options),
        ],
    )


def _login_needed(archive: Archive, options: FetchOptions, reason: str | None) -> FetchError:
    return FetchError(
        f"`{archive.name}` takes an account of NVIDIA's to download", cause=reason, hints=_by_hand(archive, options)
    )


def _by_hand(archive: Archive, options: FetchOptions) -> list[Hint]:
    where = f" into {_quoted(options.download_dirs)}" if options.download_dirs else ""
    again = "run the same command again" if options.download_dirs else "name it with `--archive FILE`"
    return [Hint("fetch.page", f"download `{archive.name}` from {archive.page}{where}, then {again}")]


def _quoted(paths: Iterable[Path]) -> str:
    return " or ".join(f"`{path}`" for path in paths)
