"""Fixtures for downloads: a server, an archive that it has, and options for a test that shall not take long."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from faulty_server import DATA, NAME, FaultyServer, faulty_server
from gpuenv.fetch import FetchOptions
from gpuenv.model import Archive


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as running:
        running.files[f"/{NAME}"] = DATA
        running.etags[f"/{NAME}"] = '"first"'
        yield running


@pytest.fixture
def archive(server: FaultyServer) -> Archive:
    return Archive(
        NAME,
        "cudnn",
        "cudnn",
        "8.0.4.30",
        "11.0",
        "linux-64",
        sha256=hashlib.sha256(DATA).hexdigest(),
        urls=(f"{server.address}/{NAME}",),
        page="https://developer.nvidia.com/rdp/cudnn-archive",
        licence="cudnn",
    )


@pytest.fixture
def options(tmp_path: Path) -> FetchOptions:
    return FetchOptions(tmp_path / "cache", backoff_s=0.01, timeout_s=0.5, patience_s=2.0)
