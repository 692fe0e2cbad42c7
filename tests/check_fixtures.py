"""Fixtures for checks of an environment with a framework that does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from check_contexts import context_of, make_environment
from gpuenv.extension import CheckContext
from gpuenv.model import Built


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A real virtual environment with a framework that does nothing; make another one to change it."""
    return make_environment(tmp_path_factory.mktemp("built") / "env")


@pytest.fixture
def context(built: Built, tmp_path: Path) -> CheckContext:
    return context_of(built, tmp_path / "log", timeout_s=60)
