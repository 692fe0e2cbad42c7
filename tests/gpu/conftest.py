from __future__ import annotations

from pathlib import Path

import pytest

from check_contexts import real_environment
from gpuenv.model import Built, Host, Overrides


@pytest.fixture(scope="session")
def gpu_host() -> Host:
    """This machine, as the probes see it."""
    from gpuenv import probe
    from gpuenv.plugins import Plugins, new_manager

    host = probe.look(Overrides(), Plugins(new_manager()).probes())
    if host.driver is None or not host.gpus:
        pytest.skip("run this on a machine with an NVIDIA GPU and driver")
    return host


@pytest.fixture(scope="session")
def gpu_built(gpu_host: Host, tf_prefix: Path) -> Built:
    """A real TensorFlow 2.4.0 environment on this machine."""
    return real_environment(tf_prefix)
