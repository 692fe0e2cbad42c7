"""A failed check names the right cause: those that were seen on a GPU, and one made for each child."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from check_contexts import DRIVER, RTX_3080
from gpuenv.doctor.rules import RULES
from gpuenv.extension import Check, CheckContext
from gpuenv.model import CheckResult, Host, silent
from gpuenv.verify import run_checks

EVIDENCE = Path(__file__).parents[3] / "docs" / "evidence"
NO_FILE = "cannot open shared object file: No such file or directory"
STAMP = "2026-11-23 01:02:51.842947: "

# Check, the message of the check, what its child wrote, and how the cause begins.
MADE = [
    ("import", "importing TensorFlow: ModuleNotFoundError: No module named 'wrapt'", "", "a Python package is not"),
    (
        "import",
        "importing TensorFlow: TypeError: Descriptors cannot be created directly.",
        "Traceback (most recent call last):\nTypeError: Descriptors cannot be created directly.\n",
        "protobuf is newer",
    ),
    (
        "import",
        "importing TensorFlow: ImportError: numpy.core.umath failed to import",
        "AttributeError: _ARRAY_API not found\nImportError: numpy.core.umath failed to import\n",
        "NumPy 2 is installed",
    ),
    ("import", "importing TensorFlow ended the process with signal SIGILL", "", "the processor, or the one"),
    (
        "import",
        "importing TensorFlow: ImportError: libstdc++.so.6: version `GLIBCXX_3.4.30' not found",
        "",
        "the `libstdc++.so.6` that was loaded first",
    ),
    ("import", "this TensorFlow `2.4.0` was built without CUDA", "", "the framework that is installed is a build"),
    (
        "import",
        "TensorFlow's loader does not find `libcudnn.so.8`",
        f"{STAMP}W dso_loader.cc:60] Could not load dynamic library 'libcudnn.so.8'; dlerror: libcudnn.so.8: "
        f"{NO_FILE}\n",
        "CUDA libraries are not where the framework looks: `libcudnn.so.8`",
    ),
    (
        "import",
        "TensorFlow's loader does not find `libcusolver.so.10`",
        f"{STAMP}W dso_loader.cc:60] Could not load dynamic library 'libcusolver.so.10'; dlerror: libcusolver.so.10: "
        f"{NO_FILE}\n",
        "TensorFlow 2.4 opens `libcusolver.so.10`",
    ),
    (
        "import",
        "cuDNN's part `libcudnn_ops_infer.so.8` is of another version than cuDNN (status 1)",
        "",
        "the cuDNN that was loaded is older than the framework needs, or its parts are of two versions",
    ),
    (
        "device",
        "TensorFlow lists no GPU, expected 1",
        f"{STAMP}E cuda_driver.cc:328] failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: system has "
        "unsupported display driver / cuda driver combination\n",
        "the driver's kernel module and its libraries have different versions",
    ),
    (
        "device",
        "TensorFlow lists no GPU, expected 1",
        f"{STAMP}E cuda_driver.cc:328] failed call to cuInit: CUDA_ERROR_UNKNOWN: unknown error\n",
        "the driver could not be started: `CUDA_ERROR_UNKNOWN`",
    ),
    (
        "device",
        "TensorFlow lists no GPU, expected 1",
        f"{STAMP}W dso_loader.cc:60] Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: "
        f"{NO_FILE}\n",
        "CUDA libraries are not where the framework looks: `libcudart.so.11.0`",
    ),
    (
        "device",
        "starting the GPUs: InternalError: cudaGetDevice() failed. Status: CUDA driver version is insufficient for "
        "CUDA runtime version",
        "",
        "the NVIDIA driver is older",
    ),
    (
        "device",
        "starting the GPUs: InternalError: CUDA runtime implicit initialization on GPU:0 failed. Status: out of memory",
        "",
        "the GPU has not enough free memory",
    ),
    (
        "device",
        "starting the GPUs: InternalError: CUDA runtime implicit initialization on GPU:0 failed. Status: device kernel "
        "image is invalid",
        "",
        "the framework or a CUDA library has no code for this GPU",
    ),
    ("device", "the start did not end within 900 s", "", "the driver may still be compiling"),
    (
        "compute",
        "convolution ended the process with signal SIGABRT: could not load `libcudnn_ops_infer.so.8`",
        f"Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: {NO_FILE}\n",
        "a part of cuDNN could not be loaded: `libcudnn_ops_infer.so.8`",
    ),
    (
        "compute",
        "matmul: InternalError: Blas GEMM launch failed : a.shape=(8, 8), b.shape=(8, 8), m=8, n=8, k=8",
        f"{STAMP}E cuda_blas.cc:226] failed to create cublas handle: CUBLAS_STATUS_ALLOC_FAILED\n",
        "cuDNN or cuBLAS could not start on the GPU (`CUBLAS_STATUS_ALLOC_FAILED`)",
    ),
    (
        "compute",
        "convolution: UnknownError: Failed to get convolution algorithm. This is probably because cuDNN failed to "
        "initialize",
        f"{STAMP}E cuda_dnn.cc:336] Loaded runtime CuDNN library: 8.0.4 but source was compiled with: 8.1.0.  CuDNN\n",
        "another cuDNN was loaded than the framework was built with: found `8.0.4`, built with `8.1.0`",
    ),
    (
        "compute",
        "singular values ended the process with signal SIGABRT",
        f"{STAMP}F cuda_solvers.cc:94] Check failed: cusolverDnCreate(&handle) == CUSOLVER_STATUS_SUCCESS Failed to "
        "create cuSolverDN instance.\n",
        "cuDNN or cuBLAS could not start on the GPU:",
    ),
    ("compute", "matmul did not end within 900 s", "", "the driver may still be compiling"),
    (
        "train",
        "first batch, forward ended the process with signal SIGABRT: could not load `libcudnn_ops_train.so.8`",
        f"Could not load library libcudnn_ops_train.so.8. Error: libcudnn_ops_train.so.8: {NO_FILE}\n",
        "a part of cuDNN could not be loaded: `libcudnn_ops_train.so.8`",
    ),
    (
        "train",
        "first batch: ResourceExhaustedError: OOM when allocating tensor with shape[10,8,8,4] and type float on GPU:0",
        "",
        "the GPU has not enough free memory",
    ),
    (
        "train",
        "epoch 1: InternalError: Failed to synchronize",
        f"{STAMP}F cuda_driver.cc:1] CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered\n",
        "code crashed on the GPU (`CUDA_ERROR_ILLEGAL_ADDRESS`)",
    ),
    (
        "train",
        "epoch 1 ended the process with signal SIGKILL",
        "Out of memory: Killed process 9 (python)\n",
        "the machine's",
    ),
    (
        "xla",
        "compiling: InternalError: libdevice not found at ./libdevice.10.bc [Op:__inference_f_9]",
        "",
        "XLA does not find libdevice",
    ),
]


def failed(context: CheckContext, name: str, message: str, log: Path | None) -> CheckResult:
    evidence = {} if log is None else {"log": str(log)}
    result = CheckResult(name, "failed", message, hint="read it", evidence=evidence)
    check = Check(name, lambda context: result, needs_gpu=name not in ("files", "import"), needs_activation=False)
    (found,) = run_checks([check], replace(context, host=Host("linux-64", (RTX_3080,), DRIVER)), silent, lambda: RULES)
    return found


@pytest.mark.parametrize(("name", "message", "log", "cause"), MADE, ids=[f"{it[0]}-{at}" for at, it in enumerate(MADE)])
def test_run_checks__a_child_failed__its_cause_is_named(
    context: CheckContext, tmp_path: Path, name: str, message: str, log: str, cause: str
) -> None:
    path = tmp_path / "verify.log"
    path.write_text(f"{STAMP}I cpu_feature_guard.cc:142] This TensorFlow binary is optimized with oneDNN\n{log}")
    found = failed(context, name, message, path)
    assert found.cause is not None
    assert found.cause.startswith(cause)
    assert found.hint != "read it"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train", "the loss does not fall: `2.3, 2.3`, expected below `1.150`"),
        ("device", "TensorFlow started 1 of 2 GPUs"),
        ("import", "TensorFlow is `2.5.0`, expected `2.4.0`"),
        ("compute", "matmul ran on `no device`, expected on a GPU"),
    ],
)
def test_run_checks__the_message_is_all_that_is_known__no_cause_is_made_up(
    context: CheckContext, name: str, message: str
) -> None:
    found = failed(context, name, message, None)
    assert (found.cause, found.hint) == (None, "read it")


def recorded(value: Any) -> Iterator[dict[str, Any]]:
    """Give the failed results in a report, however deep they are."""
    if isinstance(value, dict):
        if value.get("status") == "failed" and "check" in value:
            yield value
        for part in value.values():
            yield from recorded(part)
    elif isinstance(value, list):
        for part in value:
            yield from recorded(part)


SEEN = [
    (path.stem, result)
    for path in sorted(EVIDENCE.glob("h100-*.json"))
    for result in recorded(json.loads(path.read_bytes()))
    if result["cause"] is not None
]


def test_evidence__failures__are_there() -> None:
    assert {(name, result["check"]) for name, result in SEEN} >= {
        ("h100-no-cudnn-train", "train"),
        ("h100-no-cusolver-bridge", "import"),
        ("h100-only-libcudnn", "compute"),
    }


@pytest.mark.parametrize(("name", "result"), SEEN, ids=[f"{name}-{it['check']}-{it['activated']}" for name, it in SEEN])
def test_run_checks__failed_on_an_h100__the_same_cause_today(
    context: CheckContext, tmp_path: Path, name: str, result: dict[str, Any]
) -> None:
    """The logs were not kept; the lines that TensorFlow and cuDNN write for the libraries that were missing were."""
    log = tmp_path / "verify.log"
    missing = result["message"].split("`")[1]
    log.write_text(
        f"{STAMP}W dso_loader.cc:60] Could not load dynamic library '{missing}'; dlerror: {missing}: {NO_FILE}\n"
        if result["check"] == "import"
        else f"Could not load library {missing}. Error: {missing}: {NO_FILE}\n"
    )
    found = failed(context, result["check"], result["message"], None if result["check"] == "files" else log)
    assert found.cause == result["cause"]
