"""The checks on a real GPU: everything passes, and each way to break cuDNN or CUDA is named by the library it lacks.

The first one pays for compiling PTX where the GPU is newer than the framework's machine code (98 s on an H100).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from check_contexts import context_of, copy_of
from gpuenv.extension import CheckContext
from gpuenv.model import Built, CheckResult, Host, silent
from gpuenv.plugins import Plugins, new_manager
from gpuenv.verify import run_checks

pytestmark = pytest.mark.gpu


def run(context: CheckContext, *names: str) -> dict[tuple[str, bool | None], CheckResult]:
    manager = Plugins(new_manager())
    checks = [check for name, check in manager.checks().items() if name in names]
    results = run_checks(checks, context, silent, manager.doctor_rules)
    return {(result.check, result.activated): result for result in results}


@pytest.fixture
def context(gpu_built: Built, gpu_host: Host, tmp_path: Path) -> CheckContext:
    return context_of(gpu_built, tmp_path / "log", gpu_host, timeout_s=900)


@pytest.fixture
def copy(context: CheckContext) -> Iterator[CheckContext]:
    """A copy of the environment beside it, so that hard links work."""
    import shutil

    prefix = context.built.prefix.with_name(f"{context.built.prefix.name}-broken")
    shutil.rmtree(prefix, ignore_errors=True)
    built = copy_of(context.built, prefix)
    # The copy shares the compute cache, so that nothing is compiled twice.
    cache = str(context.built.prefix / "var/gpuenv/compute-cache")
    yield replace(
        context_of(built, context.log_dir, context.host, timeout_s=900),
        environment={**context.environment, "CUDA_CACHE_PATH": cache},
    )
    shutil.rmtree(prefix)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["files", "import", "device", "compute", "train", "xla"])
def test_verify__whole_environment__ok_activated_and_not(context: CheckContext, name: str) -> None:
    found = run(context, name)
    assert {way: result.message for way, result in found.items() if result.status != "ok"} == {}
    assert set(found) == ({("files", None)} if name == "files" else {(name, False), (name, True)})


def test_verify_train__ok__cudnn_and_cublas_of_the_environment_are_mapped(context: CheckContext) -> None:
    libraries = run(context, "train")["train", False].evidence["libraries"]
    mine = [path for path in libraries if path.startswith(str(context.built.prefix.resolve()))]
    assert {"libcublas.so.11", "libcudnn.so.8"} <= {Path(path).name for path in mine}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("removed", "check", "library", "ending"),
    [
        ("libcusolver.so.10", "device", "libcusolver.so.10", "TensorFlow lists no GPU"),
        ("libcudnn_*_train.so.8", "train", "libcudnn_ops_train.so.8", "ended the process with signal SIGABRT"),
        ("libcudnn_*.so.8", "compute", "libcudnn_ops_infer.so.8", "ended the process with signal SIGABRT"),
    ],
    ids=["no cusolver bridge", "no train files", "only libcudnn.so.8"],
)
def test_verify__broken_on_purpose__the_library_is_named_twice(
    copy: CheckContext, removed: str, check: str, library: str, ending: str
) -> None:
    for path in (*copy.built.site_packages.glob(f"tensorflow/{removed}"), *_in_wheels(copy, removed)):
        path.unlink()
    found = run(copy, "files", check)
    static, at_run_time = found["files", None], found[check, False]
    assert static.status == at_run_time.status == "failed"
    assert f"`{library}`" in static.message
    assert ending in at_run_time.message
    assert f"`{library}`" in str(at_run_time.cause)


def _in_wheels(context: CheckContext, pattern: str) -> list[Path]:
    return list(context.built.site_packages.glob(f"nvidia/*/lib/{pattern}"))
