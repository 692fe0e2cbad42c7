"""`conda gpuenv add` and `create --clone-from`, in a real conda that has gpuenv."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from conda_channel import MadeChannel
from conda_stack import write_conda_recipe
from real_conda import RealConda, make_conda
from small_stack import SmallStack, make_wheel, write_lock

pytestmark = [
    pytest.mark.conda,
    pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux"),
]


@pytest.fixture
def conda(tmp_path: Path, conda_channel: MadeChannel) -> RealConda:
    made = make_conda(tmp_path / "conda", conda_channel.uri)
    if made("gpuenv", "--version").code != 0:
        pytest.skip(f"install gpuenv into the base environment of `{made.program}` to run this")
    return made


@pytest.fixture
def recipe(small_index: SmallStack, conda_channel: MadeChannel) -> Path:
    return write_conda_recipe(small_index, conda_channel)


@pytest.fixture
def mine(conda: RealConda, conda_channel: MadeChannel) -> Path:
    """An environment of the user's own, made by conda."""
    ended = conda("create", "-n", "mine", "-y", f"python={conda_channel.python}", "tzdata")
    assert ended.code == 0, ended.err
    prefix = conda.envs / "mine"
    (prefix / "notes.txt").write_text("mine")
    return prefix


def tree(prefix: Path) -> dict[str, str]:
    """Everything in an environment: contents of files, texts of links; not what Python compiles."""
    found = {}
    for path in sorted(prefix.rglob("*")):
        if "__pycache__" in path.parts or path.is_dir():
            continue
        found[str(path.relative_to(prefix))] = str(path.readlink()) if path.is_symlink() else path.read_bytes().hex()
    return found


def test_add__conda_environment__stack_is_added_and_the_rest_stays(conda: RealConda, mine: Path, recipe: Path) -> None:
    before = tree(mine)
    plan = conda("gpuenv", "add", "-n", "mine", "--recipe", recipe, "--gpu", "8.6", "--dry-run", "--json")
    assert plan.code == 0, plan.err
    assert tree(mine) == before
    ended = conda("gpuenv", "add", "-n", "mine", "--recipe", recipe, "--gpu", "8.6", "-y", "--json")
    assert ended.code == 0, ended.err + ended.out
    assert [one["status"] for one in ended.document["data"]["checks"]] == ["ok"]
    after = tree(mine)
    kept = {path: text for path, text in before.items() if path != "conda-meta/history"}
    assert {path: after.get(path) for path in kept} == kept
    listed = {one["name"] for one in json.loads(conda("list", "-n", "mine", "--json").out)}
    assert {"cudatoolkit", "cudnn", "tensorflow", "tzdata"} <= listed
    # Twice is the same as once; it stays the user's.
    again = conda("gpuenv", "add", "-n", "mine", "--recipe", recipe, "--gpu", "8.6", "-y")
    assert again.code == 0, again.err
    assert conda("gpuenv", "create", "-n", "mine", "--recipe", recipe, "--gpu", "8.6", "-y", "--force").code == 8
    assert conda("gpuenv", "remove", "-n", "mine", "-y").code == 0
    left = tree(mine)
    assert {path: left.get(path) for path in kept} == kept
    assert not [path for path in left if "gpuenv" in path or ("libcusolver.so.10" in path and "tensorflow" in path)]
    assert {"cudatoolkit", "cudnn"} <= {one["name"] for one in json.loads(conda("list", "-n", "mine", "--json").out)}


def test_add__wheel_is_broken__environment_is_as_it_was(
    conda: RealConda, mine: Path, recipe: Path, small_index: SmallStack
) -> None:
    before = tree(mine)
    make_wheel(small_index.wheels, "tensorflow", "2.4.0", {"tensorflow/__init__.py": b"other = 1\n"})
    ended = conda("gpuenv", "add", "-n", "mine", "--recipe", recipe, "--gpu", "8.6", "-y", UV_NO_CACHE="1")
    assert ended.code == 6, ended.err
    assert tree(mine) == before
    assert not [path for path in mine.parent.iterdir() if path.name.startswith(".mine")]


def test_add__other_python__says_why_and_what_to_do(
    conda: RealConda, mine: Path, recipe: Path, conda_channel: MadeChannel
) -> None:
    recipe.write_text(recipe.read_text().replace(f'pythons: ["{conda_channel.python}"]', 'pythons: ["3.6"]'))
    ended = conda("gpuenv", "add", "-n", "mine", "--recipe", recipe, "--gpu", "8.6", "-y")
    assert ended.code == 4
    assert f"has a recipe for Python 3.6, not for {conda_channel.python}" in ended.err
    assert "make an environment of its own for the stack: `conda gpuenv create -n NAME`" in ended.err
    assert "--python" not in ended.err


def test_add__to_no_environment_or_gpuenvs_own__refused(conda: RealConda, recipe: Path) -> None:
    assert conda("gpuenv", "add", "-n", "nothing", "--recipe", recipe).code == 8
    assert conda("gpuenv", "add", "-n", "base", "--recipe", recipe).code == 2
    assert conda("gpuenv", "create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "-y").code == 0
    ended = conda("gpuenv", "add", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "-y")
    assert (ended.code, "which has its stack" in ended.err) == (8, True)


def test_create__clone_from__original_is_untouched_and_the_clone_whole(
    conda: RealConda, mine: Path, recipe: Path
) -> None:
    before = tree(mine)
    ended = conda(
        "gpuenv", "create", "-n", "tf", "--clone-from", "mine", "--recipe", recipe, "--gpu", "8.6", "-y", "--json"
    )
    assert ended.code == 0, ended.err + ended.out
    assert tree(mine) == before
    prefix = conda.envs / "tf"
    assert (prefix / "notes.txt").read_text() == "mine"
    assert conda("gpuenv", "verify", "-n", "tf", "files").code == 0
    # Of one that gpuenv made as well: what it wrote there is replaced.
    other = conda("gpuenv", "create", "-n", "b", "--clone-from", "tf", "--recipe", recipe, "--gpu", "8.6", "-y")
    assert other.code == 0, other.err
    assert conda("gpuenv", "verify", "-n", "b", "files").code == 0
    assert conda("gpuenv", "remove", "-n", "b", "-y").code == 0
    assert not (conda.envs / "b").exists()


def test_create__clone_from_nothing__exit_8(conda: RealConda, recipe: Path) -> None:
    assert conda("gpuenv", "create", "-n", "tf", "--clone-from", "nothing", "--recipe", recipe, "-y").code == 8


def test_add__pypi_source__lock_keeps_what_conda_installed(
    conda: RealConda, mine: Path, recipe: Path, small_index: SmallStack, conda_channel: MadeChannel
) -> None:
    text = recipe.read_text().replace("libcudnn.so.8]", "]").replace("[libcudnn_ops_infer.so.8]", "[]")
    recipe.write_text(text.replace(", ]", "]"))
    write_lock(recipe, sorted(small_index.wheels.glob("*.whl")), python=conda_channel.python)
    ended = conda(
        "gpuenv", "add", "-n", "mine", "--recipe", recipe, "--gpu", "8.6", "--cuda-from", "pypi", "-y", "--json"
    )
    assert ended.code == 0, ended.err + ended.out
    files = [one.rpartition("/")[2] for one in ended.document["data"]["conda_packages"]]
    assert any(one.startswith("python-") for one in files)
    assert not any(one.startswith("cudnn") for one in files)
