from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import ruamel.yaml
from recipe_texts import SHIPPED, child, sources_of

from gpuenv.model import Framework, GpuRange, Recipe, Source, Variable
from gpuenv.recipes.lock import parse_lock
from gpuenv.recipes.lock_conda import parse_conda_line
from gpuenv.recipes.schema import parse_recipe
from gpuenv.recipes.search import load_recipe_file
from gpuenv.settings import load_settings

DOCS = Path(__file__).parents[3] / "docs" / "recipes.md"
TEXT = DOCS.read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
READER = ruamel.yaml.YAML(typ="safe")
YAML = [text for kind, text in BLOCKS if kind == "yaml" and not text.startswith("# settings.yaml")]


@pytest.mark.parametrize("text", YAML, ids=[text.splitlines()[-1].strip() for text in YAML])
def test_docs__every_recipe__is_valid(text: str, tmp_path: Path) -> None:
    path = tmp_path / "gpuenv.yaml"
    # What is only a part of a recipe is shown as somebody would write it into one that extends tf-2.4.
    path.write_text(text if "name:" in text.split("\n\n")[0] else child("part", "tf-2.4", text), "utf-8")
    load_recipe_file(path, sources_of(shipped=SHIPPED))


def test_docs__settings__are_valid(tmp_path: Path) -> None:
    text = next(text for _, text in BLOCKS if text.startswith("# settings.yaml"))
    (tmp_path / "settings.yaml").write_text(text, "utf-8")
    found = load_settings({}, config_dir=tmp_path).recipe_dirs
    assert found == [str(Path("/srv/gpuenv/recipes")), str(Path.home() / "team-recipes")]


def test_docs__lock__is_valid() -> None:
    text = next(text for _, text in BLOCKS if text.startswith("# gpuenv lock of"))
    assert [package.name for package in parse_lock(text, "docs").packages] == ["absl-py"]


def test_docs__conda_part_of_a_lock__is_read_but_for_the_dots() -> None:
    line = next(text for _, text in BLOCKS if text.startswith("# conda:")).strip()
    whole = line.replace("1f2e...", "1f" * 32).replace("7c0a...", "7c" * 16)
    package = parse_conda_line(whole, "docs")
    assert (package.name, package.channel, package.size_bytes, package.requested) == (
        "cudnn",
        "conda-forge",
        671088640,
        True,
    )


def test_docs__conda_source__is_the_shipped_one() -> None:
    shipped = parse_recipe((SHIPPED / "tf-2.4.yaml").read_text("utf-8"), "tf-2.4.yaml").sources["conda"]
    text = next(text for text in YAML if "cudatoolkit=11.0" in text)
    part = READER.load(text)["sources"]["conda"]
    assert {key: getattr(shipped, key) for key in part if key != "environment"} == {
        key: value for key, value in part.items() if key != "environment"
    }


def test_docs__error_message__is_the_real_one() -> None:
    said = next(text for _, text in BLOCKS if text.startswith("gpuenv.yaml:"))
    recipe = (SHIPPED / "tf-2.4.yaml").read_text("utf-8").replace('pythons: ["3.8"', "pythons: [3.10")
    with pytest.raises(Exception, match=re.escape(said.strip().partition(": ")[2])):
        parse_recipe(recipe, "gpuenv.yaml")


@pytest.mark.parametrize("struct", [Recipe, Framework, GpuRange, Source, Variable])
def test_docs__every_key__has_a_row(struct: type[msgspec.Struct]) -> None:
    # A table with one row for each key and none besides, `extends` excepted, which is handled before.
    rows = [
        [key for key in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) if key != "extends"]
        for table in re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)
    ]
    fields = sorted(field.name for field in msgspec.structs.fields(struct))
    assert fields in [sorted(keys) for keys in rows]
