from __future__ import annotations

import time
from dataclasses import replace

import msgspec
import pytest
from packaging.version import Version
from recipe_texts import SHIPPED, SMALL

from gpuenv.errors import NoGpuError, NoRecipeError, UsageError
from gpuenv.model import (
    Choice,
    Driver,
    Fact,
    Gpu,
    Host,
    LoadedRecipe,
    Note,
    PythonInterpreter,
    Request,
)
from gpuenv.recipes.rejections import explain_rejections, unavailable_sources
from gpuenv.recipes.schema import parse_recipe
from gpuenv.recipes.select import Disk, choose

TF_RECIPE = parse_recipe((SHIPPED / "tf-2.4.yaml").read_text("utf-8"), "tf-2.4.yaml")
TF = LoadedRecipe(TF_RECIPE, "/r/tf-2.4.yaml", "shipped")
ANYTHING = Request()
RTX_3080 = Gpu(0, "NVIDIA GeForce RTX 3080", (8, 6), 10 * 1024**3, "nvml")
A100 = Gpu(0, "NVIDIA A100-SXM4-40GB", (8, 0), None, "nvml")
RTX_4090 = Gpu(0, "NVIDIA GeForce RTX 4090", (8, 9), None, "nvml")
H100 = Gpu(0, "NVIDIA H100 80GB HBM3", (9, 0), None, "nvml")
RTX_5090 = Gpu(0, "NVIDIA GeForce RTX 5090", (12, 0), None, "nvml")
GTX_1080_TI = Gpu(0, "NVIDIA GeForce GTX 1080 Ti", (6, 1), None, "nvml")
K10 = Gpu(0, "Tesla K10", (3, 0), None, "nvml")
ALL_SOURCES = frozenset({"pypi", "conda", "toolkit"})
PYTHONS = ("3.12.1", "3.8.18", "3.7.17")


def pythons(*versions: str) -> tuple[PythonInterpreter, ...]:
    return tuple(PythonInterpreter(f"/python/{version}", Version(version), "pyenv") for version in versions)


def machine(*gpus: Gpu, driver: str | None = "525.60.13", platform: str = "linux-64") -> Host:
    found = Driver(Version(driver), None, "nvml") if driver else None
    numbered = tuple(replace(gpu, index=index) for index, gpu in enumerate(gpus))
    return Host(platform, numbered, found, pythons(*PYTHONS))


def named(capability: tuple[int, int], driver: str | None, platform: str = "linux-64") -> Host:
    """The machine that `--gpu` and `--driver` name."""
    host = machine(Gpu(0, None, capability, None, "override"), driver=driver, platform=platform)
    return replace(host, driver=replace(host.driver, source="override") if host.driver else None)


def chosen(
    host: Host,
    request: Request = ANYTHING,
    recipes: tuple[LoadedRecipe, ...] = (TF,),
    available: frozenset[str] = ALL_SOURCES,
    disk: Disk | None = None,
    conda_packages: bool = False,
) -> Choice:
    return choose(
        host,
        request,
        recipes,
        default="tf-2.4",
        artifact_sources=available,
        disk=disk,
        conda_packages=conda_packages,
    )


def refused(host: Host, request: Request = ANYTHING, **more: object) -> NoRecipeError:
    with pytest.raises(NoRecipeError) as caught:
        chosen(host, request, **more)  # type: ignore[arg-type]
    return caught.value


def hints(error: NoRecipeError | NoGpuError) -> list[str]:
    return [hint.text for hint in error.hints]


