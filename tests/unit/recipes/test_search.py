from __future__ import annotations

from pathlib import Path

import pytest
from recipe_texts import SHIPPED, SMALL, child, sources_of

from gpuenv.errors import RecipeError, UsageError
from gpuenv.recipes.search import find_recipe, list_recipes, load_recipe_file, project_recipe


@pytest.fixture
def team(tmp_path: Path) -> Path:
    directory = tmp_path / "team"
    directory.mkdir()
    (directory / "small.yaml").write_text(SMALL, "utf-8")
    return directory


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_list_recipes__same_name_twice__first_source_wins(team: Path, tmp_path: Path) -> None:
    write(tmp_path / "user" / "other-file-name.yaml", SMALL.replace("A small stack", "Mine"))
    recipes, warnings = list_recipes(sources_of(user=tmp_path / "user", team=team))
    assert [(one.recipe.summary, one.origin) for one in recipes] == [("Mine", "user")]
    assert warnings == ()


def test_list_recipes__broken_file__is_a_warning_and_others_stay(team: Path) -> None:
    broken = write(team / "broken.yaml", "name: broken\n  oops: 1\n")
    write(team / "binary.yaml", "")
    (team / "binary.yaml").write_bytes(b"name: x\nsummary: \xff\n")
    recipes, warnings = list_recipes(sources_of(team=team))
    assert [one.recipe.name for one in recipes] == ["small"]
    assert len(warnings) == 2
    assert warnings[0].endswith("binary.yaml:2:10: expected UTF-8, found the byte `0xff`")
    assert f"{broken}:2:7: not valid YAML" in warnings[1]


def test_load_recipe_file__no_yaml_at_all__shows_its_beginning_only(tmp_path: Path) -> None:
    file = write(tmp_path / "passwd", "me:x:1000:1000:me:/home/me:/bin/bash\n" * 50)
    with pytest.raises(RecipeError, match=r"passwd:1:1: expected a recipe, found `me:x:1000:1000:.*\.\.\.`$") as caught:
        load_recipe_file(file, [])
    assert len(caught.value.message) < len(str(file)) + 140


def test_list_recipes__numbers_in_names__are_ordered_by_value(team: Path) -> None:
    for version in ("10", "9", "2"):
        write(team / f"small-{version}.yaml", SMALL.replace("name: small", f"name: small-{version}"))
    recipes, _ = list_recipes(sources_of(team=team))
    assert [one.recipe.name for one in recipes if one.recipe.name != "small"] == ["small-2", "small-9", "small-10"]


def test_list_recipes__directory_missing__is_empty(tmp_path: Path) -> None:
    assert list_recipes(sources_of(team=tmp_path / "nowhere")) == ((), ())


def test_find_recipe__name__is_the_one_declared_inside_the_file(team: Path) -> None:
    (team / "small.yaml").rename(team / "x.yaml")
    found = find_recipe("small", sources_of(team=team))
    assert (found.recipe.name, found.path, found.origin) == ("small", str(team / "x.yaml"), "team")


def test_find_recipe__path__needs_no_source(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team)
    found = find_recipe("small.yaml", [])
    assert (found.path, found.origin) == (str(team / "small.yaml"), "file")


