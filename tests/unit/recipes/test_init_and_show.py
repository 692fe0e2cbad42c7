from __future__ import annotations

import re
from pathlib import Path

import pytest
from recipe_texts import SHIPPED, sources_of

from gpuenv.errors import UsageError
from gpuenv.recipes.init import new_recipe_text
from gpuenv.recipes.schema import parse_recipe
from gpuenv.recipes.search import find_recipe, load_recipe_file
from gpuenv.recipes.show import recipe_yaml


@pytest.mark.parametrize("name", ["vision", "2.4", "null", "a.b-c_d"])
def test_new_recipe_text__any_name__is_valid_and_extends_the_base(name: str, tmp_path: Path) -> None:
    path = tmp_path / "gpuenv.yaml"
    path.write_text(new_recipe_text(name), "utf-8")
    found = load_recipe_file(path, sources_of(shipped=SHIPPED))
    assert found.recipe.name == name
    assert [Path(base).name for base in found.bases] == ["tf-2.4.yaml"]


def test_new_recipe_text__every_commented_example__is_valid(tmp_path: Path) -> None:
    lines = new_recipe_text("vision").splitlines()
    examples = [re.sub(r"^# (?=[a-z]+:|  )", "", line) for line in lines]
    path = tmp_path / "gpuenv.yaml"
    path.write_text("\n".join(examples), "utf-8")
    recipe = load_recipe_file(path, sources_of(shipped=SHIPPED)).recipe
    assert list(recipe.sources) == ["pypi", "conda"]
    assert recipe.requirements[-1] == "matplotlib"
    assert recipe.environment["TF_FORCE_GPU_ALLOW_GROWTH"].value == "true"
    assert recipe.checks == ["files", "import", "device", "compute", "train"]


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "a\nb"])
def test_new_recipe_text__impossible_name__is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a recipe"):
        new_recipe_text(name)


def test_recipe_yaml__shipped__reads_back_the_same() -> None:
    recipe = find_recipe("tf-2.4", sources_of(shipped=SHIPPED)).recipe
    assert parse_recipe(recipe_yaml(recipe), "shown.yaml") == recipe
