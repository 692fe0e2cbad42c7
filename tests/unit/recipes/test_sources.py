from __future__ import annotations

import os
from pathlib import Path

import pytest
from recipe_texts import SHIPPED, SMALL

from gpuenv.plugins import Plugins, new_manager
from gpuenv.recipes import gpuenv_recipe_sources, project_file, shipped_dirs
from gpuenv.recipes.search import find_recipe


def test_gpuenv_recipe_sources__built_in__are_in_the_documented_order() -> None:
    found = Plugins(new_manager(["gpuenv.recipes"])).recipe_sources()
    assert [source.name for source in found] == ["project", "team", "user", "shipped"]


def test_gpuenv_recipe_sources__name_in_every_place__nearest_wins(
    tmp_path: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {
        "project": isolated / "gpuenv.yaml",
        "team": tmp_path / "team" / "a.yaml",
        "user": isolated / "config" / "recipes" / "b.yaml",
    }
    for path in places.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SMALL, "utf-8")
    monkeypatch.setenv("GPUENV_RECIPE_PATH", os.pathsep.join([str(tmp_path / "none"), str(tmp_path / "team")]))
    for origin, path in places.items():
        found = find_recipe("small", list(gpuenv_recipe_sources()))
        assert (found.origin, found.path) == (origin, str(path))
        path.unlink()
    assert find_recipe("tf-2.4", list(gpuenv_recipe_sources())).origin == "shipped"


def test_shipped_dirs__of_this_installation__hold_what_the_project_ships() -> None:
    [found] = shipped_dirs()
    assert recipes_below(SHIPPED) == recipes_below(found)


def recipes_below(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.glob("**/*.[yt]*"))}


def test_shipped_dirs__installed__are_under_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lib" / "python3" / "site-packages" / "gpuenv" / "recipes" / "__init__.py"
    share = tmp_path / "share" / "gpuenv" / "recipes"
    share.mkdir(parents=True)
    (share / "tf-2.4.yaml").write_text(SMALL, "utf-8")
    monkeypatch.setattr("gpuenv.recipes.__file__", str(package))
    monkeypatch.setattr("sysconfig.get_path", lambda name, scheme: str(tmp_path) if name == "data" else "")
    assert list(shipped_dirs()) == [share]


@pytest.mark.parametrize(
    ("place", "boundary", "start", "found"),
    [
        pytest.param("repo", "repo/.git", "repo/src/deep", True, id="root of the repository"),
        pytest.param("repo/src", "repo/.git", "repo/src/deep", True, id="nearest parent"),
        pytest.param(".", "repo/.git", "repo/src", False, id="above the repository"),
        pytest.param("home", None, "home/work", True, id="home"),
        pytest.param(".", None, "home/work", False, id="above home"),
        pytest.param("shared", None, "shared/mine", False, id="outside of both"),
        pytest.param("shared", None, "shared", True, id="outside of both but here"),
    ],
)
def test_project_file__boundaries(tmp_path: Path, place: str, boundary: str | None, start: str, found: bool) -> None:
    for directory in (place, start, *([boundary] if boundary else [])):
        (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "gpuenv.yaml").write_text(SMALL, "utf-8")
    expected = [tmp_path / place / "gpuenv.yaml"] if found else []
    assert list(project_file(tmp_path / start, tmp_path / "home")) == expected