@pytest.mark.parametrize(
    ("host", "source", "code"),
    [
        pytest.param(machine(RTX_3080, driver="460.89", platform="win-64"), "pypi", "native", id="RTX 3080 Windows"),
        pytest.param(machine(RTX_3080, driver="450.80.02"), "pypi", "native", id="RTX 3080, least driver, found"),
        pytest.param(machine(A100, driver="450.80.02"), "pypi", "native", id="A100"),
        pytest.param(machine(A100, driver="450.36.06"), "toolkit", "native", id="A100, driver of CUDA 11.0"),
        pytest.param(machine(RTX_4090, driver="525.60.13"), "pypi", "native", id="RTX 4090"),
        pytest.param(machine(H100, driver="580.159.04"), "pypi", "ptx", id="H100"),
        pytest.param(machine(GTX_1080_TI, driver="470.57.02"), "pypi", "native", id="GTX 1080 Ti"),
        pytest.param(named((8, 6), "460.89", "win-64"), "pypi", "native", id="--gpu 8.6 --driver 460.89, Windows"),
        pytest.param(named((8, 6), "455.23"), "pypi", "native", id="first driver that knows 8.6"),
        pytest.param(named((12, 0), "570.26"), "pypi", "ptx", id="RTX 5090"),
    ],
)
def test_choose__gpu_that_is_served__source_and_kind_of_code(host: Host, source: str, code: str) -> None:
    choice = chosen(host)
    assert (choice.source_name, choice.python_version) == (source, "3.8")
    assert [gpu.code for gpu in choice.gpus] == [code]
    assert any("which takes minutes, once" in warning for warning in choice.warnings) is (code == "ptx")
    assert any("has no code for `tf.abs`" in warning for warning in choice.warnings) is (code == "ptx")


@pytest.mark.parametrize(
    ("host", "cause", "fix"),
    [
        pytest.param(
            machine(RTX_3080, driver="440.33.01"),
            "tf-2.4 from pypi: driver 440.33.01 is older than 450.80.02, which CUDA 11.8 needs",
            "update the NVIDIA driver to 450.80.02 or newer",
            id="driver too old",
        ),
        pytest.param(
            machine(RTX_3080, driver="446.14", platform="win-64"),
            "tf-2.4 from conda: driver 446.14 is older than 451.22, which CUDA 11.0 needs",
            "update the NVIDIA driver to 451.22 or newer",
            id="driver too old, Windows",
        ),
        pytest.param(
            named((8, 6), "450.80.02"),
            "driver 450.80.02 is older than 455.23, the first that knows compute capability 8.6 (Ampere)",
            "update the NVIDIA driver to 455.23 or newer",
            id="driver does not know the GPU",
        ),
        pytest.param(
            machine(RTX_5090, driver="515.43.04"),
            "driver 515.43.04 is older than 520.61.05, which GPU 0 `NVIDIA GeForce RTX 5090` (compute capability 12.0) "
            "needs to compile code of CUDA 11.8",
            "update the NVIDIA driver to 520.61.05 or newer",
            id="driver cannot compile the code",
        ),
        pytest.param(
            machine(K10, driver="470.57.02"),
            "tf-2.4: tensorflow 2.4.0 needs compute capability 3.5 or more, GPU 0 `Tesla K10` (compute capability 3.0) "
            "is older",
            "accept the CPU with `--allow-cpu`, or use another GPU",
            id="GPU too old",
        ),
        pytest.param(
            machine(RTX_3080, K10),
            "GPU 1 `Tesla K10` (compute capability 3.0) is older",
            "build for the other GPUs with `--gpu 8.6`, and set `CUDA_VISIBLE_DEVICES=0` to use only them",
            id="one GPU of two",
        ),
        pytest.param(
            machine(RTX_3080, platform="linux-aarch64"),
            "tf-2.4: has a recipe for linux-64 and win-64, not for linux-aarch64",
            None,
            id="platform",
        ),
    ],
)
def test_choose__nothing_fits__cause_and_smallest_change(host: Host, cause: str, fix: str | None) -> None:
    error = refused(host)
    assert error.exit_code == 4
    assert cause in str(error.cause)
    assert fix is None or fix in hints(error)
    assert hints(error)[-1] == "run `gpuenv recipes list` to see all recipes"


def test_choose__nothing_fits__message_describes_the_machine() -> None:
    host = machine(GTX_1080_TI, driver="440.33.01")
    machine_text = "GPU 0 `NVIDIA GeForce GTX 1080 Ti` (compute capability 6.1) with driver 440.33.01 on linux-64"
    assert str(refused(host)) == f"no recipe fits {machine_text}"
    named_error = refused(host, Request(recipe="tf-2.4", python="3.8"))
    assert str(named_error) == f"recipe `tf-2.4` does not fit {machine_text} with Python 3.8"


