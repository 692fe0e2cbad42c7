"""Download one file: attempt after attempt, address after address, going on where the last one stopped."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.errors import GpuenvError, Hint
from gpuenv.fetch.cache import META, PART
from gpuenv.fetch.http import Again, Answer, Refused, ask, body, shown
from gpuenv.fetch.options import FetchOptions
from gpuenv.fetch.progress import Meter
from gpuenv.model import Archive, Detail, Reporter
from gpuenv.paths import free_bytes

if TYPE_CHECKING:
    from gpuenv.fetch.http import Session

_PIECE_BYTES = 1024 * 1024
_ATTEMPTS = 100
# No archive of NVIDIA's is as large as this; a server that sends without end must not fill the disk.
_MOST_BYTES = 16 * 1024**3


class Stopped(Exception):
    """Somebody else gave up: another download failed, or Ctrl-C was pressed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the download of one archive shares: the options, a session, who listens, and when to stop."""

    archive: Archive
    options: FetchOptions
    session: Session
    meter: Meter
    report: Reporter
    stop: threading.Event


class Part:
    """A file that grows: its bytes, their hash so far, and what the server said about it (`<name>.part.json`).

    ``{"url": "https://.../cudnn.tgz", "validator": "\\"5f7a-1c\\""}``
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._meta = path.with_name(path.name.removesuffix(PART) + META)
        self.size = path.stat().st_size if path.exists() else 0
        self.continued = self.size > 0
        self._digest = hashlib.sha256()
        if self.size:
            with path.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE_BYTES):
                    self._digest.update(piece)

    def validator(self, url: str) -> str | None:
        """Return what identified the file at this address when it was begun."""
        try:
            said = json.loads(self._meta.read_text("utf-8"))
            return str(said["validator"]) if said["url"] == shown(url) and said["validator"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note(self, url: str, validator: str | None) -> None:
        """Write down what to go on with after an interruption."""
        self._meta.write_text(json.dumps({"url": shown(url), "validator": validator}), "utf-8")

    def restart(self) -> None:
        """Throw away what there is."""
        self.path.unlink(missing_ok=True)
        self.size, self.continued, self._digest = 0, False, hashlib.sha256()

    def add(self, piece: bytes) -> None:
        """Hash a piece that was written."""
        self._digest.update(piece)
        self.size += len(piece)

    def sha256(self) -> str:
        """Return the hash of everything so far."""
        return self._digest.hexdigest()


def download(job: Job, urls: Sequence[str], part: Part) -> str:
    """Bring the whole file, whatever its hash turns out to be, and return the address that gave it.

    Raises Refused, with what each address said, when none has it; Stopped; GpuenvError when the disk is too small.
    """
    reasons: list[str] = []
    login = False
    for url in urls:
        try:
            _from_address(job, url, part)
            return url
        except Refused as refusal:
            job.report(Detail(f"`{shown(url)}`: {refusal}"))
            reasons.append(f"`{shown(url)}`: {refusal}")
            login = login or refusal.login
    raise Refused("; ".join(reasons), login=login)


def _from_address(job: Job, url: str, part: Part) -> None:
    """Try one address until it has given the whole file. Raises Refused when that leads nowhere."""
    failures = 0
    for _ in range(_ATTEMPTS):
        before = part.size
        try:
            _attempt(job, url, part)
            return
        except Again as again:
            if again.restart:
                part.restart()
            failures = 0 if part.size > before else failures + 1
            if failures > job.options.retries:
                raise Refused(f"{again} ({failures} times in a row)") from again
            wait_s = job.options.backoff_s * 2 ** max(0, failures - 1) * random.uniform(0.75, 1.25)
            if again.wait_s is not None:
                if again.wait_s > job.options.patience_s:
                    raise Refused(f"{again}, and asks to wait {again.wait_s:.0f} s") from again
                wait_s = max(wait_s, again.wait_s)
            job.report(Detail(f"`{shown(url)}`: {again}; trying again in {wait_s:.1f} s"))
            if job.stop.wait(wait_s):
                raise Stopped from again
    raise Refused(f"broke off {_ATTEMPTS} times")


def _attempt(job: Job, url: str, part: Part) -> None:
    """Ask once, and write what comes. Raises Again, Refused, Stopped, or GpuenvError when the disk is too small."""
    answer = ask(job.session, url, part.size, part.validator(url), job.options.timeout_s)
    with answer.response:
        expected = job.archive.size_bytes
        if expected is not None and answer.total is not None and answer.total != expected:
            raise Refused(f"has a file of {answer.total} bytes, expected {expected}")
        if answer.start != part.size:  # the server sends all of it: it knows no ranges, or the file is another one
            part.restart()
        _check_room(part, answer.total)
        part.continued = part.continued or part.size > 0
        part.note(url, answer.validator)
        job.meter.expect(job.archive.name, answer.total or expected, part.size)
        _receive(job, answer, part)
    if answer.total is not None and part.size != answer.total:
        raise Again(f"broke off after {part.size} of {answer.total} bytes")


def _receive(job: Job, answer: Answer, part: Part) -> None:
    with part.path.open("ab", buffering=0) as file:
        for piece in body(answer):
            file.write(piece)
            part.add(piece)
            if part.size > (job.archive.size_bytes or _MOST_BYTES):
                part.restart()
                raise Refused("sends more than there should be")
            job.meter.add(job.archive.name, len(piece))
            if job.stop.is_set():
                raise Stopped


def _check_room(part: Part, total: int | None) -> None:
    free = free_bytes(part.path)
    if total is not None and total - part.size > free:
        raise GpuenvError(
            f"the disk has no room for `{part.path.name.removesuffix(PART)}`",
            cause=f"it needs {total - part.size} bytes in `{part.path.parent}`, where {free} are free",
            hints=[Hint("fetch.room", "make room (`gpuenv cache clean`), or set `GPUENV_CACHE_DIR` to another disk")],
        )
