from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from recipe_texts import SHIPPED

from gpuenv.errors import RecipeError
from gpuenv.model import CondaPackage, LoadedRecipe, Request
from gpuenv.recipes.lock import format_lock, lock_is_stale, parse_lock
from gpuenv.recipes.lock_conda import (
    conda_channels,
    conda_lines,
    conda_specs,
    parse_conda_line,
    with_conda_packages,
)
from gpuenv.recipes.schema import parse_recipe

RECIPE = parse_recipe((SHIPPED / "tf-2.4.yaml").read_text("utf-8"), "tf-2.4.yaml")
LOADED = LoadedRecipe(RECIPE, str(SHIPPED / "tf-2.4.yaml"), "shipped")
CUDNN = CondaPackage(
    "cudnn", "8.0.5.39", "ha5ca753_1", "conda-forge", "linux-64", "cudnn-8.0.5.39-ha5ca753_1.tar.bz2",
    sha256="1f" * 32, md5="7c" * 16, size_bytes=671088640, requested=True,
)  # fmt: skip
LIBGCC = CondaPackage(
    "libgcc-ng", "12.2.0", "h65d4601_19", "file:///srv/my%20channel", "linux-64", "libgcc-ng-12.2.0-h65d4601_19.conda",
    md5="e4" * 16,
)  # fmt: skip


def lock_text(*packages: CondaPackage) -> str:
    pins = "tensorflow==2.4.0 --hash=sha256:" + "a" * 64
    return format_lock(
        LOADED, "conda", "linux-64", "3.8", pins,
        made="2026-11-23", tool="test", download_bytes=1000, installed_bytes=None, conda_packages=packages,
    )  # fmt: skip


def test_conda_specs__source_with_packages__python_first() -> None:
    assert conda_specs(RECIPE, "conda", "linux-64", "3.8") == ("python=3.8", "cudatoolkit=11.0", "cudnn=8.0")
    assert conda_specs(RECIPE, "pypi", "win-64", "3.7.12") == ("python=3.7.12",)


@pytest.mark.parametrize(
    ("source", "request_", "expected"),
    [
        pytest.param("conda", Request(), ("conda-forge",), id="the source's"),
        pytest.param("pypi", Request(), ("conda-forge",), id="another source's, for Python"),
        pytest.param("conda", Request(channels=("mine",)), ("mine", "conda-forge"), id="the user's first"),
        pytest.param("conda", Request(channels=("conda-forge",)), ("conda-forge",), id="named twice"),
        pytest.param("conda", Request(channels=("mine",), override_channels=True), ("mine",), id="only the user's"),
    ],
)
def test_conda_channels__source_and_request__order(source: str, request_: Request, expected: tuple[str, ...]) -> None:
    assert conda_channels(RECIPE, source, request_) == expected


@pytest.mark.parametrize("package", [CUDNN, LIBGCC], ids=lambda package: package.name)
def test_parse_conda_line__what_was_written__is_read_again(package: CondaPackage) -> None:
    (line,) = conda_lines([package])
    assert parse_conda_line(line, "here:1") == package


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("# conda: cudnn", "`# conda: CHANNEL", id="no channel"),
        pytest.param("# conda: c/linux-64/cudnn.conda sha256=" + "a" * 64, "`# conda: CHANNEL", id="no version"),
        pytest.param("# conda: c/linux-64/cudnn-8.0-0.zip sha256=" + "a" * 64, "`# conda: CHANNEL", id="no package"),
        pytest.param("# conda: c/linux-64/cudnn-8.0-0.conda requested", "`sha256=", id="no hash"),
        pytest.param("# conda: c/linux-64/cudnn-8.0-0.conda sha256=abc", "found `sha256=abc`", id="no whole hash"),
        pytest.param("# conda: c/linux-64/cudnn-8.0-0.conda md5=" + "g" * 32, "found `md5=ggg", id="no hexadecimal"),
    ],
)
def test_parse_conda_line__wrong__says_what_was_expected(line: str, expected: str) -> None:
    with pytest.raises(RecipeError, match=r"^here:7: expected") as caught:
        parse_conda_line(line, "here:7")
    assert expected in caught.value.message


def test_parse_lock__conda_part__packages_and_both_sizes() -> None:
    lock = parse_lock(lock_text(CUDNN), "here")
    assert lock.conda_packages == (CUDNN,)
    assert [package.name for package in lock.packages] == ["tensorflow"]
    assert (lock.pypi_bytes, lock.conda_bytes, lock.download_bytes) == (1000, 671088640, 671089640)
    assert not lock_is_stale(LOADED, lock)


def test_parse_lock__size_of_a_conda_package_not_known__sum_is_not_known() -> None:
    assert parse_lock(lock_text(CUDNN, LIBGCC), "here").download_bytes is None


def test_parse_lock__wrong_conda_line__says_which() -> None:
    text = lock_text(CUDNN).replace("sha256=1f", "sha256=xx")
    with pytest.raises(RecipeError, match=r"^here:6: expected"):
        parse_lock(text, "here")


def test_with_conda_packages__others_before__are_replaced_and_the_text_can_be_read() -> None:
    lock = with_conda_packages(parse_lock(lock_text(CUDNN), "here"), (LIBGCC,))
    assert lock.conda_packages == (LIBGCC,)
    assert parse_lock(lock.text, "here") == lock
    none = with_conda_packages(lock, ())
    assert none == parse_lock(lock_text(), "here")


def test_lock_is_stale__other_conda_packages_in_the_recipe__yes(tmp_path: Path) -> None:
    text = (SHIPPED / "tf-2.4.yaml").read_text("utf-8").replace("cudnn=8.0]", "cudnn=8.1]")
    changed = replace_recipe(LOADED, text)
    assert lock_is_stale(changed, parse_lock(lock_text(CUDNN), "here"))


def replace_recipe(loaded: LoadedRecipe, text: str) -> LoadedRecipe:
    return LoadedRecipe(parse_recipe(text, "changed.yaml"), loaded.path, loaded.origin)


def test_conda_lines__not_requested__no_such_word() -> None:
    assert not conda_lines([replace(CUDNN, requested=False)])[0].endswith("requested")
