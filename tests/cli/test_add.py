"""`gpuenv add` to virtual environments of the user's own, with a stack of a few kilobytes."""

from __future__ import annotations

import os
import re
import shlex
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
def mine(tmp_path: Path) -> Path:
    prefix = tmp_path / "mine"
    uv("venv", "--python", sys.executable, prefix)
    (prefix / "notes.txt").write_text("mine")
    return prefix


def uv(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "uv", "-q", *map(str, arguments)], check=True)


def install(prefix: Path, *wheels: Path) -> None:
    uv("pip", "install", "--no-deps", "--no-index", "--python", prefix / "bin" / "python", *wheels)


def tree(prefix: Path) -> dict[str, str]:
    found = {}
    for path in sorted(prefix.rglob("*")):
        if "__pycache__" not in path.parts and not path.is_dir():
            found[str(path.relative_to(prefix))] = (
                str(path.readlink()) if path.is_symlink() else path.read_bytes().hex()
            )
    return found


def test_add__then_verify_run_remove__what_was_there_stays(
    gpuenv: Run, small_index: SmallStack, mine: Path, tmp_path: Path
) -> None:
    install(mine, make_wheel(tmp_path, "tensorflow", "2.3.0", {"tensorflow/old.py": b""}))
    before = tree(mine)
    planned = gpuenv("add", "-p", mine, "--recipe", small_index.recipe, "--gpu", "8.6", "--dry-run", "--json")
    assert planned.document["data"]["changes"] == [{"name": "tensorflow", "installed": "2.3.0", "wanted": "2.4.0"}]
    assert planned.document["data"]["python_version"] == PYTHON
    assert tree(mine) == before
    ended = gpuenv("add", "-p", mine, "--recipe", small_index.recipe, "--gpu", "8.6", "--yes")
    assert ended.code == 0, ended.err
    assert (mine / "notes.txt").read_text() == "mine"
    assert gpuenv("verify", "-p", mine, "files").code == 0
    assert gpuenv("list", "--json").document["data"]["environments"][0]["prefix"] == str(mine)
    removed = gpuenv("remove", "-p", mine, "--yes")
    assert removed.code == 0
    assert "these and the rest stay" in removed.out
    left = tree(mine)
    assert not [path for path in left if "gpuenv" in path or path.endswith("libcusolver.so.10")]
    scripts = [path for path in before if path.startswith("bin/") or path in ("pyvenv.cfg", "notes.txt")]
    assert {path: left[path] for path in scripts} == {path: before[path] for path in scripts}


def test_add__wrong_hash__environment_is_as_it_was(gpuenv: Run, small_index: SmallStack, mine: Path) -> None:
    before = tree(mine)
    make_wheel(small_index.wheels, "tensorflow", "2.4.0", {"tensorflow/__init__.py": b"other = 1\n"})
    ended = gpuenv("add", "-p", mine, "--recipe", small_index.recipe, "--gpu", "8.6", "--yes")
    assert ended.code == 6, ended.err
    assert tree(mine) == before
    assert [path.name for path in mine.parent.iterdir() if path.name.startswith(".mine")] == []


def test_add__no_yes_and_no_terminal__exit_2_and_nothing_changed(
    gpuenv: Run, small_index: SmallStack, mine: Path
) -> None:
    before = tree(mine)
    ended = gpuenv("add", "-p", mine, "--recipe", small_index.recipe, "--gpu", "8.6")
    assert (ended.code, "There is no terminal to ask on" in ended.err) == (2, True)
    assert tree(mine) == before


