from __future__ import annotations

import os
from pathlib import Path

import pytest

from check_contexts import context_of, make_environment, real_environment
from gpuenv.extension import CheckContext
from gpuenv.model import Built


@pytest.fixture
def built(tmp_path: Path) -> Built:
    """A real virtual environment with a framework that does nothing."""
    return make_environment(tmp_path / "env")


@pytest.fixture
def context(built: Built, tmp_path: Path) -> CheckContext:
    return context_of(built, tmp_path / "log", timeout_s=60)


@pytest.fixture(scope="session")
def real() -> Built:
    """A real TensorFlow 2.4.0 environment with its CUDA libraries linked."""
    prefix = os.environ.get("GPUENV_TEST_TF_PREFIX")
    if not prefix:
        pytest.skip("set GPUENV_TEST_TF_PREFIX to an environment of recipe tf-2.4 to run this")
    return real_environment(Path(prefix))
