from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from recipe_texts import SHIPPED, SMALL, child

from gpuenv.document import plain, read_text
from gpuenv.errors import RecipeError
from gpuenv.recipes.schema import json_schema, parse_recipe
from gpuenv.recipes.search import load_recipe_file


def refusal(text: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "small.yaml")
    return caught.value


def test_parse_recipe__valid__every_part_is_read() -> None:
    recipe = parse_recipe(SMALL, "small.yaml")
    assert recipe.framework.version == "2.4.0"
    assert recipe.sources["pypi"].requirements == {"linux-64": ["nvidia-cudnn-cu11==8.6.0.163"]}
    assert recipe.checks == ["files", "import", "device", "compute", "train", "xla"]


def test_parse_recipe__shipped__are_all_valid() -> None:
    names = {load_recipe_file(path, []).recipe.name for path in SHIPPED.glob("*.yaml")}
    assert {f"tf-2.{minor}" for minor in range(4, 22)} <= names


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            'cudnn: "8.6"',
            "cudnn: 8.6",
            'small.yaml:22:12: expected a quoted version, as "11.0", found the number `8.6`; quote it: "8.6" '
            "(sources.pypi.cudnn)",
            id="unquoted version",
        ),
        pytest.param(
            'pythons: ["3.8"]',
            "pythons: [3.10]",
            'small.yaml:10:11: expected a quoted version, as "11.0", found the number `3.10`; quote it: "3.10" '
            "(pythons[0])",
            id="unquoted version that YAML would shorten",
        ),
        pytest.param(
            "driver_min:",
            "drivermin:",
            "small.yaml:23:5: expected a known key, found `drivermin`; did you mean `driver_min`? (sources.pypi)",
            id="misspelt key",
        ),
        pytest.param(
            "summary: A small stack",
            "summary: x\ncolour: red",
            "small.yaml:4:1: expected `checks`, `notes`, `glibc_min` or `locks`, found the key `colour`",
            id="unknown key",
        ),
        pytest.param(
            "requirements:\n  - tensorflow==2.4.0\n",
            "requirements:\n",
            "small.yaml:17:3: expected a requirement of the framework, as `tensorflow==2.4.0`, found none",
            id="framework not among the requirements",
        ),
        pytest.param(
            "pythons:",
            "summery: x\npythons:",
            "small.yaml:10:1: expected a known key, found `summery`; did you mean `summary`?",
            id="misspelt key that is there too",
        ),
        pytest.param(
            "  ptx:",
            '  compute_capability: "9.0"\n  ptx:',
            "small.yaml:15:3: expected a known key, found `compute_capability`; did you mean `compute_capability_max`?",
            id="as close to a key that is there as to one that is not",
        ),
        pytest.param(
            "sources:",
            'sources:\n  pipy: {cudnn: "8.7"}',
            "small.yaml:20:3: expected a whole entry, found a part of one for `pipy`; did you mean `pypi`? (sources)",
            id="misspelt source",
        ),
        pytest.param(
            "loader: {linux-64",
            "loader: {linux64",
            "small.yaml:7:12: expected a known key, found `linux64`; did you mean `linux-64`? (framework.loader)",
            id="misspelt platform",
        ),
        pytest.param(
            "platforms: [linux-64]",
            "platforms: [linux64]",
            "small.yaml:11:13: expected `linux-64` or `win-64`, found `linux64`; did you mean `linux-64`? "
            "(platforms[0])",
            id="misspelt value",
        ),
        pytest.param(
            "  name: tensorflow\n",
            "",
            "small.yaml:5:3: expected the key `name`, found none (framework)",
            id="missing key",
        ),
        pytest.param(
            'ptx: "8.0"',
            'ptx: "80"',
            'small.yaml:15:8: expected a quoted compute capability, as "8.6", found `80` (gpu.ptx)',
            id="wrong capability",
        ),
        pytest.param(
            "requirements:\n  - tensorflow==2.4.0\n  - protobuf<3.21",
            "requirements: tensorflow",
            "small.yaml:16:15: expected a list, found `tensorflow` (requirements)",
            id="text for a list",
        ),
        pytest.param(
            "platforms: [linux-64]",
            "platforms: []",
            "small.yaml:11:12: expected at least one entry, found none (platforms)",
            id="empty list",
        ),
        pytest.param(
            "protobuf<3.21",
            "protobuf<<3.21",
            "small.yaml:18:5: expected a requirement such as `protobuf<3.21`, found `protobuf<<3.21`: ",
            id="wrong requirement",
        ),
        pytest.param(
            "protobuf<3.21",
            "protobuf @ https://example.org/p.whl",
            "small.yaml:18:5: expected a requirement without an address, found `protobuf @ https://example.org/p.whl`",
            id="requirement with an address",
        ),
        pytest.param(
            "tensorflow==2.4.0",
            "tensorflow==2.4.1",
            "small.yaml:17:5: expected a requirement that allows framework.version `2.4.0`, found `tensorflow==2.4.1`",
            id="another framework version",
        ),
        pytest.param(
            "{prefix}/cache",
            "{home}/cache",
            "small.yaml:28:28: expected no braces but `{prefix}` and `{cuda_dir}`, found `{home}/cache` "
            "(environment.CUDA_CACHE_PATH.value)",
            id="unknown template",
        ),
        pytest.param(
            "CUDA_CACHE_PATH", "CUDA-CACHE", "small.yaml:28:15: expected the name of a variable", id="variable name"
        ),
        pytest.param(
            "platforms: [linux-64]",
            "platforms: [linux-64, win-64]",
            "small.yaml:7:11: expected an entry for `win-64`, which `platforms` names, found none (framework.loader)",
            id="platform without a loader",
        ),
        pytest.param(
            'pythons: ["3.8"]',
            'pythons: ["3.8.18"]',
            'small.yaml:10:11: expected a Python version of two numbers, as "3.8", found `3.8.18` (pythons[0])',
            id="full Python version",
        ),
        pytest.param(
            'ptx: "8.0"',
            'compute_capability_max: "3.0"',
            "small.yaml:15:27: expected at least compute_capability_min `3.5`, found `3.0`",
            id="range upside down",
        ),
        pytest.param(
            'gpuenv_recipe_version: "1"',
            "gpuenv_recipe_version: 1",
            'small.yaml:1:24: expected `1`, found the number `1`; quote it: "1" (gpuenv_recipe_version)',
            id="unquoted schema version",
        ),
        pytest.param(
            "name: small", "name: [small", "small.yaml:3:8: not valid YAML: expected ',' or ']'", id="YAML syntax"
        ),
        pytest.param(
            "  name: tensorflow", "\tname: tensorflow", "small.yaml:5:1: expected YAML, found character '\\t'", id="tab"
        ),
        pytest.param(
            "summary:",
            "name: other\nsummary:",
            "small.yaml:3:1: expected each key once, found `name` again (line 2)",
            id="key twice",
        ),
        pytest.param(
            "summary: A small stack",
            "summary: !!binary aGk=",
            "small.yaml:3:10: expected a value without a tag",
            id="tag",
        ),
        pytest.param(
            "gpu:\n",
            "gpu: &a\n  self: *a\n",
            "small.yaml:12:6: expected a value, found the alias `*a` inside of itself",
            id="alias in itself",
        ),
        pytest.param(
            "  version:", "  <<: {}\n  version:", "small.yaml:6:3: expected a key, found `<<`", id="merge key"
        ),
        pytest.param(
            "summary: A small stack",
            "summary: a\x01b",
            "small.yaml:3:11: expected YAML, found a control character",
            id="control character",
        ),
    ],
)
def test_parse_recipe__wrong__says_where_and_what(old: str, new: str, expected: str) -> None:
    assert expected in str(refusal(SMALL.replace(old, new, 1)))


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text"], ids=["empty", "comment", "list", "text"])
def test_parse_recipe__not_a_mapping__is_refused(text: str) -> None:
    assert str(refusal(text)).startswith("small.yaml:1:1: expected a mapping, found")


