from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.model import CheckResult, Choice, Driver, Gpu, Host, LoadedRecipe, Overrides, Request
from gpuenv.pipeline import VerifyOptions, lasting, wanted
from gpuenv.recipes.schema import parse_recipe

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


def test_lasting__environment_of_somebody_else__nothing_is_kept() -> None:
    kept, reason = lasting((OK,), Overrides(), VerifyOptions(), writable=False)
    assert (kept, reason) == ((), "you may not write to the environment")


RECIPE = Path(__file__).parents[2] / "recipes" / "tf-2.4.yaml"
RTX_3080 = Gpu(0, None, (8, 6), None, "nvml")


def conda_choice() -> Choice:
    loaded = LoadedRecipe(parse_recipe(RECIPE.read_text("utf-8"), "tf-2.4.yaml"), str(RECIPE), "shipped")
    return Choice(loaded, "conda", "3.8", None, ())


@pytest.mark.parametrize(
    ("gpus", "driver", "expected"),
    [
        pytest.param((RTX_3080,), Driver(Version("460.89"), Version("11.2"), "nvml"), "11.2", id="what it says"),
        pytest.param((RTX_3080,), Driver(Version("450.80.02"), None, "proc"), "11.0", id="what its version implies"),
        pytest.param((RTX_3080,), Driver(None, None, "proc"), "11.0", id="nothing known: what the stack needs"),
        pytest.param((RTX_3080,), None, "11.0", id="--gpu alone"),
        pytest.param((), Driver(None, Version("12.4"), "override"), "12.4", id="CONDA_OVERRIDE_CUDA"),
        pytest.param((), None, None, id="no GPU"),
    ],
)
def test_wanted__driver__is_what_conda_calls_cuda(
    gpus: tuple[Gpu, ...], driver: Driver | None, expected: str | None
) -> None:
    found = wanted(Host("linux-64", gpus, driver), Request(), conda_choice())
    assert found.cuda_driver_api == (Version(expected) if expected else None)


def test_wanted__other_platform_and_channels__are_the_requests() -> None:
    request = Request(platform="win-64", channels=("mine",))
    found = wanted(Host("linux-64"), request, conda_choice())
    assert (found.platform, found.channels) == ("win-64", ("mine", "conda-forge"))
    assert found.conda_specs == ("python=3.8", "cudatoolkit=11.0", "cudnn=8.0")
    assert "nvidia-cuda-nvcc-cu11==11.8.89" in found.requirements
