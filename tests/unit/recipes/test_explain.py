from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import pytest
from packaging.version import Version
from recipe_texts import SHIPPED, sources_of

from gpuenv.errors import NoRecipeError, UsageError
from gpuenv.model import Choice, Driver, Gpu, Host, LoadedRecipe, Request
from gpuenv.recipes.explain import Verdict, explain, nearest, newest_that_fits
from gpuenv.recipes.matrix import CAPABILITIES, Row, matrix
from gpuenv.recipes.search import list_recipes
from gpuenv.recipes.select import choose

SOURCES = frozenset({"pypi", "conda"})
EVERY = [f"tf-2.{minor}" for minor in range(21, 3, -1)]


@cache
def shipped() -> tuple[LoadedRecipe, ...]:
    return list_recipes(sources_of(shipped=SHIPPED))[0]


def host(capability: tuple[int, int] | None, driver: str | None = None, platform: str = "linux-64") -> Host:
    gpus = () if capability is None else (Gpu(0, None, capability, None, "override"),)
    return Host(platform, gpus, Driver(Version(driver), None, "override") if driver else None)


def judged(machine: Host, **request: str) -> dict[str, Verdict]:
    return {one.recipe: one for one in explain(machine, Request(**request), shipped(), SOURCES)}  # type: ignore[arg-type]


def fitting(verdicts: dict[str, Verdict]) -> list[str]:
    return [name for name, one in verdicts.items() if one.fits]


@pytest.mark.parametrize(
    ("machine", "request_", "expected"),
    [
        pytest.param(host((8, 6), "450.80.02"), {}, [], id="RTX 3080, driver older than it"),
        pytest.param(host((8, 6), "455.23"), {}, EVERY[-4:], id="RTX 3080, its first driver: what needs no compiling"),
        pytest.param(host((8, 6), "460.27.03"), {}, EVERY[-8:], id="RTX 3080, driver that reads PTX of CUDA 11.2"),
        pytest.param(
            host((8, 6), "460.89", "win-64"), {"python": "3.8"}, EVERY[-7:], id="RTX 3080, Windows, Python 3.8"
        ),
        pytest.param(host((8, 0)), {}, EVERY, id="A100"),
        pytest.param(host((8, 9)), {}, EVERY, id="RTX 4090"),
        pytest.param(host((9, 0)), {}, EVERY, id="H100"),
        pytest.param(host((12, 0)), {}, EVERY, id="RTX 5090"),
        pytest.param(host((6, 1)), {}, EVERY, id="GTX 1080 Ti"),
        pytest.param(host((3, 5)), {}, EVERY[-11:], id="Tesla K40"),
        pytest.param(host((5, 2)), {}, EVERY[5:], id="GTX 980"),
        pytest.param(host((8, 6), "580.65.06"), {"python": "3.13"}, EVERY[:2], id="Python 3.13"),
    ],
)
def test_explain__machine__what_fits(machine: Host, request_: dict[str, str], expected: list[str]) -> None:
    assert fitting(judged(machine, **request_)) == expected


@pytest.mark.parametrize(
    ("machine", "request_", "recipe", "change"),
    [
        pytest.param(
            host((8, 6), "450.80.02"), {}, "tf-2.4", "update the NVIDIA driver to 455.23 or newer", id="driver"
        ),
        pytest.param(
            host((8, 6), "580.65.06"),
            {"python": "3.12"},
            "tf-2.4",
            "use Python 3.8 instead of 3.12: `--python 3.8`",
            id="Python",
        ),
        pytest.param(
            host((8, 6), "460.89", "win-64"), {}, "tf-2.11", "use Linux, or WSL 2 on Windows", id="operating system"
        ),
        pytest.param(
            host((8, 6), "470.57.02"),
            {"python": "3.8"},
            "tf-2.20",
            "use Python 3.13 instead of 3.8: `--python 3.13`, and update the NVIDIA driver to 525.60.13 or newer",
            id="two changes together",
        ),
        pytest.param(host((3, 0), "470.57.02"), {}, "tf-2.4", None, id="only another GPU"),
        pytest.param(host((8, 0)), {}, "tf-2.4", None, id="fits"),
    ],
)
def test_explain__does_not_fit__smallest_change(
    machine: Host, request_: dict[str, str], recipe: str, change: str | None
) -> None:
    assert judged(machine, **request_)[recipe].change == change