def test_parse_recipe__several_mistakes__all_are_named_in_order() -> None:
    error = refusal(SMALL.replace('"8.6"', "8.6").replace('"2.4.0"', "2.4"))
    assert str(error).startswith("small.yaml:6:12:")
    assert error.cause is not None
    assert error.cause.startswith("small.yaml:22:12:")


def test_parse_recipe__misspelt_required_key__is_one_problem_not_two() -> None:
    assert refusal(SMALL.replace("driver_min", "driver_minn")).cause is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tensorflow==2.4.0", "TensorFlow-GPU == 2.4.0"),
        ("  - tensorflow==2.4.0\n", ""),
    ],
    ids=["build for GPUs", "brought by the source"],
)
def test_parse_recipe__framework_under_another_name_or_place__is_found(old: str, new: str) -> None:
    text = SMALL.replace(old, new)
    if not new:
        text = text.replace("nvidia-cudnn-cu11==8.6.0.163", "tensorflow[and-cuda]==2.4.0")
    assert parse_recipe(text, "small.yaml").framework.name == "tensorflow"


def test_parse_recipe__unknown_check_and_source__are_left_to_plugins() -> None:
    recipe = parse_recipe(SMALL.replace("pypi:", "acme:") + "checks: [acme-check]\n", "small.yaml")
    assert list(recipe.sources) == ["acme"]


@cache
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema", reason="install gpuenv[test] to run this")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def problems_of(text: str) -> list[str]:
    return [error.message for error in validator().iter_errors(plain(read_text(text, "small.yaml")))]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param((SHIPPED / "tf-2.4.yaml").read_text("utf-8"), id="tf-2.4"),
        pytest.param(SMALL, id="small"),
        pytest.param(child("mine", "small", "sources: {toolkit: null}", 'framework: {version: "2.4.1"}'), id="extends"),
    ],
)
def test_json_schema__valid_recipe__is_accepted(text: str) -> None:
    assert problems_of(text) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SMALL.replace('cudnn: "8.6"', "cudnn: 8.6"), id="unquoted version"),
        pytest.param(SMALL.replace("driver_min", "drivermin"), id="misspelt key"),
        pytest.param(SMALL.replace("linux-64", "linux64"), id="misspelt platform"),
        pytest.param(SMALL.replace("summary: A small stack\n", ""), id="missing key"),
        pytest.param(child("mine", "small", "framework: {verzion: '2.4.1'}"), id="misspelt key in a child"),
        pytest.param("extends: small\n", id="child without a name"),
    ],
)
def test_json_schema__wrong_recipe__is_refused(text: str) -> None:
    assert problems_of(text) != []


def test_json_schema__shipped_file__is_the_generated_one() -> None:
    shipped = Path(SHIPPED, "gpuenv-recipe.schema.json").read_text("utf-8")
    assert shipped == json.dumps(json_schema(), indent=2) + "\n", (
        "run `gpuenv recipes schema > recipes/gpuenv-recipe.schema.json`"
    )
