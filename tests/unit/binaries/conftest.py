from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def site_packages() -> Path:
    """The site-packages of a real TensorFlow 2.4.0 environment with NVIDIA's wheels."""
    prefix = os.environ.get("GPUENV_TEST_TF_PREFIX")
    if not prefix:
        pytest.skip("set GPUENV_TEST_TF_PREFIX to an environment of recipe tf-2.4 to run this")
    return next(Path(prefix).glob("lib/python3.*/site-packages"))
