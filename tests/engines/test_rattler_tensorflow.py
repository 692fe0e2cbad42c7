"""TensorFlow 2.4.0 in an environment of conda packages, made by `gpuenv create --engine rattler`, from end to end.

Python, cudatoolkit and cudnn come from the tests' own channel (the CUDA libraries are small ones with the right names,
the cuDNN among them opens its parts as NVIDIA's does), TensorFlow and all other wheels from the package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conda_channel import MadeChannel

Run = Callable[..., Any]
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the channel's packages are for Linux; run there"),
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.usefixtures("rattler_cache"),
]


SCRIPT = """
import tensorflow as tf
print(tf.__version__)
print(tf.test.is_built_with_cuda())
print(float(tf.reduce_sum(tf.ones((3, 3)))))
print(*sorted({line.split()[-1] for line in open('/proc/self/maps') if 'libcudart' in line}))
"""
ASK_FLAGS = "import os; print(os.environ['XLA_FLAGS'])"


def run_python(prefix: Path, script: str) -> list[str]:
    """Run a script in the environment, not activated and with nothing of the user's; return the lines it prints."""
    environment = {"PATH": os.defpath, "TF_CPP_MIN_LOG_LEVEL": "3"}
    argv = [prefix / "bin" / "python", "-c", script]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_create__tensorflow_on_conda_packages__imports_and_is_removed(
    gpuenv: Run, session_channel: MadeChannel, isolated: Path
) -> None:
    if session_channel.python != "3.8":
        pytest.skip("install Python 3.8 with pyenv or uv to run this: TensorFlow 2.4.0 exists for no newer one")
    channel = ("--channel", session_channel.uri, "--override-channels")
    ended = gpuenv(
        "create", "-n", "tf", "--recipe", "tf-2.4", "--engine", "rattler", *channel,
        "--gpu", "8.6", "--driver", "460.89", "--verify", "files,import", "--yes", "--json",
    )  # fmt: skip
    prefix = isolated / "data" / "envs" / "tf"
    assert ended.code == 0, ended.err + ended.out
    checks = [(check["check"], check["activated"], check["status"]) for check in ended.document["data"]["checks"]]
    assert checks == [("files", None, "ok"), ("import", False, "ok"), ("import", True, "ok")]
    assert ended.document["data"]["source"] == "conda"
    said = run_python(prefix, SCRIPT)
    assert said[:3] == ["2.4.0", "True", "9.0"]
    # TensorFlow opens CUDA's runtime when it is imported: the environment's, through the link beside it.
    assert said[3:] == [str(prefix / "lib" / "libcudart.so.11.0.221")]
    tools = prefix / "lib" / "python3.8" / "site-packages" / "nvidia" / "cuda_nvcc"
    assert (tools / "nvvm" / "libdevice" / "libdevice.10.bc").exists()
    asked = [sys.executable, "-m", "gpuenv", "run", "-n", "tf", "--", "python", "-c", ASK_FLAGS]
    flags = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert flags.strip() == f"--xla_gpu_cuda_data_dir={tools}"
    assert gpuenv("remove", "-n", "tf", "--yes").code == 0
    assert not prefix.exists()
