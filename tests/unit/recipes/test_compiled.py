from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from recipe_texts import SHIPPED, SMALL, child, sources_of

from gpuenv.recipes import compiled as module
from gpuenv.recipes.compiled import compiled
from gpuenv.recipes.search import list_recipes


def files_read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Record what is read as YAML."""
    read: list[Path] = []
    real = module.load_recipe

    def load(path: Path, origin: str, bases: object) -> object:
        read.append(path)
        return real(path, origin, bases)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "load_recipe", load)
    return read


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "by-file.yaml").write_text(child("by-file", "small.yaml"))
    (tmp_path / "by-name.yaml").write_text(child("by-name", "small"))
    return tmp_path


def test_list_recipes__second_time__only_what_extends_by_name_is_read_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = list_recipes(sources_of(team=directory))
    read = files_read(monkeypatch)
    second, _ = list_recipes(sources_of(team=directory))
    assert first == second
    assert [path.name for path in read] == ["by-name.yaml"]


def test_list_recipes__base_changed__recipe_is_read_again(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list_recipes(sources_of(team=directory))
    (directory / "small.yaml").write_text(SMALL.replace("A small stack", "Another stack"))
    read = files_read(monkeypatch)
    recipes, _ = list_recipes(sources_of(team=directory))
    assert {path.name for path in read} == {"small.yaml", "by-file.yaml", "by-name.yaml"}
    assert "Another stack" in {loaded.recipe.summary for loaded in recipes}


def test_list_recipes__kept_file_is_damaged__files_are_read(directory: Path) -> None:
    first, _ = list_recipes(sources_of(team=directory))
    kept = compiled(os.environ).path
    assert kept is not None
    kept.write_bytes(b"\x00damaged")
    assert list_recipes(sources_of(team=directory))[0] == first


def test_list_recipes__data_directory_cannot_be_written__no_matter(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "file").write_text("")
    monkeypatch.setenv("GPUENV_DATA_DIR", str(directory / "file"))
    assert len(list_recipes(sources_of(team=directory))[0]) == 3


def test_list_recipes__all_shipped_kept__quick() -> None:
    list_recipes(sources_of(shipped=SHIPPED))
    took = []
    for _ in range(5):
        started = time.perf_counter()
        recipes, warnings = list_recipes(sources_of(shipped=SHIPPED))
        took.append(time.perf_counter() - started)
    assert len(recipes) >= 18
    assert warnings == ()
    assert min(took) < 0.02
