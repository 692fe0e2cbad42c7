"""The one place where gpuenv itself touches the network: a request, and what its answer means."""

from __future__ import annotations

import http.client
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    import requests
    from requests import Session as Session

CONNECT_TIMEOUT_S = 10.0
_PIECE_BYTES = 1024 * 1024
# Answers after which the same request may succeed. Source: RFC 9110 section 15 (408, 500, 502, 503, 504), RFC 6585
# (429), RFC 8470 (425).
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LOGIN = frozenset({401, 403, 407})


class Again(Exception):
    """The attempt failed in a way that passes; `wait_s` is what the server asks for."""

    def __init__(self, reason: str, wait_s: float | None = None, *, restart: bool = False) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.restart = restart


class Refused(Exception):
    """An address will not give the file; `login` says that it might to somebody with an account."""

    def __init__(self, reason: str, *, login: bool = False) -> None:
        super().__init__(reason)
        self.login = login


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body comes now: where in the file it starts, how long the whole is, what identifies it."""

    response: requests.Response
    start: int
    total: int | None
    validator: str | None


def new_session() -> requests.Session:
    """Make a session that trusts what the system trusts, uses its proxies, and knows the user's `.netrc`."""
    import requests
    import truststore
    from requests.adapters import HTTPAdapter

    from gpuenv import __version__

    class SystemTrust(HTTPAdapter):
        """Checks certificates with the system's store, where a company puts its own, beside those of requests."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
            kwargs["ssl_context"] = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return super().init_poolmanager(*args, **kwargs)

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            kwargs["ssl_context"] = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return super().proxy_manager_for(proxy, **kwargs)

    session = requests.Session()
    session.headers.update({"User-Agent": f"gpuenv/{__version__}", "Accept-Encoding": "identity"})
    session.mount("https://", SystemTrust())
    return session


def ask(session: requests.Session, url: str, start: int, validator: str | None, timeout_s: float) -> Answer:
    """Ask for a file from a byte on; a server may send all of it all the same.

    Raises Again or Refused.
    """
    import requests

    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and validator:
        headers["If-Range"] = validator
    try:
        response = session.get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT_S, timeout_s))
    except requests.exceptions.SSLError as err:
        raise Refused(_short(err)) from err
    except (ValueError, requests.TooManyRedirects) as err:  # InvalidURL, InvalidSchema and their like
        raise Refused("is no address that can be fetched") from err
    except requests.RequestException as err:
        raise Again(_short(err)) from err
    try:
        return _answer(response, start)
    except BaseException:
        response.close()
        raise


def body(answer: Answer) -> Iterator[bytes]:
    """Give the body as it comes. Raises Again when it breaks off, as far as that can be seen."""
    from urllib3.exceptions import HTTPError

    while True:
        try:
            piece: bytes = answer.response.raw.read(_PIECE_BYTES, decode_content=False)
        except (HTTPError, http.client.HTTPException, OSError) as err:
            raise Again(f"broke off ({type(err).__name__})") from err
        if not piece:
            return
        yield piece


def _answer(response: requests.Response, start: int) -> Answer:
    status = response.status_code
    if status in _LOGIN:
        raise Refused(f"answered {status} {response.reason}", login=True)
    if status == 416:
        raise Again("has less of the file than was fetched before", restart=True)
    if status in _PASSING:
        raise Again(f"answered {status} {response.reason}", wait_asked(response.headers.get("Retry-After")))
    if status not in (200, 206):
        raise Refused(f"answered {status} {response.reason}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise Refused("sent a page for a browser instead of the file", login=True)
    etag = response.headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
    if status == 200:
        length = response.headers.get("Content-Length", "")
        return Answer(response, 0, int(length) if length.isdecimal() else None, validator)
    # `Content-Range: bytes 1048576-4194303/4194304`; the whole may be `*`. Source: RFC 9110 section 14.4.
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != start:
        raise Again("sent another part of the file than was asked for", restart=True)
    return Answer(response, start, None if found[2] == "*" else int(found[2]), validator)


def wait_asked(text: str | None) -> float | None:
    """Read `Retry-After`, which is seconds (`120`) or a date (`Wed, 21 Oct 2026 07:28:00 GMT`); None for neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def shown(url: str) -> str:
    """Return an address without user, password and query, which may hold secrets."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _short(err: BaseException) -> str:
    """Return the innermost reason of an error of requests, in one line and without addresses."""
    while (inner := getattr(err, "reason", None) or (err.args[0] if err.args else None)) and isinstance(
        inner, BaseException
    ):
        err = inner
    text = " ".join(str(err).split())
    text = re.sub(r"^<[^>]*>: |^\w*Connection\([^)]*\): ", "", text) or type(err).__name__
    return text[0].lower() + text[1:]
