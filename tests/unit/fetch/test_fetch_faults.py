"""Every fault that a server can have, on a real one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import faulty_server as faults
from faulty_server import DATA, NAME, FaultyServer, Handler
from gpuenv.errors import FetchError, TargetError, UsageError
from gpuenv.fetch import Cache, FetchOptions, fetch
from gpuenv.model import Archive, Detail, Event, Warned, silent

MIB = 1024 * 1024
PATH = f"/{NAME}"


@pytest.mark.parametrize(
    ("sequence", "ranges"),
    [
        pytest.param([], [None], id="all well"),
        pytest.param([faults.cut(MIB)], [None, f"bytes={MIB}-"], id="connection cut"),
        pytest.param(
            [faults.cut(MIB), faults.cut(MIB)], [None, f"bytes={MIB}-", f"bytes={2 * MIB}-"], id="cut again and again"
        ),
        pytest.param([faults.cut(0), faults.cut(0)], [None, None, None], id="cut before the first byte"),
        pytest.param([faults.cut(MIB), faults.ignoring_range], [None, f"bytes={MIB}-"], id="range ignored"),
        pytest.param([faults.cut(MIB), faults.other_range], [None, f"bytes={MIB}-", None], id="another range sent"),
        pytest.param([faults.cut(MIB), faults.status(416)], [None, f"bytes={MIB}-", None], id="range refused"),
        pytest.param([faults.status(500), faults.status(503)], [None, None, None], id="server errors"),
        pytest.param([faults.status(429, Retry_After="0")], [None, None], id="too many requests"),
        pytest.param([faults.slow(0.02, MIB)], [None], id="slow"),
        pytest.param([faults.short_without_length(MIB)], None, id="truncated, no length said"),
    ],
)
def test_fetch__fault_that_passes__whole_file(
    server: FaultyServer,
    archive: Archive,
    options: FetchOptions,
    sequence: list[Callable[[Handler], None]],
    ranges: list[str | None] | None,
) -> None:
    server.faults[PATH] = list(sequence)
    if ranges is None:  # without a length the end is believed; the hash is not
        with pytest.raises(FetchError, match="is not the file"):
            fetch([archive], options, silent)
        ranges = [None, None]
    (path,) = fetch([archive], options, silent)
    assert path.read_bytes() == DATA
    assert path.name == NAME
    assert server.ranges(PATH) == ranges
    assert not list(path.parent.glob("*.part*"))


def test_fetch__retry_after_too_long__says_so(server: FaultyServer, archive: Archive, options: FetchOptions) -> None:
    server.faults[PATH] = [faults.status(503, Retry_After="3600")]
    with pytest.raises(FetchError) as caught:
        fetch([archive], options, silent)
    assert "asks to wait 3600 s" in (caught.value.cause or "")
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [404, 410, 400])
def test_fetch__refused__is_not_repeated(
    server: FaultyServer, archive: Archive, options: FetchOptions, code: int
) -> None:
    server.faults[PATH] = [faults.status(code)] * 9
    with pytest.raises(FetchError) as caught:
        fetch([archive], options, silent)
    assert f"answered {code}" in (caught.value.cause or "")
    assert caught.value.exit_code == 6
    assert len(server.requests) == 1


def test_fetch__errors_without_end__gives_up(server: FaultyServer, archive: Archive, options: FetchOptions) -> None:
    server.faults[PATH] = [faults.status(500)] * 99
    with pytest.raises(FetchError) as caught:
        fetch([archive], options, silent)
    assert len(server.requests) == options.retries + 1
    assert [hint.code for hint in caught.value.hints] == ["fetch.again", "fetch.page"]


def test_fetch__nobody_listens__names_the_reason(archive: Archive, options: FetchOptions) -> None:
    archive = replace(archive, urls=("http://127.0.0.1:9/x",))
    with pytest.raises(FetchError) as caught:
        fetch([archive], options, silent)
    assert "refused" in (caught.value.cause or "").lower()


@pytest.mark.parametrize("etag", ['"second"', None], ids=["another ETag", "no ETag any more"])
def test_fetch__file_changed_since__begins_anew(
    server: FaultyServer, archive: Archive, options: FetchOptions, etag: str | None
) -> None:
    """The first half of an old file, then the whole of the right one: the halves are not put together."""
    old = bytes(len(DATA))
    server.files[PATH], server.faults[PATH] = old, [faults.cut(MIB)]

    def change(handler: Handler) -> None:
        server.files[PATH] = DATA
        server.etags.pop(PATH)
        if etag is not None:
            server.etags[PATH] = etag
        faults.well(handler)

    server.faults[PATH].append(change)
    (path,) = fetch([archive], options, silent)
    assert path.read_bytes() == DATA


def test_fetch__pieces_of_two_files__once_more_from_the_beginning(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    """A server that knows no validators joins the halves of two files; the hash tells, and nothing is quarantined."""
    server.etags.clear()
    server.files[PATH] = bytes(len(DATA))
    said: list[Event] = []

    def change(handler: Handler) -> None:
        server.files[PATH] = DATA
        faults.well(handler)

    server.faults[PATH] = [faults.cut(MIB), change]
    (path,) = fetch([archive], options, said.append)
    assert path.read_bytes() == DATA
    assert server.ranges(PATH) == [None, f"bytes={MIB}-", None]
    assert not [event for event in said if isinstance(event, Warned)]


def test_fetch__wrong_hash__is_quarantined_and_never_returned(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    server.files[PATH] = DATA[:-1] + b"?"
    with pytest.raises(FetchError) as caught:
        fetch([archive], options, silent)
    found = hashlib.sha256(server.files[PATH]).hexdigest()
    assert archive.sha256 in (caught.value.cause or "")
    assert found in (caught.value.cause or "")
    (kept,) = Cache(options.cache_dir).list()
    assert (kept.state, kept.sha256, kept.name) == ("quarantined", found, NAME)
    with pytest.raises(FetchError):
        fetch([archive], replace(options, offline=True), silent)


def test_fetch__wrong_hash_on_a_mirror__next_address_is_taken(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    server.files[f"/mirror/{NAME}"] = b"something else"
    said: list[Event] = []
    options = replace(options, mirrors=(f"{server.address}/mirror/{{name}}",))
    (path,) = fetch([archive], options, said.append)
    assert path.read_bytes() == DATA
    (warning,) = [event.message for event in said if isinstance(event, Warned)]
    assert "wrong hash" in warning
    assert "quarantine" in warning


def test_fetch__wrong_length__is_refused_before_the_download(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    with pytest.raises(FetchError) as caught:
        fetch([replace(archive, size_bytes=len(DATA) + 1)], options, silent)
    assert f"has a file of {len(DATA)} bytes, expected {len(DATA) + 1}" in (caught.value.cause or "")
    assert not Cache(options.cache_dir).list()


@pytest.mark.parametrize("fault", [faults.login_page, faults.status(401), faults.status(403)])
def test_fetch__login_asked__names_page_and_file(
    server: FaultyServer, archive: Archive, options: FetchOptions, fault: Callable[[Handler], None], tmp_path: Path
) -> None:
    server.faults[PATH] = [fault]
    with pytest.raises(FetchError) as caught:
        fetch([archive], replace(options, download_dirs=(tmp_path,)), silent)
    (hint,) = caught.value.hints
    assert "account" in caught.value.message
    assert NAME in hint.text
    assert "https://developer.nvidia.com/rdp/cudnn-archive" in hint.text
    assert str(tmp_path) in hint.text
    assert len(server.requests) == 1


def test_fetch__login_archive_without_address__no_request(archive: Archive, options: FetchOptions) -> None:
    with pytest.raises(FetchError, match="takes an account"):
        fetch([replace(archive, urls=(), needs_login=True)], options, silent)


def test_fetch__redirect_to_another_host__credentials_stay(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    """`localhost` and `127.0.0.1` are two hosts; the user and password of the first are not the second's business."""
    there = server.address.replace("127.0.0.1", "localhost")
    mirror = there.replace("http://", "http://me:secret@")
    server.faults["/mirror"] = [faults.status(302, Location=f"{server.address}{PATH}")]
    said: list[Event] = []
    (path,) = fetch([replace(archive, urls=(f"{mirror}/mirror",))], options, said.append)
    assert path.read_bytes() == DATA
    first, second = server.requests
    assert first.headers["Authorization"] == f"Basic {base64.b64encode(b'me:secret').decode()}"
    assert "Authorization" not in second.headers
    assert "secret" not in str(said)


