from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gpuenv.extension import CheckContext
from gpuenv.model import CheckResult
from gpuenv.verify import runtime

# A library that every Linux process has and that is not TensorFlow's.
LIBC = next(
    line.split()[-1]
    for line in Path("/proc/self/maps").read_text().splitlines()
    if re.search(r"/libc[.-][\w.]+$", line)
)


def with_framework(context: CheckContext, **fields: Any) -> CheckContext:
    framework = msgspec.structs.replace(context.recipe.framework, **fields)
    return replace(context, recipe=msgspec.structs.replace(context.recipe, framework=framework))


def with_variables(context: CheckContext, **variables: str) -> CheckContext:
    return replace(context, environment={**context.environment, **variables})


@pytest.fixture
def importable(context: CheckContext) -> CheckContext:
    return with_framework(context, loader={"linux-64": LIBC})


@pytest.mark.parametrize("activated", [False, True], ids=["not activated", "activated"])
def test_check_import__all_is_well__ok_with_evidence(importable: CheckContext, *, activated: bool) -> None:
    found = runtime.check_import(replace(importable, activated=activated))
    assert (found.status, found.message, found.activated) == ("ok", "imported TensorFlow 2.4.0", activated)
    assert found.evidence["build_info"] == {"cuda_version": "11.0", "cudnn_version": "8"}
    assert found.evidence["loader"]["asked"] is False
    assert found.elapsed_s > 0


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"FAKE_VERSION": "2.4.1"}, "TensorFlow is `2.4.1`, expected `2.4.0`"),
        ({"FAKE_CPU_BUILD": "1"}, "this TensorFlow `2.4.0` was built without CUDA"),
    ],
    ids=["version", "processor build"],
)
def test_check_import__wrong_tensorflow__failed(
    importable: CheckContext, variables: dict[str, str], message: str
) -> None:
    found = runtime.check_import(with_variables(importable, **variables))
    assert (found.status, found.message) == ("failed", message)
    assert found.hint == f"read the full output in `{found.evidence['log']}`"


def test_check_import__loader_is_broken__import_is_still_told(context: CheckContext) -> None:
    found = runtime.check_import(context)
    assert found.status == "failed"
    assert found.message.startswith("OSError: ")
    assert "libtensorflow_framework.so.2" in found.message
    assert found.evidence["tensorflow"] == "2.4.0"
    assert Path(found.evidence["log"]).name == "verify-loader.log"


@pytest.mark.parametrize(
    ("listed", "started", "status", "message"),
    [
        (2, 2, "ok", "TensorFlow started 2 GPUs"),
        (1, 1, "ok", "TensorFlow started 1 GPU"),
        (0, 0, "failed", "TensorFlow lists no GPU, expected 1"),
        (2, 1, "failed", "TensorFlow started 1 of 2 GPUs"),
    ],
)
def test_check_device__what_tensorflow_says__is_the_result(
    context: CheckContext, listed: int, started: int, status: str, message: str
) -> None:
    # A driver of this machine would be asked too, and shall show nothing.
    here = with_variables(context, FAKE_GPUS=str(listed), FAKE_STARTED=str(started), CUDA_VISIBLE_DEVICES="")
    found = runtime.check_device(here)
    assert (found.status, found.message) == (status, message)


@pytest.mark.parametrize(
    "check", [runtime.check_import, runtime.check_device, runtime.check_train], ids=["import", "device", "train"]
)
def test_check__another_framework__not_run(context: CheckContext, check: Callable[[CheckContext], CheckResult]) -> None:
    found = check(with_framework(context, name="torch"))
    assert (found.status, found.message) == ("not run", "not run: this check knows `tensorflow` only, not `torch`")


def test_check__no_activation_script__failed_not_run_unactivated(context: CheckContext) -> None:
    script = context.built.prefix / "bin" / "activate"
    script.unlink()
    found = runtime.check_device(replace(context, activated=True))
    assert (found.status, found.message) == ("failed", f"the environment has no activation script `{script}`")


def test_check_train__no_numpy_in_the_environment__failed_and_logged(context: CheckContext) -> None:
    found = runtime.check_train(context)
    assert (found.status, found.message) == (
        "failed",
        "the environment's Python did not begin the check: exit code 1",
    )
    assert "ModuleNotFoundError" in Path(found.evidence["log"]).read_text()
