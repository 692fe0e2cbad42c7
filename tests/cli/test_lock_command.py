"""`gpuenv lock` with real uv on a stack of a few kilobytes, served on loopback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpuenv import recipes
from small_stack import PYTHON, SmallStack, make_wheel

Run = Callable[..., Any]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux")
SHIPPED = Path(__file__).parents[2] / "recipes"
PLATFORM_LOCK = f"pypi-linux-64-py{PYTHON}.txt"


@pytest.fixture
def project(small_index: SmallStack, isolated: Path) -> Path:
    """The small recipe as the project's own, without a lock."""
    path = isolated / "gpuenv.yaml"
    path.write_text(small_index.recipe.read_text())
    return path


def locks(recipe: Path) -> dict[str, str]:
    directory = recipe.with_name(f"{recipe.stem}.locks")
    return {path.name: path.read_text() for path in sorted(directory.iterdir())} if directory.exists() else {}


def test_lock__nothing_named__locks_the_projects_recipe_and_says_each_step(gpuenv: Run, project: Path) -> None:
    ended = gpuenv("lock")
    assert ended.code == 0, ended.err
    assert list(locks(project)) == [PLATFORM_LOCK]
    assert f"Resolved 2 packages for linux-64, Python {PYTHON}" in ended.err
    assert "`gpuenv lock gpuenv.yaml --measure`" in ended.err
    assert gpuenv("lock", "--check").code == 0
    again = gpuenv("lock", "--json").document["data"]["locks"]
    assert [(one["packages"], one["written"]) for one in again] == [(2, False)]


def test_lock__nothing_named_and_no_project__touches_nothing(gpuenv: Run, isolated: Path) -> None:
    ended = gpuenv("lock", "--json")
    assert ended.code == 2
    assert "no `gpuenv.yaml` here" in ended.document["errors"][0]["message"]
    assert list(isolated.iterdir()) == []


