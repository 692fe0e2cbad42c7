from __future__ import annotations

from pathlib import Path

import pytest

from check_contexts import real_environment
from check_fixtures import built, context
from gpuenv.model import Built

__all__ = ["built", "context", "real", "site_packages"]


@pytest.fixture(scope="session")
def real(tf_prefix: Path) -> Built:
    """A real TensorFlow 2.4.0 environment with its CUDA libraries linked."""
    return real_environment(tf_prefix)


@pytest.fixture(scope="session")
def site_packages(real: Built) -> Path:
    """Its site-packages, with TensorFlow and NVIDIA's wheels."""
    return real.site_packages
