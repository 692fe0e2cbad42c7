from __future__ import annotations

import pytest
from packaging.version import Version

from gpuenv.model import CheckResult, Overrides
from gpuenv.pipeline import VerifyOptions, lasting

OK, FAILED = CheckResult("import", "ok", ""), CheckResult("train", "failed", "")


@pytest.mark.parametrize(
    ("overrides", "timeout_s", "kept", "words"),
    [
        (Overrides(), 900.0, (OK, FAILED), None),
        (Overrides(), 3600.0, (OK, FAILED), None),
        (Overrides(), 0.5, (OK,), "within 0.5 s"),
        (Overrides(gpus=((8, 6),), source="--gpu"), 900.0, (), "--gpu"),
        (Overrides(gpus=(), source="CONDA_OVERRIDE_CUDA"), 900.0, (), "CONDA_OVERRIDE_CUDA"),
        (Overrides(driver_version=Version("460.89"), source="--driver"), 900.0, (), "--driver"),
        (Overrides(cuda_driver_api=Version("11.2"), source="CONDA_OVERRIDE_CUDA"), 900.0, (), "CONDA_OVERRIDE_CUDA"),
    ],
    ids=["as always", "more time", "less time", "gpu", "no gpu", "driver", "cuda"],
)
def test_lasting__circumstances__what_the_receipt_keeps(
    overrides: Overrides, timeout_s: float, kept: tuple[CheckResult, ...], words: str | None
) -> None:
    found, reason = lasting((OK, FAILED), overrides, VerifyOptions(timeout_s=timeout_s))
    assert found == kept
    assert (reason is None) == (words is None)
    assert (words or "") in (reason or "")


def test_lasting__less_time_was_enough__all_is_kept() -> None:
    assert lasting((OK,), Overrides(), VerifyOptions(timeout_s=1.0)) == ((OK,), None)
