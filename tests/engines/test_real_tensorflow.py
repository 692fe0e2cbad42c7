"""What is read from real files, and an environment that `gpuenv create` made: TensorFlow 2.4.0 and NVIDIA's wheels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from check_contexts import DRIVER, H100, RTX_3080, context_of, shipped_recipe
from gpuenv.artifact_sources import PypiSource
from gpuenv.binaries import dlopened_names, gpu_code, library_version
from gpuenv.binaries.fatbin import GpuCodeSummary
from gpuenv.model import Built, ComputeCapability, Host
from gpuenv.stage import plan_links
from gpuenv.verify import files

TENSORFLOW_2_4 = tuple(shipped_recipe().framework.libraries["linux-64"])


def test_gpu_code__real_tensorflow__as_measured(site_packages: Path) -> None:
    library = site_packages / "tensorflow" / "python" / "_pywrap_tensorflow_internal.so"
    capabilities = frozenset({(3, 5), (5, 0), (6, 0), (7, 0), (7, 5), (8, 0)})
    ptx, none = frozenset({(8, 0)}), frozenset[ComputeCapability]()
    assert gpu_code(library) == GpuCodeSummary({(capabilities, ptx): 242, (capabilities, none): 9})
    started = time.perf_counter()
    gpu_code(library)
    assert time.perf_counter() - started < 0.2  # 0.03 s on a free machine


def test_dlopened_names__real_tensorflow__the_eight_in_its_order_quickly(site_packages: Path) -> None:
    loader = site_packages / "tensorflow" / "libtensorflow_framework.so.2"
    assert dlopened_names(loader) == TENSORFLOW_2_4
    started = time.perf_counter()
    dlopened_names(loader)
    assert time.perf_counter() - started < 0.2  # 0.02 s on a free machine


def test_library_version__real_cudnn__all_seven_alike_six_from_the_binary(site_packages: Path) -> None:
    found = [library_version(path) for path in sorted((site_packages / "nvidia" / "cudnn" / "lib").glob("lib*.so.8"))]
    assert [version and version.release for version in found] == [(8, 6, 0)] * 7
    assert [version and version.source for version in found] == ["metadata"] + ["binary"] * 6


def test_plan_links__real_tensorflow_and_wheels__the_fourteen_libraries(real: Built) -> None:
    recipe = shipped_recipe()
    source = recipe.sources["pypi"]
    planned = plan_links(real, recipe, source, PypiSource().locate(real, source))
    expected = {*recipe.framework.libraries["linux-64"], *recipe.framework.lazy_libraries["linux-64"]}
    assert expected == {Path(file.path).name for file in planned}
    assert len(planned) == 14
    assert {real.prefix / Path(file.path).parent for file in planned} == {real.site_packages / "tensorflow"}


def test_files__real_tensorflow__ok_and_fast(real: Built, tmp_path: Path) -> None:
    context = context_of(real, tmp_path, Host("linux-64", gpus=(RTX_3080, H100), driver=DRIVER))
    files.check(context)
    started = time.monotonic()
    found = files.check(context)
    assert (found.evidence["problems"], time.monotonic() - started < 0.5) == ([], True)
    assert found.evidence["gpus"] == [
        "NVIDIA GeForce RTX 3080 (8.6) runs machine code",
        "NVIDIA H100 80GB HBM3 (9.0) compiles PTX at first use, but 9 of 251 parts have no code for it and fail "
        "(`tf.abs`, `tf.tanh`, NCCL (training on several GPUs))",
    ]


def gpuenv(*argv: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would, in an environment without any CUDA variable."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CUDA", "LD_", "XLA"))}
    command = [sys.executable, "-m", "gpuenv", *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_create__tensorflow_2_4__files_and_import_pass_activated_and_not(tf_prefix: Path) -> None:
    ended = gpuenv("verify", "-p", tf_prefix, "files", "import", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    results = json.loads(ended.stdout)["data"]["checks"]
    assert [(result["check"], result["activated"], result["status"]) for result in results] == [
        ("files", None, "ok"),
        ("import", False, "ok"),
        ("import", True, "ok"),
    ]
    for result in results[1:]:
        opened = result["evidence"]["loader"]["opened"]
        assert len(opened) >= len(TENSORFLOW_2_4)
        assert all(Path(path).is_relative_to(os.path.realpath(tf_prefix)) for path in opened)


def test_create__gpu_checks_without_a_gpu__not_run_and_never_ok(tf_prefix: Path) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("run this on a machine without an NVIDIA driver")
    ended = gpuenv("verify", "-p", tf_prefix, "device", "compute", "train", "xla", "--json")
    document = json.loads(ended.stdout)
    assert {result["status"] for result in document["data"]["checks"]} == {"not run"}
    assert {result["message"] for result in document["data"]["checks"]} == {"not run: no NVIDIA driver"}


def test_create__environment__has_its_own_pip(tf_prefix: Path) -> None:
    said = gpuenv("run", "-p", tf_prefix, "--", "pip", "--version").stdout
    assert str(tf_prefix) in said


def test_create__packages__agree_with_each_other(tf_prefix: Path) -> None:
    ended = gpuenv("run", "-p", tf_prefix, "--", "pip", "check")
    assert ended.returncode == 0, ended.stdout
