"""Certificates: what the system trusts is trusted, and nothing else."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None or not sys.platform.startswith("linux"),
    reason="install the openssl command, on Linux, where SSL_CERT_FILE names what the system trusts",
)
SCRIPT = """
import sys
from pathlib import Path
from gpuenv.errors import GpuenvError
from gpuenv.fetch import FetchOptions, fetch
from gpuenv.model import Archive, silent
archive = Archive("a", "cudnn", "cudnn", "8", "11", "linux-64", sys.argv[3], urls=(sys.argv[1],), page="https://page")
try:
    print(fetch([archive], FetchOptions(Path(sys.argv[2]), backoff_s=0.01), silent)[0].read_text())
except GpuenvError as error:
    print(error.exit_code, error.cause)
"""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate of its own; gives its address and the certificate."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"https://localhost:{server.server_port}/a", certificate
    server.shutdown()
    server.server_close()


def said(address: str, cache: Path, **variables: str) -> str:
    sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of `hello`
    environment = {name: value for name, value in os.environ.items() if name not in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    command = [sys.executable, "-c", SCRIPT, address, str(cache), sha256]
    ended = subprocess.run(command, env={**environment, **variables}, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def test_fetch__unknown_certificate__is_refused_at_once(secure: tuple[str, Path], tmp_path: Path) -> None:
    answer = said(secure[0], tmp_path / "cache")
    assert answer.startswith("6 ")
    assert "certificate" in answer


def test_fetch__certificate_that_the_system_trusts__is_accepted(secure: tuple[str, Path], tmp_path: Path) -> None:
    assert said(secure[0], tmp_path / "cache", SSL_CERT_FILE=str(secure[1])) == "hello"


def test_fetch__certificate_named_for_requests__is_accepted(secure: tuple[str, Path], tmp_path: Path) -> None:
    assert said(secure[0], tmp_path / "cache", REQUESTS_CA_BUNDLE=str(secure[1])) == "hello"