def test_lock__shipped_recipe_by_its_name__is_refused(
    gpuenv: Run, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = isolated / "gpuenv" / "recipes"
    shutil.copytree(SHIPPED, checkout)
    monkeypatch.setattr(recipes, "shipped_dirs", lambda: iter([checkout]))
    monkeypatch.setattr(recipes, "checkout_dir", lambda: checkout)
    ended = gpuenv("lock", "tf-2.4")
    assert ended.code == 2
    assert "gpuenv recipes init" in ended.err
    assert "`gpuenv lock tf-2.4 --force`" in ended.err


@pytest.mark.parametrize("extra", [["--force"], []], ids=["force", "plain"])
@pytest.mark.parametrize("by", ["name", "file"])
def test_lock__shipped_recipe_of_an_installed_gpuenv__is_always_refused(
    gpuenv: Run, isolated: Path, monkeypatch: pytest.MonkeyPatch, by: str, extra: list[str]
) -> None:
    installed = isolated / "share" / "recipes"
    shutil.copytree(SHIPPED, installed)
    monkeypatch.setattr(recipes, "shipped_dirs", lambda: iter([installed]))
    before = locks(installed / "tf-2.4.yaml")
    ended = gpuenv("lock", "tf-2.4" if by == "name" else installed / "tf-2.4.yaml", *extra)
    assert ended.code == 2
    assert "comes with gpuenv" in ended.err
    assert "--force" not in ended.err
    assert locks(installed / "tf-2.4.yaml") == before


def test_lock__sizes_that_were_measured__are_kept_while_the_files_are_the_same(gpuenv: Run, project: Path) -> None:
    assert gpuenv("lock", "--measure").code == 0
    measured = gpuenv("lock", "--json").document["data"]["locks"][0]["installed_bytes"]
    assert measured
    path = next(project.with_suffix(".locks").iterdir())
    path.write_text(path.read_text().replace("recipe sha256: ", "recipe sha256: 0"))
    ended = gpuenv("lock", "--json")
    assert ended.document["data"]["locks"][0]["written"] is True
    assert ended.document["data"]["locks"][0]["installed_bytes"] == measured
    assert ended.document["warnings"] == []


def test_lock__second_python_cannot_be_solved__says_which_and_writes_nothing(
    gpuenv: Run, project: Path, small_index: SmallStack
) -> None:
    wheel = make_wheel(small_index.wheels, "newer", "1.0", {"newer.py": b""})
    assert wheel.exists()
    text = project.read_text().replace(f'pythons: ["{PYTHON}"]', f'pythons: ["{PYTHON}", "3.6"]')
    text = text.replace(
        "[tensorflow==2.4.0]", "[tensorflow==2.4.0, newer==1.0, 'absent==1 ; python_version < \"3.7\"']"
    )
    project.write_text(text)
    ended = gpuenv("lock", "--json")
    assert ended.code == 5, ended.err
    (error,) = ended.document["errors"]
    assert error["message"].startswith("linux-64, Python 3.6: ")
    assert "absent" in error["cause"]
    assert error["cause"].endswith("no lock was written")
    assert f"`gpuenv lock gpuenv.yaml --python {PYTHON}`" in error["hints"][-1]["text"]
    assert f"Python {PYTHON}" in ended.err
    assert locks(project) == {}


@pytest.mark.parametrize(
    ("extra", "message", "hint"),
    [
        (["--python", "abc"], "Python `abc`", f"choose from {PYTHON}"),
        (["--python", "3.5"], "Python `3.5`", f"choose from {PYTHON}"),
        (["--python", f"{PYTHON}.1"], f"Python `{PYTHON}.1`", f"did you mean `--python {PYTHON}`?"),
        (["--platform", "linux64"], "platform `linux64`", "did you mean `--platform linux-64`?"),
        (["--source", "conda"], "no source `conda`", "choose from pypi"),
        (["--engine", "magic"], "no engine named `magic`", "choose from uv"),
    ],
    ids=["no-python", "other-python", "full-python", "platform", "source", "engine"],
)
def test_lock__option_that_cannot_be__is_refused_before_anything_is_solved(
    gpuenv: Run, project: Path, extra: list[str], message: str, hint: str
) -> None:
    ended = gpuenv("lock", *extra, "--json")
    assert ended.code == 2
    (error,) = ended.document["errors"]
    assert message in error["message"]
    assert any(hint in one["text"] for one in error["hints"])
    assert ended.err == ""


def test_lock__source_that_nobody_provides__cannot_be_locked(gpuenv: Run, isolated: Path) -> None:
    (isolated / "gpuenv.yaml").write_text(
        'gpuenv_recipe_version: "1"\nname: ours\nextends: tf-2.4\nsummary: Ours\n'
        'sources: {mirror: {cuda_toolkit: "11.0", cudnn: "8.0", driver_min: {linux-64: "450.36.06"}}}\n',
        "utf-8",
    )
    ended = gpuenv("lock", "--source", "mirror", "--json")
    assert ended.code == 2
    assert "no plugin of gpuenv provides it" in ended.document["errors"][0]["message"]


def test_lock_check__stale__hint_names_the_file(gpuenv: Run, small_index: SmallStack) -> None:
    text = small_index.recipe.read_text().replace("[tensorflow==2.4.0]", "[tensorflow==2.4.0, pip]")
    small_index.recipe.write_text(text)
    ended = gpuenv("lock", small_index.recipe, "--check", "--json")
    assert ended.code == 2
    assert ended.document["errors"][0]["hints"][0]["text"] == f"run `gpuenv lock {small_index.recipe}`"


def test_create__bigger_than_is_asked_for__asks_only_while_something_has_to_be_downloaded(
    gpuenv: Run, small_index: SmallStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpuenv.cli.create.ASK_FROM_BYTES", 1)
    command = ["create", "--recipe", small_index.recipe, "--gpu", "8.6"]
    ended = gpuenv(*command, "-n", "tf")
    assert ended.code == 2
    assert "Download up to" in ended.err
    compiling = [sys.executable, "-m", "uv", "pip", "compile", "-q", "-"]
    subprocess.run(compiling, input=b"tensorflow\nnvidia-cuda-runtime-cu11\n", check=True)
    # Now the index is in uv's cache, and the packages are not.
    assert gpuenv(*command, "-n", "tf").code == 2
    assert gpuenv(*command, "-n", "tf", "--yes").code == 0
    assert gpuenv(*command, "-n", "second").code == 0
