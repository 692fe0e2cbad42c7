"""Where archives come from, several at once, and what an interruption leaves."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

import faulty_server as faults
from faulty_server import DATA, NAME, FaultyServer, Handler
from gpuenv.errors import FetchError, UsageError
from gpuenv.fetch import FetchOptions, accept, fetch, find_downloaded, unaccepted
from gpuenv.fetch.get import addresses
from gpuenv.model import Archive, Event, Progress, Warned, silent

MIB = 1024 * 1024
PATH = f"/{NAME}"


def other(archive: Archive, server: FaultyServer, number: int) -> Archive:
    """Return another archive that the server has, too."""
    name, data = f"other-{number}.tgz", bytes([number]) * MIB
    server.files[f"/{name}"] = data
    sha256 = hashlib.sha256(data).hexdigest()
    return replace(archive, name=name, sha256=sha256, urls=(f"{server.address}/{name}",), size_bytes=MIB)


def test_fetch__second_time__no_request(server: FaultyServer, archive: Archive, options: FetchOptions) -> None:
    first = fetch([archive], options, silent)
    assert fetch([archive], replace(options, offline=True), silent) == first
    assert len(server.requests) == 1


def test_fetch__same_content_under_another_name__is_in_the_cache(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    first = fetch([archive], options, silent)
    assert fetch([replace(archive, name="other.tgz", urls=())], options, silent) == first


def test_fetch__several__in_their_order_and_at_once(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    archives = [other(archive, server, number) for number in range(4)]
    all_there = threading.Barrier(4)
    for one in archives:
        server.faults[f"/{one.name}"] = [faults.together(all_there)]
    paths = fetch([*archives, archive], replace(options, timeout_s=30), silent)
    assert not all_there.broken
    assert [path.name for path in paths] == [*(one.name for one in archives), NAME]
    assert [path.read_bytes()[:1] for path in paths[:4]] == [b"\0", b"\1", b"\2", b"\3"]


def test_fetch__one_of_several_fails__the_others_end_and_go_on_later(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    gone = replace(archive, name="gone.tgz", sha256="0" * 64, urls=(f"{server.address}/gone.tgz",))
    server.faults[PATH] = [faults.slow(0.02, MIB // 8)]
    with pytest.raises(FetchError, match=r"gone\.tgz"):
        fetch([archive, gone], options, silent)
    fetch([archive], options, silent)
    assert [request.path for request in server.requests].count(PATH) == 2


def test_fetch__given__is_taken_as_it_is(archive: Archive, options: FetchOptions, tmp_path: Path) -> None:
    (tmp_path / "mine.tgz").write_bytes(b"anything")
    options = replace(options, given={NAME: tmp_path / "mine.tgz"})
    assert fetch([archive], options, silent) == (tmp_path / "mine.tgz",)


def test_fetch__given_is_not_there__is_a_mistake(archive: Archive, options: FetchOptions, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no file"):
        fetch([archive], replace(options, given={NAME: tmp_path / "no"}), silent)


@pytest.mark.parametrize("name", [NAME, "cudnn-11.0-linux-x64-v8.0.4.30 (1).tgz", NAME.upper()])
def test_fetch__in_the_download_directory__is_found_without_a_request(
    server: FaultyServer, archive: Archive, options: FetchOptions, tmp_path: Path, name: str
) -> None:
    (tmp_path / "Downloads").mkdir()
    (tmp_path / "Downloads" / name).write_bytes(DATA)
    options = replace(options, download_dirs=(tmp_path / "no such directory", tmp_path / "Downloads"))
    assert fetch([archive], options, silent) == (tmp_path / "Downloads" / name,)
    assert not server.requests


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("cudnn-11.0-windows-x64-v8.0.4.30.zip", "cudnn-11.0-windows-x64-v8.0.4.30(2).zip"),
        ("cudnn-linux-x86_64-8.9.7.29_cuda11-archive.tar.xz", "cudnn-linux-x86_64-8.9.7.29_cuda11-archive.tar (1).xz"),
        ("cudnn-linux-x86_64-8.9.7.29_cuda11-archive.tar.xz", "cudnn-linux-x86_64-8.9.7.29_cuda11-archive (3).tar.xz"),
    ],
)
def test_find_downloaded__second_copy__is_found(archive: Archive, tmp_path: Path, name: str, copy: str) -> None:
    (tmp_path / copy).write_bytes(DATA)
    assert find_downloaded(replace(archive, name=name), [tmp_path], silent) == tmp_path / copy


@pytest.mark.parametrize(
    ("name", "content", "size", "said"),
    [
        pytest.param(NAME, DATA[:-1], None, "expected SHA-256", id="wrong hash"),
        pytest.param(NAME, DATA[:-1], len(DATA), f"found {len(DATA) - 1}", id="wrong size"),
        pytest.param(f"{NAME}.crdownload", DATA, None, "not downloaded to its end", id="not ended"),
    ],
)
def test_find_downloaded__right_name_only__is_reported_and_not_taken(
    archive: Archive, tmp_path: Path, name: str, content: bytes, size: int | None, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    events: list[Event] = []
    assert find_downloaded(replace(archive, size_bytes=size), [tmp_path], events.append) is None
    (warning,) = [event.message for event in events if isinstance(event, Warned)]
    assert said in warning


@pytest.mark.parametrize("name", [f"x{NAME}", "cudnn-11.0-linux-x64-v8.0.4.30-debug.tgz", f"{NAME}.txt"])
def test_find_downloaded__another_name__is_not_looked_at(archive: Archive, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(DATA)
    events: list[Event] = []
    assert find_downloaded(archive, [tmp_path], events.append) is None
    assert events == []


def test_fetch__ctrl_c_here__ends_at_once_and_frees_the_lock(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    def interrupt(handler: Handler) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        faults.slow(0.02, MIB // 8)(handler)

    server.faults[PATH] = [interrupt]
    with pytest.raises(KeyboardInterrupt):
        fetch([archive], options, silent)
    (path,) = fetch([archive], options, silent)
    assert path.read_bytes() == DATA
    assert len(server.ranges(PATH)) == 2  # the first time it did not come to its end


def test_fetch__progress__has_total_rate_and_time_left(
    server: FaultyServer, archive: Archive, options: FetchOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpuenv.fetch.progress._EVERY_S", 0.01)
    server.faults[PATH] = [faults.slow(0.02, MIB // 2)]
    events: list[Event] = []
    fetch([archive], options, events.append)
    told = [event for event in events if isinstance(event, Progress)]
    assert len(told) >= 3
    assert {(event.phase, event.unit, event.total) for event in told} == {("fetch", "bytes", len(DATA))}
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert told[-1].detail.startswith(f"{NAME}, ")
    assert told[-1].detail.endswith(" s left")
    assert "MiB/s" in told[-1].detail


def test_fetch__offline__says_where_it_looked(archive: Archive, options: FetchOptions, tmp_path: Path) -> None:
    options = replace(options, offline=True, download_dirs=(tmp_path,))
    with pytest.raises(FetchError) as caught:
        fetch([archive], options, silent)
    assert str(tmp_path) in (caught.value.cause or "")


def test_fetch__hash_unknown__is_not_downloaded(archive: Archive, options: FetchOptions) -> None:
    with pytest.raises(FetchError, match="its hash is not known"):
        fetch([replace(archive, sha256=None)], options, silent)


def test_addresses__mirrors__with_name_and_with_path(archive: Archive) -> None:
    archive = replace(archive, urls=("https://developer.download.nvidia.com/a/b.tgz",))
    mirrors = ("https://m/x/{name}", "https://n/nvidia/")
    assert addresses(archive, mirrors) == (
        f"https://m/x/{NAME}",
        "https://n/nvidia/a/b.tgz",
        "https://developer.download.nvidia.com/a/b.tgz",
    )
    assert addresses(replace(archive, urls=()), mirrors) == (f"https://m/x/{NAME}",)


def test_accept__once__is_remembered_with_time_and_how(archive: Archive, tmp_path: Path) -> None:
    (licence,) = unaccepted([archive, archive], tmp_path)
    assert licence.key == "cudnn"
    accept([licence], tmp_path, "--accept-license")
    assert unaccepted([archive], tmp_path) == ()
    assert [one.key for one in unaccepted([archive, replace(archive, licence="cuda")], tmp_path)] == ["cuda"]
    record = json.loads((tmp_path / "licences.json").read_text())
    assert record["cudnn"]["how"] == "--accept-license"
    assert record["cudnn"]["url"].startswith("https://docs.nvidia.com/")
    assert record["cudnn"]["accepted"][:2] == "20"


def test_unaccepted__damaged_record__is_an_error_that_names_it(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "licences.json").write_text("{")
    with pytest.raises(UsageError, match=r"licences\.json"):
        unaccepted([archive], tmp_path)
