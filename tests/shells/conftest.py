from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from real_shells import COMMANDS, Environment, Session, make_environment


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return make_environment(tmp_path / "env")


@pytest.fixture
def session(tmp_path: Path) -> Callable[[str], Session]:
    """Make a session of a shell, or skip when it is not installed."""

    def make(shell: str) -> Session:
        if shutil.which(COMMANDS[shell][0]) is None:
            pytest.skip(f"install {shell} to run this")
        directory = tmp_path / f"session-{len(list(tmp_path.glob('session-*')))}"
        directory.mkdir()
        return Session(shell, directory)

    return make


@pytest.fixture
def base_environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has set nothing."""
    home = tmp_path / "home"
    home.mkdir()
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb"}
