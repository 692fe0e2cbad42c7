"""A real HTTP server on loopback that fails in the ways in which real ones do."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "cudnn-11.0-linux-x64-v8.0.4.30.tgz"
DATA = random.Random(4).randbytes(3 * 1024 * 1024 + 17)


@dataclass
class Request:
    """What a client asked."""

    path: str
    headers: dict[str, str]


@dataclass
class FaultyServer:
    """Serves `files`; the entries of `faults[path]` are used up one a request, after which all goes well."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Callable[[Handler], None]]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)
    address: str = ""

    def ranges(self, path: str) -> list[str | None]:
        """Return the `Range` header of each request for a path."""
        return [request.headers.get("Range") for request in self.requests if request.path == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faulty: FaultyServer

    def do_GET(self) -> None:
        self.faulty.requests.append(Request(self.path, dict(self.headers)))
        waiting = self.faulty.faults.get(self.path)
        if waiting:
            waiting.pop(0)(self)
        else:
            well(self)

    @property
    def body(self) -> bytes:
        return self.faulty.files[self.path]

    def log_message(self, *args: object) -> None:
        pass


def _start(handler: Handler) -> int:
    """Return the first byte to send: what the client has, if that is of this very file."""
    found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    etag = handler.faulty.etags.get(handler.path)
    if found is None or handler.headers.get("If-Range", etag) != etag:
        return 0
    return int(found[1])


def _head(handler: Handler, start: int, length: int | None = None) -> None:
    whole = len(handler.body)
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
    handler.send_header("Content-Length", str(whole - start if length is None else length))
    if handler.path in handler.faulty.etags:
        handler.send_header("ETag", handler.faulty.etags[handler.path])
    handler.end_headers()


def well(handler: Handler) -> None:
    if handler.path not in handler.faulty.files:
        handler.send_response(404)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    start = _start(handler)
    if start >= len(handler.body):
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(handler.body)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    _head(handler, start)
    handler.wfile.write(handler.body[start:])


def cut(count: int) -> Callable[[Handler], None]:
    """Close the connection after that many bytes."""

    def fault(handler: Handler) -> None:
        start = _start(handler)
        _head(handler, start)
        handler.wfile.write(handler.body[start : start + count])
        handler.wfile.flush()
        handler.close_connection = True

    return fault


def short_without_length(count: int) -> Callable[[Handler], None]:
    """Send fewer bytes, without saying how many there should be."""

    def fault(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(handler.body[:count])
        handler.close_connection = True

    return fault


def endless(handler: Handler) -> None:
    """Send and send, without saying how much it will be."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    try:
        for _ in range(1000):
            handler.wfile.write(bytes(1024 * 1024))
    except OSError:  # the client went away
        pass
    handler.close_connection = True


def ignoring_range(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(handler.body)))
    handler.end_headers()
    handler.wfile.write(handler.body)


def other_range(handler: Handler) -> None:
    """Send another part than was asked for."""
    whole = len(handler.body)
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 1-{whole - 1}/{whole}")
    handler.send_header("Content-Length", str(whole - 1))
    handler.end_headers()
    handler.wfile.write(handler.body[1:])


def status(code: int, **headers: str) -> Callable[[Handler], None]:
    def fault(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return fault


def login_page(handler: Handler) -> None:
    page = b"<!DOCTYPE html><title>Log in</title>"
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.send_header("Content-Length", str(len(page)))
    handler.end_headers()
    handler.wfile.write(page)


def silent(handler: Handler) -> None:
    """Say nothing after the headers, for longer than anybody waits."""
    _head(handler, _start(handler))
    handler.wfile.flush()
    time.sleep(2.0)
    handler.close_connection = True


def slow(pause_s: float, piece: int) -> Callable[[Handler], None]:
    def fault(handler: Handler) -> None:
        start = _start(handler)
        _head(handler, start)
        try:
            for at in range(start, len(handler.body), piece):
                handler.wfile.write(handler.body[at : at + piece])
                handler.wfile.flush()
                time.sleep(pause_s)
        except OSError:  # the client went away
            handler.close_connection = True

    return fault


def together(others: threading.Barrier) -> Callable[[Handler], None]:
    """Answer when as many requests are there as the barrier waits for, and not at all if they do not come."""

    def fault(handler: Handler) -> None:
        others.wait(timeout=20)
        well(handler)

    return fault


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Serve on a free port of loopback until the block ends."""
    faulty = FaultyServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"faulty": faulty}))
    server.daemon_threads = True
    faulty.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.002}, daemon=True)
    thread.start()
    try:
        yield faulty
    finally:
        server.shutdown()
        server.server_close()
