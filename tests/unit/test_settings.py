from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpuenv.errors import UsageError
from gpuenv.settings import (
    Settings,
    cache_dir,
    data_dir,
    environments_dir,
    load_settings,
    user_config_dir,
    user_recipes_dir,
)


def settings_file(directory: Path, text: str) -> dict[str, str]:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "settings.yaml").write_text(text, "utf-8")
    return {"GPUENV_CONFIG_DIR": str(directory)}


def test_load_settings__no_file__defaults(tmp_path: Path) -> None:
    assert load_settings({"GPUENV_CONFIG_DIR": str(tmp_path)}) == Settings([], "tf-2.4")


@pytest.mark.parametrize("text", ["", "# nothing set\n"], ids=["empty", "comment"])
def test_load_settings__empty_file__defaults(tmp_path: Path, text: str) -> None:
    assert load_settings(settings_file(tmp_path, text)) == Settings()


def test_load_settings__file__relative_directories_belong_to_it(tmp_path: Path) -> None:
    environ = settings_file(tmp_path / "conf", "recipe_dirs: [team, /srv/recipes]\ndefault_recipe: ours\n")
    expected = Settings([str(tmp_path / "conf" / "team"), str(Path("/srv/recipes"))], "ours")
    assert load_settings(environ) == expected
    assert load_settings({}, config_dir=tmp_path / "conf") == expected


def test_load_settings__recipe_path__goes_in_front(tmp_path: Path) -> None:
    environ = settings_file(tmp_path, "recipe_dirs: [/srv/recipes]\n")
    environ["GPUENV_RECIPE_PATH"] = os.pathsep.join(["/first", "", "/srv/recipes"])
    assert load_settings(environ).recipe_dirs == [str(Path("/first").absolute()), str(Path("/srv/recipes").absolute())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "recipe_dir: []\n", ":1:1: expected a known key, found `recipe_dir`; did you mean `recipe_dirs`?", id="key"
        ),
        pytest.param(
            "default_recipe: 2.4\n", ':1:17: expected a text, found the number `2.4`; quote it: "2.4"', id="number"
        ),
        pytest.param("recipe_dirs: /srv\n", ":1:14: expected a list, found `/srv` (recipe_dirs)", id="no list"),
        pytest.param("- a\n", ":1:1: expected a mapping, found a list", id="no mapping"),
        pytest.param("a: b: c\n", ":1:5: not valid YAML: mapping values are not allowed here", id="no YAML"),
    ],
)
def test_load_settings__wrong_file__says_where(tmp_path: Path, text: str, expected: str) -> None:
    environ = settings_file(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_settings(environ)
    assert str(caught.value).startswith(f"{tmp_path / 'settings.yaml'}{expected}")


def test_directories__variables_given__move_them(tmp_path: Path) -> None:
    environ = {"GPUENV_DATA_DIR": str(tmp_path / "data"), "GPUENV_CONFIG_DIR": str(tmp_path / "config")}
    assert data_dir(environ) == tmp_path / "data"
    assert environments_dir(environ) == tmp_path / "data" / "envs"
    assert user_config_dir(environ) == tmp_path / "config"
    assert user_recipes_dir(environ) == tmp_path / "config" / "recipes"


def test_directories__no_variables__are_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("run on Linux: XDG variables name the directories there")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert data_dir({}) == tmp_path / "data" / "gpuenv"
    assert user_config_dir({}) == tmp_path / "config" / "gpuenv"


def test_load_settings__no_file__reads_no_yaml(tmp_path: Path) -> None:
    code = (
        "import sys; from gpuenv.settings import load_settings;"
        f"load_settings({{'GPUENV_CONFIG_DIR': {str(tmp_path)!r}}});"
        "print('ruamel.yaml' in sys.modules, 'platformdirs' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False False"


def test_cache_dir__variables__the_nearest_wins(tmp_path: Path) -> None:
    both = {"GPUENV_DATA_DIR": str(tmp_path / "data"), "GPUENV_CACHE_DIR": str(tmp_path / "cache")}
    assert cache_dir(both) == tmp_path / "cache"
    del both["GPUENV_CACHE_DIR"]
    assert cache_dir(both) == tmp_path / "data" / "cache"
    assert "gpuenv" in cache_dir({}).parts


def test_load_settings__archives__directories_belong_to_the_file(tmp_path: Path) -> None:
    text = 'archive_mirrors: ["https://m/{name}"]\narchive_dirs: [here, /srv/nvidia]\n'
    settings = load_settings(settings_file(tmp_path, text))
    assert settings.archive_mirrors == ["https://m/{name}"]
    assert settings.archive_dirs == [str(tmp_path / "here"), str(Path("/srv/nvidia"))]