def test_explain__change_made__fits() -> None:
    """What is said to help does help: every driver that a change names makes that release fit."""
    machine = host((8, 6), "440.33")
    for name, verdict in judged(machine).items():
        assert not verdict.fits
        assert verdict.driver_min is not None
        updated = replace(machine, driver=Driver(Version(verdict.driver_min), None, "override"))
        assert judged(updated)[name].fits, name


DRIVERS = "440.33 450.51.05 451.48 452.39 455.23 460.82 470.57.02 520.61.05 525.60.13 535.54.03 551.61 570.26 580.65.06"
CASES = list(
    product(
        [*CAPABILITIES, (3, 0), (3, 7), (6, 0), (8, 7)],
        [None, *DRIVERS.split()],
        ["linux-64", "win-64"],
        [None, "3.6", "3.8", "3.9", "3.12", "3.13"],
        [False, True],
    )
)


@pytest.mark.parametrize("start", range(4))
def test_explain__any_machine__says_what_choose_does(start: int) -> None:
    """Every verdict is what `create` of that recipe does, and the newest is what `--tensorflow newest` takes."""
    for capability, driver, platform, python, conda in CASES[start :: 16 * 23]:  # 23 shares no factor with the lists
        machine, request = host(capability, driver, platform), Request(python=python)
        verdicts = explain(machine, request, shipped(), SOURCES, conda_packages=conda)
        fits = {}
        for loaded in shipped():
            named = replace(request, recipe=loaded.recipe.name)
            fits[loaded.recipe.name] = chosen_source(machine, named, (loaded,), conda_packages=conda)
        assert {one.recipe: one.source if one.fits else None for one in verdicts} == fits
        newest = newest_that_fits(verdicts)
        asked = replace(request, framework="tensorflow", framework_version="newest")
        found = chosen(machine, asked, shipped(), conda_packages=conda)
        assert (newest.recipe if newest else None) == (found.recipe.name if found else None)


def chosen(
    machine: Host, request: Request, recipes: tuple[LoadedRecipe, ...], *, conda_packages: bool
) -> Choice | None:
    try:
        return choose(
            machine,
            request,
            recipes,
            default="tf-2.4",
            artifact_sources=SOURCES,
            conda_packages=conda_packages,
        )
    except NoRecipeError:
        return None


def chosen_source(
    machine: Host, request: Request, recipes: tuple[LoadedRecipe, ...], *, conda_packages: bool
) -> str | None:
    found = chosen(machine, request, recipes, conda_packages=conda_packages)
    return found.source_name if found is not None else None


def test_explain__only_conda_packages_would_do__says_which_engine_takes_them() -> None:
    """uv installs none, so it does not fit, though the driver is new enough for conda's CUDA 11.0."""
    machine = host((8, 0), "450.51.05")
    verdict = judged(machine)["tf-2.4"]
    assert not verdict.fits
    assert verdict.change == (
        "update the NVIDIA driver to 450.80.02 or newer, "
        "or use an engine that installs conda packages: `--engine conda` or `--engine rattler`"
    )
    with_conda = explain(machine, Request(), shipped(), SOURCES, conda_packages=True)
    assert [(one.recipe, one.source) for one in with_conda if one.fits] == [("tf-2.4", "conda")]


def test_explain__gpu_without_a_driver__does_not_fit() -> None:
    machine = Host("linux-64", (Gpu(0, None, (8, 6), None, "proc"),))
    verdict = judged(machine)["tf-2.4"]
    assert [reason.code for reason in verdict.reasons] == ["driver.none"]
    assert verdict.change == "install the NVIDIA driver 450.80.02 or newer"


def test_explain__one_release__only_that() -> None:
    assert list(judged(host((8, 6)), framework="tensorflow", framework_version="2.9")) == ["tf-2.9"]


def test_explain__python_that_is_none__usage_error() -> None:
    with pytest.raises(UsageError, match="expected a version"):
        judged(host((8, 6)), python="three")