def test_fetch__secret_in_an_address__is_in_no_message_and_no_file(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    url = f"{server.address.replace('http://', 'http://me:secret@')}/gone?token=secret"
    server.faults["/gone?token=secret"] = [faults.status(500)] * 99
    said: list[Event] = []
    with pytest.raises(FetchError) as caught:
        fetch([replace(archive, urls=(url,))], options, said.append)
    assert any(isinstance(event, Detail) for event in said)
    assert "secret" not in str(said) + str(vars(caught.value))
    server.files["/gone?token=secret"], server.faults["/gone?token=secret"] = (
        DATA,
        [faults.cut(MIB), faults.status(404)],
    )
    with pytest.raises(FetchError):
        fetch([replace(archive, urls=(url,))], options, silent)
    (meta,) = options.cache_dir.rglob("*.part.json")
    assert json.loads(meta.read_text())["url"] == f"{server.address}/gone"


def test_fetch__netrc__is_used(
    server: FaultyServer, archive: Archive, options: FetchOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password right")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fetch([archive], options, silent)
    assert server.requests[0].headers["Authorization"] == f"Basic {base64.b64encode(b'me:right').decode()}"


def test_fetch__proxy_of_the_environment__is_used(
    server: FaultyServer, archive: Archive, options: FetchOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    url = f"http://nvidia.invalid{PATH}"
    server.files[url] = DATA
    (path,) = fetch([replace(archive, urls=(url,))], options, silent)
    assert path.read_bytes() == DATA
    assert server.requests[0].path == url


def test_fetch__mirrors__come_first_with_name_or_path(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    options = replace(options, mirrors=(f"{server.address}/a/{{name}}", f"{server.address}/b/"))
    fetch([archive], options, silent)
    assert [request.path for request in server.requests] == [f"/a/{NAME}", f"/b{PATH}", PATH]


def test_fetch__accept_encoding__is_identity(server: FaultyServer, archive: Archive, options: FetchOptions) -> None:
    """A proxy that unpacks the gzip stream on the way would change the file."""
    fetch([archive], options, silent)
    assert server.requests[0].headers["Accept-Encoding"] == "identity"
    assert server.requests[0].headers["User-Agent"].startswith("gpuenv/")


def test_fetch__licence_not_accepted__is_asked_for(archive: Archive, options: FetchOptions, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        fetch([archive], replace(options, state_dir=tmp_path / "state"), silent)
    assert "--accept-license" in caught.value.hints[0].text
    assert "https://docs.nvidia.com/" in (caught.value.cause or "")


def test_fetch__cache_cannot_be_made__names_the_variable(
    archive: Archive, options: FetchOptions, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError) as caught:
        fetch([archive], replace(options, cache_dir=tmp_path / "file" / "cache"), silent)
    assert "GPUENV_CACHE_DIR" in caught.value.hints[0].text


def test_fetch__cut_and_wrong_for_ever__comes_to_an_end(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    server.files[PATH] = bytes(len(DATA))
    server.faults[PATH] = [faults.cut(MIB), faults.well] * 50
    with pytest.raises(FetchError, match="is not the file"):
        fetch([archive], options, silent)
    assert len(server.requests) == 4


def test_fetch__killed_after_the_last_byte__no_request(
    server: FaultyServer, archive: Archive, options: FetchOptions
) -> None:
    Cache(options.cache_dir).begin(NAME, archive.sha256 or "").write_bytes(DATA)
    (path,) = fetch([archive], options, silent)
    assert path.read_bytes() == DATA
    assert not server.requests


def test_fetch__sends_without_end__is_stopped(server: FaultyServer, archive: Archive, options: FetchOptions) -> None:
    server.faults[PATH] = [faults.endless]
    with pytest.raises(FetchError) as caught:
        fetch([replace(archive, size_bytes=len(DATA))], options, silent)
    assert "more than there should be" in (caught.value.cause or "")
    assert not Cache(options.cache_dir).list()