def test_choose__several_things_in_the_way__all_are_said() -> None:
    error = refused(machine(K10, driver="440.33.01"), Request(python="3.12"))
    for part in (
        "Python",
        "3.8, 3.7, 3.6, not for 3.12",
        "compute capability 3.5",
        "440.33.01 is older than 450.80.02",
    ):
        assert part in str(error.cause)


def test_choose__new_gpu__old_libraries_are_rejected_and_the_reason_is_kept() -> None:
    choice = chosen(machine(H100, driver="580.159.04"))
    assert {(one.source, one.reasons[0].code) for one in choice.rejected} == {
        ("conda", "gpu.too-new"),
        ("toolkit", "gpu.too-new"),
    }


@pytest.mark.parametrize(
    ("asked", "version", "path"),
    [
        pytest.param(None, "3.8", "/python/3.8.18", id="none asked for: the preferred one"),
        pytest.param("3.7", "3.7", "/python/3.7.17", id="minor version"),
        pytest.param("3.8.18", "3.8.18", "/python/3.8.18", id="full version"),
        pytest.param("3.8.1", "3.8.1", None, id="full version that is not installed"),
        pytest.param("3.6", "3.6", None, id="not installed: the engine brings it"),
    ],
)
def test_choose__python__asked_for_or_preferred(asked: str | None, version: str, path: str | None) -> None:
    choice = chosen(machine(RTX_3080), Request(python=asked))
    assert choice.python_version == version
    assert (choice.python.path if choice.python else None) == path


@pytest.mark.parametrize(
    ("installed", "version", "path"),
    [
        pytest.param(("3.12.1",), "3.8", None, id="none fits: first of the recipe, by the engine"),
        pytest.param(("3.12.1", "3.7.17"), "3.7", "/python/3.7.17", id="a later one is installed"),
        pytest.param(("3.8.20", "3.8.18"), "3.8", "/python/3.8.20", id="first of several"),
        pytest.param((), "3.8", None, id="none at all"),
    ],
)
def test_choose__python__what_is_installed_counts(installed: tuple[str, ...], version: str, path: str | None) -> None:
    choice = chosen(replace(machine(RTX_3080), pythons=pythons(*installed)))
    assert (choice.python_version, choice.python.path if choice.python else None) == (version, path)


def test_choose__python_excluded__is_said_with_the_one_to_use() -> None:
    error = refused(machine(RTX_3080), Request(python="3.12"))
    assert "tf-2.4: tensorflow 2.4.0 has a recipe for Python 3.8, 3.7, 3.6, not for 3.12" in str(error.cause)
    assert "use Python 3.8 instead of 3.12: `--python 3.8`" in hints(error)


@pytest.mark.parametrize("text", ["3", "three", "3.8.18.1", "3.x", ">=3.8"])
def test_choose__python_is_no_version__is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="`--python`: expected a version"):
        chosen(machine(RTX_3080), Request(python=text))


def test_choose__other_platform__takes_no_python_of_this_one() -> None:
    choice = chosen(named((8, 6), "460.89"), Request(platform="win-64"))
    assert (choice.python_version, choice.python) == ("3.8", None)


def test_choose__no_gpu__says_what_the_probe_noticed_and_two_ways_on() -> None:
    message = "this `docker` container was given no GPU device"
    note = Note("gpu.container", message, "start it with `docker run --gpus all ...`")
    host = replace(machine(driver=None), notes=(note, Note("gpu.none", "no NVIDIA GPU was found")))
    with pytest.raises(NoGpuError) as caught:
        chosen(host)
    assert caught.value.exit_code == 3
    assert caught.value.cause == message
    assert [hint.code for hint in caught.value.hints] == ["gpu.container", "gpu.other-machine", "gpu.allow-cpu"]
    assert "`gpuenv create -n tf --gpu 8.6 --driver 460.89`" in hints(caught.value)[1]


def test_choose__gpu_without_a_driver__is_no_gpu() -> None:
    with pytest.raises(NoGpuError, match="no NVIDIA driver works"):
        chosen(machine(RTX_3080, driver=None))


