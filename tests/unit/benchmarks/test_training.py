"""The process that the benchmarks on a GPU train in: when it reached each stage, or why it did not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import first_epoch, first_step
from benchmarks.training import stages

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="an environment's Python lies in bin; run on Linux")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def test_stages__script_ends_well__seconds_since_its_start(prefix: Path) -> None:
    script = "import json, time; print('noise'); print(json.dumps({'a': time.time(), 'b': time.time() + 5}))"
    reached = stages(prefix, script, {}, 30)
    assert isinstance(reached, dict)
    assert 0 < reached["a"] < 30
    assert 4.9 < reached["b"] - reached["a"] < 6


def test_stages__only_the_variables_that_are_given(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_MODULE_LOADING", "EAGER")
    script = "import json, os; print(json.dumps({name: 0 for name in os.environ}))"
    reached = stages(prefix, script, {"CUDA_CACHE_PATH": "/cache"}, 30)
    assert isinstance(reached, dict)
    assert "CUDA_CACHE_PATH" in reached
    assert "CUDA_MODULE_LOADING" not in reached


def test_stages__too_long_or_failed__said_in_words(prefix: Path) -> None:
    assert stages(prefix, "import time; time.sleep(30)", {}, 0.3) == "not finished after 0 s"
    failed = stages(prefix, "raise SystemExit('no GPU')", {}, 30)
    assert failed == "failed with 1:\nno GPU"


@pytest.mark.parametrize("script", [first_epoch.TRAINING, first_step.SCRIPT], ids=["first epoch", "first step"])
def test_scripts__are_python_and_train_the_same_network(script: str) -> None:
    compile(script, "script", "exec")
    assert script.count("def network():") == 1
    assert "{" not in script.replace("ended = {}", "").replace("seen = {}", "")
