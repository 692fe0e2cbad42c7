from __future__ import annotations

import hashlib
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from gpuenv.fetch import Cache
from gpuenv.fetch.http import shown, wait_asked
from gpuenv.fetch.progress import Meter, _time
from gpuenv.model import Event, Progress


def put(cache: Cache, name: str, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    cache.begin(name, sha256).write_bytes(data)
    cache.keep(name, sha256)
    return sha256


def test_list__whole_begun_quarantined__each_with_its_state(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.list() == ()
    whole = put(cache, "a.tgz", b"a")
    cache.begin("b.tgz", "b" * 64).write_bytes(b"bb")
    other = tmp_path / "c.zip"
    other.write_bytes(b"ccc")
    cache.quarantine(other, "c" * 64)
    found = [(kept.state, kept.name, kept.sha256, kept.size_bytes) for kept in cache.list()]
    assert found == [
        ("whole", "a.tgz", whole, 1),
        ("begun", "b.tgz", "b" * 64, 2),
        ("quarantined", "c.zip", "c" * 64, 3),
    ]


def test_verify__changed_file__is_quarantined(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    sha256 = put(cache, "a.tgz", b"right")
    (kept,) = cache.list()
    assert cache.verify(kept) == kept
    kept.path.write_bytes(b"wrong")
    after = cache.verify(kept)
    assert (after.state, after.sha256) == ("quarantined", hashlib.sha256(b"wrong").hexdigest())
    assert after.path.read_bytes() == b"wrong"
    assert cache.find("a.tgz", sha256) is None


def test_remove__held_by_another__stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    sha256 = put(cache, "a.tgz", b"a")
    (kept,) = cache.list()
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with Cache(tmp_path).locked(sha256, threading.Event()):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    assert cache.remove(kept) is False
    assert kept.path.exists()
    leave.set()
    thread.join()
    assert cache.remove(kept) is True
    assert not kept.path.parent.exists()


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, None), ("0", 0.0), ("120", 120.0), ("soon", None), ("-1", None), ("", None)]
)
def test_wait_asked__text__seconds_or_none(text: str | None, seconds: float | None) -> None:
    assert wait_asked(text) == seconds


def test_wait_asked__date__seconds_until_then() -> None:
    assert 55 < (wait_asked(formatdate(time.time() + 60, usegmt=True)) or 0) <= 60
    assert wait_asked(formatdate(time.time() - 60, usegmt=True)) == 0.0


def test_shown__address_with_secrets__without_them() -> None:
    assert shown("https://me:secret@host:8443/a/b.zip?token=secret#x") == "https://host:8443/a/b.zip"


def test_meter__two_files__adds_up_and_tells_the_time_left() -> None:
    now = [0.0]
    said: list[Event] = []
    meter = Meter(said.append, lambda: now[0])
    meter.expect("a", 10 * 1024**2)
    meter.expect("b", None)
    for _ in range(2):
        now[0] += 1
        meter.add("a", 1024**2)
    meter.expect("b", 8 * 1024**2, done=1024**2)
    now[0] += 1
    meter.add("b", 1024**2)
    first, second, third = [event for event in said if isinstance(event, Progress)]
    assert (first.done, first.total, first.detail) == (1024**2, None, "a, 1.0 MiB/s")
    assert (second.done, second.detail) == (2 * 1024**2, "a, 1.0 MiB/s")
    assert (third.done, third.total, third.detail) == (4 * 1024**2, 18 * 1024**2, "b, 1.0 MiB/s, 14 s left")


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")])
def test_time__seconds__reads_well(seconds: float, text: str) -> None:
    assert _time(seconds) == text
