"""The children on the newest TensorFlow with a recipe, computing on the processor: its Keras is another one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from check_contexts import context_of
from gpuenv import process
from gpuenv.engines.uv import uv_binary
from gpuenv.extension import CheckContext
from gpuenv.model import Built
from gpuenv.verify.child import CHILDREN_DIR, run_script, verdict

pytestmark = [pytest.mark.slow, pytest.mark.network]

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LOCK = Path(__file__).parents[2] / "recipes" / "tf-2.21.locks" / f"pypi-linux-64-py{PYTHON}.txt"


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """TensorFlow's wheel without GPU code (250 MB), and the other packages of the lock of the one with it."""
    prefix = tmp_path_factory.mktemp("newest") / "env"
    made = process.run([str(uv_binary()), "venv", "-q", "-p", sys.executable, str(prefix)])
    assert made.ok, made.stderr
    wheel = "tensorflow-cpu==" + next(
        line.split("==")[1].split()[0] for line in LOCK.read_text().splitlines() if line.startswith("tensorflow==")
    )
    options = ["-q", "-p", str(prefix), "--no-verify-hashes", "-c", str(LOCK)]
    done = process.run([str(uv_binary()), "pip", "install", *options, wheel], timeout_s=900)
    assert done.ok, done.stderr
    site_packages = prefix / "lib" / f"python{PYTHON}" / "site-packages"
    yield Built(prefix, prefix / "bin" / "python", Version(PYTHON), site_packages, "linux-64")
    shutil.rmtree(prefix)


@pytest.fixture
def context(newest: Built, tmp_path: Path) -> CheckContext:
    return context_of(newest, tmp_path / "log")


@pytest.mark.parametrize("name", ["compute", "train", "xla"])
def test_child__keras_3_on_the_processor__well(context: CheckContext, name: str) -> None:
    ended = run_script(CHILDREN_DIR / f"check_{name}.py", name, context, {"device": "/CPU:0"})
    assert verdict(ended, context) is None
    if name == "train":
        assert ended.evidence["losses"][-1] < 0.1 * ended.evidence["loss_before"]
        assert set(ended.evidence["devices"]) == {"the weights", "the forward step", "the convolution's gradient"}