def test_choose__no_gpu_but_the_cpu_is_accepted__warns() -> None:
    choice = chosen(machine(driver=None), Request(allow_cpu=True))
    assert choice.gpus == ()
    assert any("runs on the CPU" in warning for warning in choice.warnings)


def test_choose__gpu_not_served_but_the_cpu_is_accepted__warns_with_the_reason() -> None:
    choice = chosen(machine(K10), Request(allow_cpu=True))
    assert any(warning.startswith("without the GPU: tensorflow 2.4.0 needs") for warning in choice.warnings)


def test_choose__cpu_is_accepted__other_reasons_still_count() -> None:
    assert "not for 3.12" in str(refused(machine(K10), Request(allow_cpu=True, python="3.12")).cause)


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(named((8, 6), None), id="--gpu without --driver"),
        pytest.param(replace(machine(RTX_3080), driver=Driver(None, Version("11.2"), "override")), id="CUDA 11.2"),
        pytest.param(replace(machine(RTX_3080), driver=Driver(None, None, "proc")), id="found without a version"),
    ],
)
def test_choose__driver_version_unknown__is_a_warning(host: Host) -> None:
    assert any("driver's version is not known" in warning for warning in chosen(host).warnings)


def test_choose__driver_of_an_older_cuda__is_refused() -> None:
    host = replace(machine(RTX_3080), driver=Driver(None, Version("10.2"), "override"))
    assert "the driver knows CUDA 10.2, which is older than CUDA 11.8" in str(refused(host).cause)


def test_choose__driver_named_but_no_gpu__builds_and_warns() -> None:
    host = Host("linux-64", (), Driver(None, Version("11.2"), "override"))
    assert any("nothing was checked" in warning for warning in chosen(host).warnings)


def test_choose__capability_not_told__comes_from_the_product_name() -> None:
    choice = chosen(machine(replace(RTX_3080, compute_capability=None)))
    assert choice.gpus[0].compute_capability == (8, 6)


def test_choose__capability_unknown__is_a_warning_not_a_guess() -> None:
    choice = chosen(machine(replace(RTX_3080, name="NVIDIA Graphics Device", compute_capability=None)))
    assert choice.gpus == ()
    assert any("(compute capability unknown) was not checked" in warning for warning in choice.warnings)


def test_choose__source_without_a_plugin__is_rejected_with_its_name() -> None:
    choice = chosen(machine(RTX_3080), available=frozenset({"pypi"}))
    assert [one.source for one in choice.rejected] == ["conda", "toolkit"]
    error = refused(machine(RTX_3080), Request(cuda_from="conda"), available=frozenset({"pypi"}))
    assert error.cause == "tf-2.4 from conda: no plugin of gpuenv provides the source `conda`"
    assert "take CUDA from another place: `--cuda-from pypi`" in hints(error)


def test_explain_rejections__source_without_a_plugin__is_no_reason_that_a_user_could_change() -> None:
    choice = chosen(machine(RTX_3080), available=frozenset({"pypi"}))
    assert explain_rejections(choice.rejected) == []
    assert unavailable_sources(choice.rejected) == [
        "tf-2.4 could also take CUDA from conda or toolkit, which need a plugin that is not installed"
    ]
    error = refused(machine(RTX_3080, driver="400.10"), available=frozenset({"pypi"}))
    assert "plugin" not in str(error.cause)
    assert "driver 400.10 is older" in str(error.cause)


@pytest.mark.parametrize(("api", "fits"), [("11.2", False), ("11.8", True)])
def test_choose__ptx_and_only_the_drivers_cuda_is_named__has_to_be_that_of_the_toolkit(api: str, fits: bool) -> None:
    host = replace(named((12, 0), "470.57.02"), driver=Driver(None, Version(api), "override"))
    if fits:
        assert chosen(host).gpus[0].code == "ptx"
    else:
        assert "the driver knows CUDA 11.2 and not 11.8" in str(refused(host).cause)


