"""Downloads for which time must pass: servers that fall silent, and processes that are interrupted or share a cache."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

import faulty_server as faults
from faulty_server import DATA, NAME, FaultyServer, Handler
from fetch_fixtures import archive, options, server
from gpuenv.fetch import Cache, FetchOptions, fetch
from gpuenv.model import Archive, silent

__all__ = ["archive", "options", "server"]

MIB = 1024 * 1024
PATH = f"/{NAME}"
# Fetches one archive: address, cache, SHA-256. Prints what it got.
SCRIPT = """
import sys
from pathlib import Path
from gpuenv.fetch import FetchOptions, fetch
from gpuenv.model import Archive, silent
url, cache, sha256 = sys.argv[1:]
archive = Archive(url.rpartition("/")[2], "cudnn", "cudnn", "8.0.4.30", "11.0", "linux-64", sha256, urls=(url,))
print("ready", flush=True)
print(*fetch([archive], FetchOptions(Path(cache), backoff_s=0.01), silent))
"""


def start(archive: Archive, options: FetchOptions) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, archive.urls[0], str(options.cache_dir), archive.sha256 or ""]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("sequence", "ranges"),
    [
        pytest.param([faults.silent], [None, None], id="a server that says nothing"),
        pytest.param([faults.cut(MIB), faults.silent], [None, f"bytes={MIB}-", f"bytes={MIB}-"], id="cut, then silent"),
    ],
)
def test_fetch__server_falls_silent__is_asked_again(
    server: FaultyServer,
    archive: Archive,
    options: FetchOptions,
    sequence: list[Callable[[Handler], None]],
    ranges: list[str | None],
) -> None:
    server.faults[PATH] = list(sequence)
    (path,) = fetch([archive], options, silent)
    assert path.read_bytes() == DATA
    assert server.ranges(PATH) == ranges


def test_fetch__retry_after__is_waited_for(server: FaultyServer, archive: Archive, options: FetchOptions) -> None:
    server.faults[PATH] = [faults.status(429, Retry_After="1")]
    started = time.monotonic()
    fetch([archive], options, silent)
    assert time.monotonic() - started >= 1.0


def test_fetch__two_processes_at_once__one_download(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    server.faults[PATH] = [faults.slow(0.05, MIB // 4)]
    children = [start(archive, options) for _ in range(2)]
    said = [child.communicate(timeout=30) for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert server.ranges(PATH) == [None]


@pytest.mark.skipif(os.name == "nt", reason="runs where a process can be sent Ctrl-C: on Linux or macOS")
@pytest.mark.parametrize("number", ["SIGINT", "SIGKILL"])
def test_fetch__interrupted__next_run_goes_on(
    server: FaultyServer, archive: Archive, options: FetchOptions, number: str
) -> None:
    server.faults[PATH] = [faults.slow(0.1, MIB // 4)]
    child = start(archive, options)
    part = Cache(options.cache_dir).path(NAME, archive.sha256 or "").with_name(f"{NAME}.part")
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > MIB // 2) and time.monotonic() < deadline:
        time.sleep(0.01)
    sent = time.monotonic()
    child.send_signal(getattr(signal, number))
    child.communicate(timeout=20)
    assert time.monotonic() - sent < 3.0
    assert child.returncode != 0
    had = part.stat().st_size
    assert 0 < had < len(DATA)
    (path,) = fetch([archive], options, silent)
    assert path.read_bytes() == DATA
    assert server.ranges(PATH) == [None, f"bytes={had}-"]
    assert server.requests[-1].headers["If-Range"] == '"first"'
