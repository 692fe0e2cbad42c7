"""The children on a real TensorFlow 2.4.0, as far as no GPU is needed: the loader, and computing on the processor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from check_contexts import context_of
from gpuenv.extension import CheckContext
from gpuenv.model import Built
from gpuenv.verify import files, runtime
from gpuenv.verify.child import CHILDREN_DIR, ChildRun, run_child, run_script, verdict


@pytest.fixture
def context(real: Built, tmp_path: Path) -> CheckContext:
    return context_of(real, tmp_path / "log")


def on_processor(name: str, context: CheckContext) -> ChildRun:
    return run_script(CHILDREN_DIR / f"check_{name}.py", name, context, {"device": "/CPU:0"})


@pytest.fixture
def relinked(context: CheckContext, tmp_path: Path) -> CheckContext:
    """A view of the real site-packages in which files beside TensorFlow's loader can be taken away."""
    packages = tmp_path / "env" / "site-packages"
    (packages / "tensorflow").mkdir(parents=True)
    real = context.built.site_packages
    for path in real.iterdir():
        if path.name != "tensorflow":
            (packages / path.name).symlink_to(path)
    for path in (real / "tensorflow").iterdir():
        (packages / "tensorflow" / path.name).symlink_to(path)
    return context_of(
        Built(tmp_path / "env", context.built.python, context.built.python_version, packages, "linux-64"),
        context.log_dir,
    )


def ask_loader(context: CheckContext) -> ChildRun:
    loader = context.built.site_packages / context.recipe.framework.loader["linux-64"]
    return run_child("loader", context, loader=loader)


def test_check_import__real__loader_opens_all_eight(context: CheckContext) -> None:
    found = runtime.check_import(context)
    assert (found.status, found.cause) == ("ok", None)
    assert found.message == "imported TensorFlow 2.4.0; its loader opened 8 CUDA libraries"
    assert found.evidence["loader"]["missing"] == []
    assert all(str(context.built.prefix) in path for path in found.evidence["loader"]["opened"])
    assert "ops_train" in found.evidence["loader"]["cudnn_parts"]


@pytest.mark.parametrize(
    ("names", "static", "at_run_time"),
    [
        (
            ["libcusolver.so.10"],
            "`libcusolver.so.10` is missing: tensorflow will see no GPU",
            "TensorFlow's loader does not find `libcusolver.so.10`",
        ),
        (
            ["libcudnn_ops_train.so.8"],
            "`libcudnn_ops_train.so.8` is missing: training will end the process",
            "opening cuDNN's part `ops_train` ended the process with signal SIGABRT: could not load "
            "`libcudnn_ops_train.so.8`",
        ),
        (
            ["libcudnn_ops_infer.so.8", "libcudnn_ops_train.so.8"],
            "`libcudnn_ops_infer.so.8` is missing: the first convolution will end the process; "
            "`libcudnn_ops_train.so.8` is missing: training will end the process",
            "opening cuDNN's part `ops_infer` ended the process with signal SIGABRT: could not load "
            "`libcudnn_ops_infer.so.8`",
        ),
    ],
    ids=["no cusolver bridge", "no train file", "no parts of cudnn"],
)
def test_loader_and_files__broken_on_purpose__both_name_the_library(
    relinked: CheckContext, names: list[str], static: str, at_run_time: str
) -> None:
    for name in names:
        (relinked.built.site_packages / "tensorflow" / name).unlink()
    assert static in files.check(relinked).message
    assert verdict(ask_loader(relinked), relinked) == at_run_time


def test_loader__relinked_and_not_broken__well(relinked: CheckContext) -> None:
    assert verdict(ask_loader(relinked), relinked) is None


def test_compute__on_the_processor__every_result_within_its_tolerance(context: CheckContext) -> None:
    ended = on_processor("compute", context)
    assert verdict(ended, context) is None
    assert [name for name, value in ended.evidence.items() if isinstance(value, dict)] == [
        "matmul",
        "convolution",
        "svd",
        "fft",
        "matmul_tf32",
        "convolution_tf32",
    ]


def test_train__on_the_processor__loss_falls(context: CheckContext) -> None:
    ended = on_processor("train", context)
    assert verdict(ended, context) is None
    assert ended.evidence["losses"][-1] < 0.1 * ended.evidence["loss_before"]
    assert len(ended.evidence["epoch_s"]) == 2


def test_xla__on_the_processor__right(context: CheckContext) -> None:
    ended = on_processor("xla", context)
    assert verdict(ended, context) is None
    assert ended.evidence["xla"]["relative_error"] < 1e-6


def test_check_xla__computed_on_the_processor__never_ok(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "run_child", lambda name, context: on_processor(name, context))
    found = runtime.check_xla(context)
    assert (found.status, found.message) == ("failed", "the check ran on `/CPU:0`, expected a GPU")


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="a machine without an NVIDIA GPU makes this run")
@pytest.mark.parametrize("name", ["device", "compute", "train", "xla"])
def test_check__real_without_a_gpu__fails_and_says_so(context: CheckContext, name: str) -> None:
    found = getattr(runtime, f"check_{name}")(context)
    assert found.status == "failed"
    assert "TensorFlow lists no GPU" in found.message
    assert os.path.exists(found.evidence["log"])