@pytest.mark.parametrize(
    ("asked", "warned"), [("3.8.1", True), ("3.8", False), ("3.8.18", False)], ids=["other", "minor", "installed"]
)
def test_choose__python_in_full_that_is_not_installed__says_which_one_is(asked: str, warned: bool) -> None:
    host = replace(machine(RTX_3080), pythons=(PythonInterpreter("/p", Version("3.8.18"), "pyenv"),))
    said = [warning for warning in chosen(host, Request(python=asked)).warnings if "not installed" in warning]
    assert said == (["Python 3.8.1 is not installed, Python 3.8.18 is: `--python 3.8` takes it"] if warned else [])


def test_choose__source_named__is_the_only_one_looked_at() -> None:
    choice = chosen(machine(RTX_3080), Request(cuda_from="conda"), conda_packages=True)
    assert (choice.source_name, choice.rejected) == ("conda", ())


def test_choose__conda_packages_and_an_engine_without__names_the_engines_that_install_them() -> None:
    error = refused(machine(RTX_3080), Request(cuda_from="conda"))
    assert error.cause == "tf-2.4 from conda: needs conda packages, which this engine does not install"
    assert hints(error)[0] == "use an engine that installs conda packages: `--engine conda` or `--engine rattler`"


def test_choose__conda_packages_would_not_help_either__another_engine_is_not_offered() -> None:
    error = refused(machine(H100), Request(cuda_from="conda"))
    assert not [hint for hint in hints(error) if "--engine" in hint]
    assert "serves compute capability 8.9 at most" in str(error.cause)


@pytest.mark.parametrize(
    ("gpu", "asked", "source"),
    [
        pytest.param(RTX_3080, None, "conda", id="conda packages first"),
        pytest.param(H100, None, "pypi", id="newer than conda's CUDA: the wheels"),
        pytest.param(RTX_3080, "pypi", "pypi", id="the source asked for"),
    ],
)
def test_choose__engine_for_conda_packages__prefers_them(gpu: Gpu, asked: str | None, source: str) -> None:
    choice = chosen(machine(gpu, driver="580.159.04"), Request(cuda_from=asked), conda_packages=True)
    assert choice.source_name == source


@pytest.mark.parametrize(("asked", "version"), [(None, "3.8"), ("3.7", "3.7"), ("3.6.15", "3.6.15")])
def test_choose__engine_for_conda_packages__pythons_of_the_machine_do_not_count(
    asked: str | None, version: str
) -> None:
    host = replace(machine(RTX_3080), pythons=pythons("3.7.17"))
    choice = chosen(host, Request(python=asked), conda_packages=True)
    assert (choice.python_version, choice.python) == (version, None)


def test_choose__source_that_no_recipe_has__names_those_it_has() -> None:
    error = refused(machine(RTX_3080), Request(cuda_from="cloud"))
    assert error.cause == "tf-2.4: has CUDA from `pypi`, `conda`, `toolkit`, not from `cloud`"


def recipe(name: str, version: str, origin: str = "team") -> LoadedRecipe:
    base = parse_recipe(SMALL.replace("2.4.0", version), "small.yaml")
    return LoadedRecipe(msgspec.structs.replace(base, name=name), f"/r/{name}.yaml", origin)


OLD, NEW, PROJECT = recipe("old", "2.4.0"), recipe("new", "2.10.0"), recipe("ours", "2.5.0", "project")


@pytest.mark.parametrize(
    ("recipes", "request_", "expected"),
    [
        pytest.param((OLD, NEW, TF), Request(), "tf-2.4", id="default first"),
        pytest.param((OLD, NEW), Request(), "new", id="then the newest framework, 2.10 over 2.4"),
        pytest.param((TF, NEW, PROJECT), Request(), "ours", id="a project's own before the default"),
        pytest.param((TF, NEW, OLD), Request(recipe="old"), "old", id="named"),
        pytest.param((OLD,), Request(recipe="./old.yaml"), "old", id="named by its file"),
        pytest.param((TF, NEW), Request(framework="tensorflow", framework_version="2.10"), "new", id="version"),
        pytest.param((TF, NEW), Request(framework="tensorflow", framework_version="newest"), "new", id="newest"),
        pytest.param(
            (OLD, TF), Request(framework="tensorflow", framework_version="2.4.0"), "tf-2.4", id="full version"
        ),
    ],
)
def test_choose__several_recipes__order(recipes: tuple[LoadedRecipe, ...], request_: Request, expected: str) -> None:
    assert chosen(machine(RTX_3080), request_, recipes).recipe.name == expected