def test_explain__platform_is_wrong__nothing_about_its_drivers() -> None:
    verdict = judged(host((8, 6), "446.14", "win-64"))["tf-2.15"]
    assert [reason.code for reason in verdict.reasons] == ["platform.other"]


def test_explain__gpu_newer_than_the_libraries__warned() -> None:
    verdicts = judged(host((12, 0), "580.65.06"))
    assert any("some operations may fail" in warning for warning in verdicts["tf-2.15"].warnings)
    assert not any("some operations may fail" in warning for warning in verdicts["tf-2.21"].warnings)
    assert any("CUDA_ERROR_INVALID_PTX" in warning for warning in verdicts["tf-2.21"].warnings)


def test_newest_and_nearest__nothing_fits__oldest_driver_that_helps() -> None:
    verdicts = explain(host((8, 6), "450.80.02"), Request(), shipped(), SOURCES)
    assert newest_that_fits(verdicts) is None
    near = nearest(verdicts)
    assert near is not None
    assert (near.recipe, near.driver_min) == ("tf-2.7", "455.23")


@cache
def rows() -> dict[tuple[str, str], Row]:
    return {(row.recipe, row.platform): row for row in matrix(shipped(), SOURCES)}


def test_matrix__shipped__every_release_and_platform() -> None:
    found = rows()
    assert [name for name, platform in found if platform == "linux-64"] == EVERY
    assert [name for name, platform in found if platform == "win-64"] == EVERY[-7:]


@pytest.mark.parametrize(
    ("recipe", "capability", "code", "driver"),
    [
        ("tf-2.4", "8.6", "native", "455.23"),
        ("tf-2.10", "8.6", "ptx", "460.27.03"),
        ("tf-2.21", "8.9", "native", "525.60.13"),
        ("tf-2.21", "3.5", None, None),
        ("tf-2.21", "12.0", "ptx", "570.26"),
    ],
)
def test_matrix__cell__code_and_driver(recipe: str, capability: str, code: str | None, driver: str | None) -> None:
    cell = next(cell for cell in rows()[recipe, "linux-64"].gpus if cell.compute_capability == capability)
    assert (cell.code, cell.driver_min) == (code, driver)
    assert len(rows()[recipe, "linux-64"].gpus) == len(CAPABILITIES)


@pytest.mark.parametrize(
    ("platform", "failing"), [("linux-64", "`tf.abs`, `tf.tanh`, NCCL"), ("win-64", "`tf.tanh`: ")]
)
def test_explain__code_without_ptx__of_the_build_for_that_platform(platform: str, failing: str) -> None:
    """The builds for Windows have no NCCL."""
    verdicts = judged(host((9, 0), "580.65.06", platform))
    assert any(failing in warning for warning in verdicts["tf-2.4"].warnings)
    nccl = [name for name, one in verdicts.items() if one.fits and any("NCCL" in text for text in one.warnings)]
    assert ("tf-2.9" in nccl) == (platform == "linux-64")


def test_nearest__only_the_python_is_in_the_way__the_newest_release() -> None:
    near = nearest(explain(host((8, 6)), Request(python="3.14"), shipped(), SOURCES))
    assert near is not None
    assert (near.recipe, near.change) == ("tf-2.21", "use Python 3.13 instead of 3.14: `--python 3.13`")


@pytest.mark.parametrize(
    ("capabilities", "change"),
    [
        (
            [(8, 6), (3, 0)],
            "build for the other GPUs with `--gpu 8.6`, and set `CUDA_VISIBLE_DEVICES=0` to use only them",
        ),
        ([(3, 0), (2, 1)], None),
        ([(3, 0)], None),
    ],
    ids=["one of two", "both", "the only one"],
)
def test_explain__gpu_that_is_not_served__can_be_left_out_when_there_is_another(
    capabilities: list[tuple[int, int]], change: str | None
) -> None:
    gpus = tuple(Gpu(index, None, capability, None, "override") for index, capability in enumerate(capabilities))
    assert judged(Host("linux-64", gpus))["tf-2.21"].change == change