def test_find_recipe__unknown__says_what_was_meant_and_found(team: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_recipe("smal", sources_of(team=team))
    assert str(caught.value) == "there is no recipe named `smal`"
    assert caught.value.cause == "found `small`"
    assert [hint.text for hint in caught.value.hints] == [
        "did you mean `small`?",
        "run `gpuenv recipes list` to see the names",
    ]


def test_find_recipe__no_such_file__is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no recipe file"):
        find_recipe(str(tmp_path / "none.yaml"), [])


def test_find_recipe__wanted_file_is_broken__its_own_error_is_raised(team: Path) -> None:
    write(team / "mine.yaml", "name: mine\nname: mine\n")
    with pytest.raises(RecipeError, match=r"mine\.yaml:2:1: expected each key once"):
        find_recipe("mine", sources_of(team=team))


def test_load__extends__mappings_merge_lists_replace_null_removes(team: Path) -> None:
    text = child(
        "mine",
        "small",
        'pythons: ["3.7"]',
        "environment: {CUDA_CACHE_PATH: null, A: {value: b}}",
        "sources:",
        '  pypi: {cudnn: "8.7"}',
        '  own: {cuda_toolkit: "11.0", cudnn: "8.0", driver_min: {linux-64: "450.36.06"}}',
    )
    found = load_recipe_file(write(team / "mine.yaml", text), sources_of(team=team))
    recipe = found.recipe
    assert (recipe.name, recipe.summary, recipe.pythons) == ("mine", "A small stack", ["3.7"])
    assert {name: variable.value for name, variable in recipe.environment.items()} == {"A": "b"}
    assert list(recipe.sources) == ["pypi", "own"]
    assert (recipe.sources["pypi"].cudnn, recipe.sources["pypi"].cuda_toolkit) == ("8.7", "11.8")
    assert found.bases == (str(team / "small.yaml"),)


def test_load__extends_a_file__is_relative_to_the_child(team: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere" / "mine.yaml", child("mine", "../team/small.yaml"))
    assert load_recipe_file(path, []).recipe.summary == "A small stack"


def test_load__chain_of_three__nearest_wins(team: Path) -> None:
    write(team / "b.yaml", child("b", "small", "summary: B", 'pythons: ["3.7"]'))
    found = load_recipe_file(write(team / "c.yaml", child("c", "b", "summary: C")), sources_of(team=team))
    assert (found.recipe.summary, found.recipe.pythons) == ("C", ["3.7"])
    assert [Path(base).name for base in found.bases] == ["b.yaml", "small.yaml"]


def test_load__same_name_as_the_base__extends_the_next_source(team: Path, tmp_path: Path) -> None:
    write(tmp_path / "user" / "small.yaml", child("small", "small", "summary: Ours"))
    found = find_recipe("small", sources_of(user=tmp_path / "user", team=team))
    assert (found.recipe.summary, found.recipe.pythons) == ("Ours", ["3.8"])


def test_load__cycle__names_the_child_and_the_way(team: Path) -> None:
    write(team / "a.yaml", child("a", "b"))
    write(team / "b.yaml", child("b", "a"))
    with pytest.raises(RecipeError) as caught:
        load_recipe_file(team / "a.yaml", sources_of(team=team))
    assert str(caught.value).startswith(f"{team / 'b.yaml'}:3:10: expected a base that does not extend this recipe")
    assert caught.value.cause == "`a.yaml` -> `b.yaml` -> `a`"


@pytest.mark.parametrize("base", ["self", "./self.yaml"], ids=["name", "file"])
def test_load__extends_itself__is_a_cycle(tmp_path: Path, base: str) -> None:
    path = write(tmp_path / "self.yaml", child("self", base))
    with pytest.raises(RecipeError, match="expected a base that does not extend this recipe"):
        load_recipe_file(path, [])


@pytest.mark.parametrize(
    ("base", "message"),
    [
        pytest.param(
            "nothing", "mine.yaml:3:10: expected a recipe of the search path, found `nothing` (extends)", id="name"
        ),
        pytest.param("no/such.yaml", "mine.yaml:3:10: expected a recipe file, found none at `", id="file"),
        pytest.param("[a, b]", "mine.yaml:3:10: expected the name of a recipe or a file", id="list"),
    ],
)
def test_load__base_missing__names_the_child(team: Path, base: str, message: str) -> None:
    path = write(team / "mine.yaml", child("mine", base))
    with pytest.raises(RecipeError) as caught:
        load_recipe_file(path, sources_of(team=team))
    assert message in str(caught.value)


def test_load__mistake_in_the_child__points_into_the_child(team: Path) -> None:
    path = write(team / "mine.yaml", child("mine", "small", "sources: {pypi: {cudnn: 8.7}}"))
    with pytest.raises(RecipeError) as caught:
        load_recipe_file(path, sources_of(team=team))
    assert str(caught.value).startswith(f"{path}:4:25: expected a quoted version")


def test_load__mistake_in_the_base__points_into_the_base(team: Path) -> None:
    write(team / "small.yaml", SMALL.replace('"8.6"', "8.6"))
    path = write(team / "mine.yaml", child("mine", "small", "summary: Mine"))
    with pytest.raises(RecipeError) as caught:
        load_recipe_file(path, sources_of(team=team))
    assert str(caught.value).startswith(f"{team / 'small.yaml'}:22:12:")


def test_load__child_without_a_name__is_refused(team: Path) -> None:
    path = write(team / "mine.yaml", "extends: small\n")
    with pytest.raises(RecipeError, match=r"mine\.yaml:1:1: expected the key `name`, found none"):
        load_recipe_file(path, sources_of(team=team))


def test_load__extends_the_shipped_recipe__is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.yaml", child("mine", "tf-2.4", "sources: {toolkit: null, conda: null}"))
    found = load_recipe_file(path, sources_of(shipped=SHIPPED))
    assert list(found.recipe.sources) == ["pypi"]


def test_list_recipes__projects_own_is_broken__is_an_error_unless_forgiving(team: Path, tmp_path: Path) -> None:
    broken = write(tmp_path / "project" / "gpuenv.yaml", child("ours", "small", "pythons: [3.10]"))
    sources = sources_of(project=broken.parent, team=team)
    with pytest.raises(RecipeError, match=r"gpuenv\.yaml:4:11: expected a quoted version") as caught:
        list_recipes(sources)
    assert any("--recipe" in hint.text for hint in caught.value.hints)
    recipes, warnings = list_recipes(sources, forgiving=True)
    assert [one.recipe.name for one in recipes] == ["small"]
    assert len(warnings) == 1


def test_project_recipe__one_and_none(team: Path, tmp_path: Path) -> None:
    own = write(tmp_path / "project" / "gpuenv.yaml", child("ours", "small"))
    found = project_recipe(sources_of(project=own.parent, team=team))
    assert found is not None
    assert (found.recipe.name, found.origin, found.path) == ("ours", "project", str(own))
    assert project_recipe(sources_of(team=team)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            child("mine", "smal"),
            ":3:10: expected a recipe of the search path, found `smal`; did you mean `small`?",
            id="name",
        ),
        pytest.param(child("mine", "./smal.yaml"), "smal.yaml`; did you mean `small.yaml`?", id="file"),
        pytest.param(
            child("mine", "small").replace("extends", "extend"),
            ":3:1: expected a known key, found `extend`; did you mean `extends`?",
            id="the key itself",
        ),
        pytest.param(
            child("mine", "small").replace("name", "nmae"),
            ":2:1: expected a known key, found `nmae`; did you mean `name`?",
            id="the name",
        ),
    ],
)
def test_load__misspelt__says_what_was_meant_and_nothing_else(team: Path, text: str, message: str) -> None:
    path = write(team / "mine.yaml", text)
    with pytest.raises(RecipeError) as caught:
        load_recipe_file(path, sources_of(team=team))
    assert message in str(caught.value)
    assert caught.value.cause is None