def test_choose__first_does_not_fit__next_is_taken_and_the_reason_kept() -> None:
    choice = chosen(machine(RTX_3080, driver="450.80.02"), Request(python="3.8"), (recipe("tf-2.4", "2.4.0"), NEW))
    assert choice.recipe.name == "tf-2.4"
    only_new = chosen(machine(replace(RTX_3080, compute_capability=(5, 0))), Request(), (OLD, TF))
    assert only_new.recipe.name == "tf-2.4"
    assert explain_rejections(one for one in only_new.rejected if one.recipe == "old") == [
        "old: tensorflow 2.4.0 has no code that GPU 0 `NVIDIA GeForce RTX 3080` (compute capability 5.0) can run"
    ]


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        pytest.param("2.1", "did you mean `--tensorflow 2.4.0`?", id="too old"),
        pytest.param("2.9.9", "did you mean `--tensorflow 2.10.0`?", id="the nearest minor version"),
        pytest.param("1.15", "did you mean `--tensorflow 2.10.0`?", id="another major version"),
        pytest.param("3", "did you mean `--tensorflow 2.10.0`?", id="newer than all"),
        pytest.param("nwest", "did you mean `--tensorflow newest`?", id="no version"),
    ],
)
def test_choose__version_that_no_recipe_has__lists_those_there_are(wanted: str, hint: str) -> None:
    error = refused(machine(RTX_3080), Request(framework="tensorflow", framework_version=wanted), recipes=(NEW, TF))
    assert (str(error), error.exit_code) == (f"no recipe has tensorflow {wanted}", 4)
    assert error.cause == "found 2.4.0, 2.10.0"
    assert hints(error)[0] == hint


def test_choose__no_recipes_at_all__is_said() -> None:
    assert str(refused(machine(RTX_3080), recipes=())).startswith("no recipe fits GPU 0")


@pytest.mark.parametrize(
    ("free", "needed", "fits"),
    [
        pytest.param(4 * 1024**3, 4 * 1024**3, True, id="just enough"),
        pytest.param(4 * 1024**3, 4 * 1024**3 + 1, False, id="a byte short"),
        pytest.param(0, None, True, id="need unknown"),
    ],
)
def test_choose__disk__needed_against_free(free: int, needed: int | None, fits: bool) -> None:
    disk = Disk(free, lambda loaded, source, platform, python: needed)
    if fits:
        assert chosen(machine(RTX_3080), disk=disk).source_name == "pypi"
    else:
        error = refused(machine(RTX_3080), disk=disk)
        assert "needs 4.0 GiB on the disk, where 4.0 GiB are free" in str(error.cause)


def test_choose__windows_libraries__missing_ones_are_warnings() -> None:
    facts = (Fact("dll:zlibwapi.dll", False, "PATH"), Fact("dll:msvcp140.dll", True, "System32"))
    choice = chosen(replace(machine(RTX_3080, driver="460.89", platform="win-64"), facts=facts))
    assert [warning for warning in choice.warnings if "dll" in warning] == [
        "`zlibwapi.dll` was not found, which cuDNN needs: put the 64-bit file into a directory on PATH "
        "(NVIDIA's cuDNN installation guide, for Windows)"
    ]


def test_choose__forty_recipes__under_20_ms() -> None:
    recipes = tuple(recipe(f"r{number}", f"2.{number}.0") for number in range(39))
    host = named((9, 0), "470.57.02")
    refused(host, recipes=(TF,))  # reads the tables of facts once
    best = min(_elapsed_s(host, (*recipes, TF)) for _ in range(5))
    assert best < 0.020


def _elapsed_s(host: Host, recipes: tuple[LoadedRecipe, ...]) -> float:
    begun = time.perf_counter()
    refused(host, recipes=recipes)
    return time.perf_counter() - begun
