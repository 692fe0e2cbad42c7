"""`gpuenv export` and the commands on recipe files, with real environments of a few kilobytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from small_stack import PYTHON, SmallStack, make_wheel

Run = Callable[..., Any]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux")


@pytest.fixture
def environment(gpuenv: Run, small_index: SmallStack, isolated: Path) -> Path:
    """An environment of a recipe for two Pythons and platforms."""
    text = small_index.recipe.read_text()
    text = text.replace(f'pythons: ["{PYTHON}"]', f'pythons: ["{PYTHON}", "3.6"]')
    text = text.replace("{linux-64: tensorflow/lib", "{win-64: tensorflow/x.pyd, linux-64: tensorflow/lib")
    text = text.replace("{linux-64: [libcudart", "{win-64: [a.dll], linux-64: [libcudart")
    small_index.recipe.write_text(text.replace("[linux-64]\ngpu", "[linux-64, win-64]\ngpu"))
    ended = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes")
    assert ended.code == 0, ended.err
    return isolated / "data" / "envs" / "tf"


def test_export__stdout__is_a_recipe_with_its_lock(gpuenv: Run, environment: Path, isolated: Path) -> None:
    ended = gpuenv("export", "-n", "tf")
    assert (ended.code, ended.err) == (0, "")
    (isolated / "tf.gpuenv.yaml").write_text(ended.out)
    again = gpuenv("create", "-n", "again", "--recipe", isolated / "tf.gpuenv.yaml", "--gpu", "8.6", "--yes")
    assert again.code == 0, again.err
    locks = [
        (isolated / "data" / "envs" / name / "etc" / "gpuenv" / "lock.txt").read_text() for name in ("tf", "again")
    ]
    assert locks[0] == locks[1]
    document = gpuenv("export", "-n", "again", "--json").document["data"]
    assert document["recipe"]["locks"] == [locks[0]]
    assert document["yaml"] == ended.out


def test_export__quiet__says_nothing(gpuenv: Run, environment: Path, tmp_path: Path) -> None:
    ended = gpuenv("export", "-n", "tf", "-o", tmp_path / "team.yaml", "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert (tmp_path / "team.yaml").exists()


def test_export__recipe_for_more__is_narrowed_to_what_the_lock_is_for(
    gpuenv: Run, environment: Path, tmp_path: Path
) -> None:
    exported = tmp_path / "sub" / "dir" / "team.yaml"
    ended = gpuenv("export", "-n", "tf", "-o", exported, "--json")
    assert ended.code == 0, ended.err
    recipe = ended.document["data"]["recipe"]
    assert (recipe["pythons"], recipe["platforms"]) == ([PYTHON], ["linux-64"])
    assert gpuenv("lock", exported, "--check").code == 0


def test_export__packages_installed_besides__are_a_warning(
    gpuenv: Run, environment: Path, small_index: SmallStack, tmp_path: Path
) -> None:
    assert gpuenv("export", "-n", "tf", "--json").document["data"]["others"] == []
    wheels = [make_wheel(tmp_path, "Extra_Thing", "1.5", {}), make_wheel(tmp_path, "tensorflow", "2.4.1", {})]
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--python", environment, *wheels], check=True
    )
    ended = gpuenv("export", "-n", "tf", "--json")
    assert ended.document["data"]["others"] == ["Extra_Thing==1.5", "tensorflow==2.4.1"]
    assert ended.document["warnings"] == [
        "`Extra_Thing==1.5`, `tensorflow==2.4.1` are installed here and not in the lock: add what you need to "
        "`requirements` of the recipe"
    ]


def test_recipes_init__directory_missing__is_made(gpuenv: Run, tmp_path: Path) -> None:
    ended = gpuenv("recipes", "init", "vision", "-o", tmp_path / "sub" / "x.yaml")
    assert ended.code == 0, ended.err
    assert gpuenv("recipes", "validate", tmp_path / "sub" / "x.yaml").code == 0


def test_recipes_init__file_where_a_directory_should_be__exit_8(gpuenv: Run, tmp_path: Path) -> None:
    (tmp_path / "sub").write_text("")
    ended = gpuenv("recipes", "init", "vision", "-o", tmp_path / "sub" / "x.yaml")
    assert ended.code == 8
    assert "Traceback" not in ended.err


def test_recipes_validate__check_that_nobody_provides__is_a_warning(gpuenv: Run, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("name: x\nextends: tf-2.4\nchecks: [files, fils]\n")
    ended = gpuenv("recipes", "validate", tmp_path / "x.yaml", "--json")
    assert (ended.code, ended.document["warnings"]) == (
        0,
        ["recipe `x`: no plugin that is installed here has a check `fils`"],
    )


def test_create__default_recipe_of_the_settings_is_misspelt__is_a_warning(
    gpuenv: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUENV_CONFIG_DIR", str(tmp_path))
    (tmp_path / "settings.yaml").write_text("default_recipe: tf-2,4\n")
    ended = gpuenv("create", "-n", "tf", "--gpu", "8.6", "--dry-run", "--json")
    warning = "there is no recipe `tf-2,4`, which `default_recipe` of the settings names"
    assert (ended.code, warning in ended.document["warnings"]) == (0, True)


def test_recipes_validate__several_files__reports_all_of_them(
    gpuenv: Run, small_index: SmallStack, tmp_path: Path
) -> None:
    text = small_index.recipe.read_text()
    (tmp_path / "a.yaml").write_text(text.replace("platforms:", "platfroms:"))
    (tmp_path / "b.yaml").write_text(text.replace("ptx:", "ptxx:").replace("summary:", "sumary:"))
    ended = gpuenv("recipes", "validate", small_index.recipe, *(tmp_path / f"{name}.yaml" for name in "abc"), "--json")
    assert ended.code == 2
    (error,) = ended.document["errors"]
    assert "a.yaml:11:1: expected a known key, found `platfroms`; did you mean `platforms`?" in error["message"]
    assert "b.yaml:3:1: expected a known key, found `sumary`" in error["cause"]
    assert "found `ptxx`" in error["cause"]
    assert "there is no recipe file" in error["cause"]


def test_create__project_recipe_is_broken__is_an_error_and_no_other_stack(gpuenv: Run, isolated: Path) -> None:
    (isolated / "gpuenv.yaml").write_text("name: ours\nextends: tf-2.4\nsumary: Ours\n")
    ended = gpuenv("create", "-n", "tf", "--gpu", "8.6", "--dry-run", "--json")
    assert ended.code == 2
    assert "gpuenv.yaml:3:1" in ended.document["errors"][0]["message"]
    assert gpuenv("recipes", "list").code == 0
    assert gpuenv("create", "-n", "tf", "--gpu", "8.6", "--dry-run", "--recipe", "tf-2.4").code == 0