def test_add__package_of_the_users_would_break__says_which_and_why(
    gpuenv: Run, small_index: SmallStack, mine: Path, tmp_path: Path
) -> None:
    needs = tmp_path / "needs"
    needs.mkdir()
    install(mine, make_wheel(tmp_path, "tensorflow", "2.3.0", {"tensorflow/old.py": b""}))
    install(mine, make_wheel(needs, "Keeps_Old", "1.0", {}, requires=["tensorflow<2.4", "nowhere>1"]))
    ended = gpuenv("add", "-p", mine, "--recipe", small_index.recipe, "--gpu", "8.6", "--yes")
    assert ended.code == 5
    assert "`Keeps_Old` 1.0 needs tensorflow<2.4, the stack has 2.4.0" in ended.err
    assert "make an environment of its own for it: `gpuenv create -n NAME`" in ended.err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda path: None, "there is no environment at", id="nothing there"),
        pytest.param(lambda path: path.mkdir(), "is neither a conda environment nor a virtual environment", id="empty"),
    ],
)
def test_add__no_environment__exit_8(gpuenv: Run, tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    make(tmp_path / "there")
    ended = gpuenv("add", "-p", tmp_path / "there", "--gpu", "8.6", "--yes")
    assert (ended.code, said in ended.err) == (8, True)


def test_add__made_by_gpuenv__exit_8(gpuenv: Run, small_index: SmallStack) -> None:
    assert gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes").code == 0
    ended = gpuenv("add", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes")
    assert (ended.code, "which has its stack" in ended.err) == (8, True)


def test_add__damaged_receipt__remove_takes_nothing_of_the_users(
    gpuenv: Run, small_index: SmallStack, mine: Path
) -> None:
    assert gpuenv("add", "-p", mine, "--recipe", small_index.recipe, "--gpu", "8.6", "--yes").code == 0
    (mine / "etc" / "gpuenv" / "receipt.json").write_text("{")
    assert gpuenv("remove", "-p", mine, "--yes").code == 0
    assert (mine / "bin" / "python").exists()
    assert (mine / "notes.txt").exists()
    assert not (mine / "etc" / "gpuenv").exists()


def test_add__then_create_force__refused(gpuenv: Run, small_index: SmallStack, mine: Path) -> None:
    assert gpuenv("add", "-p", mine, "--recipe", small_index.recipe, "--gpu", "8.6", "--yes").code == 0
    ended = gpuenv("create", "-p", mine, "--recipe", small_index.recipe, "--gpu", "8.6", "--yes", "--force")
    assert ended.code == 8
    assert "did not make it" in ended.err
    assert (mine / "notes.txt").exists()


def test_create__clone_from_a_virtual_environment__names_commands_that_give_the_stack_beside_its_packages(
    gpuenv: Run, small_index: SmallStack, mine: Path
) -> None:
    clone = ["create", "-n", "tf", "--clone-from", mine, "--recipe", small_index.recipe, "--gpu", "8.6", "--yes"]
    ended = gpuenv(*clone, "--json")
    assert ended.code == 8
    error = ended.document["errors"][0]
    assert f"`{mine}` is a virtual environment, which nothing can clone" in error["message"]
    hints = {hint["code"]: hint["text"] for hint in error["hints"]}
    commands = re.findall("`(.*?)`", hints["clone.copy"])[0].split(" && ")
    assert commands[-1] == f"gpuenv add -p {mine}-gpu --recipe {small_index.recipe} --gpu 8.6"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # uv is beside Python
    for command in commands[:-1]:
        subprocess.run(command, shell=True, check=True, cwd=mine.parent, env={**os.environ, "PATH": path})
    assert gpuenv(*shlex.split(commands[-1])[1:], "--yes").code == 0
    assert gpuenv("verify", "-p", f"{mine}-gpu", "files").code == 0
    add, undo = re.findall("`(.*?)`", hints["clone.add"])
    assert gpuenv(*shlex.split(add)[1:], "--yes").code == 0
    assert gpuenv(*shlex.split(undo)[1:], "--yes").code == 0
    assert (mine / "notes.txt").exists()


def test_create__clone_from_a_virtual_environment_of_gpuenvs__names_how_to_make_another(
    gpuenv: Run, small_index: SmallStack
) -> None:
    assert gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes").code == 0
    ended = gpuenv("create", "-n", "other", "--clone-from", "tf", "--gpu", "8.6", "--yes")
    assert ended.code == 8
    assert "-o stack.yaml && gpuenv create -n other --recipe stack.yaml`" in ended.err


def test_create__clone_from_no_environment__exit_8(gpuenv: Run, tmp_path: Path) -> None:
    ended = gpuenv("create", "-n", "tf", "--clone-from", tmp_path, "--gpu", "8.6", "--yes")
    assert (ended.code, "neither a conda environment nor a virtual environment" in ended.err) == (8, True)


def test_create__clone_from_a_conda_environment_without_python__says_to_put_one_in(gpuenv: Run, tmp_path: Path) -> None:
    (tmp_path / "bare" / "conda-meta").mkdir(parents=True)
    (tmp_path / "bare" / "conda-meta" / "history").touch()
    for command in (["create", "-n", "tf", "--clone-from", tmp_path / "bare"], ["add", "-p", tmp_path / "bare"]):
        ended = gpuenv(*command, "--gpu", "8.6", "--yes")
        assert ended.code == 8
        assert f"`conda install -p {tmp_path / 'bare'} python=" in ended.err
        assert "again" not in ended.err
