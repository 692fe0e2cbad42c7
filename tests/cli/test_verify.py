"""`gpuenv verify` on the small stack: what is kept, what is said, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from small_stack import SmallStack

Run = Callable[..., Any]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux")


@pytest.fixture
def prefix(gpuenv: Run, small_index: SmallStack, isolated: Path) -> Path:
    ended = gpuenv("create", "-n", "my tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes")
    assert ended.code == 0, ended.err
    return isolated / "data" / "envs" / "my tf"


def receipt(prefix: Path) -> dict[str, Any]:
    return json.loads((prefix / "etc" / "gpuenv" / "receipt.json").read_text())


@pytest.mark.parametrize("names", [["device", "train"], ["device,train"], ["device, train"]], ids=" ".join)
def test_verify__named_check_cannot_run__exit_3(gpuenv: Run, prefix: Path, names: list[str]) -> None:
    ended = gpuenv("verify", "-n", "my tf", *names)
    assert ended.code == 3
    assert "error: the checks `device`, `train` could not run" in ended.err
    assert "gpuenv verify -n 'my tf' device train" in ended.err


def test_verify__recipe_checks_cannot_run__exit_0(gpuenv: Run, prefix: Path) -> None:
    assert gpuenv("verify", "-n", "my tf").code == 0


def test_verify__for_another_machine__said_and_not_kept(gpuenv: Run, prefix: Path) -> None:
    before = receipt(prefix)
    ended = gpuenv("verify", "-n", "my tf", "files", "--gpu", "3.0", "--json")
    assert (ended.code, ended.document["data"]["stored"]) == (7, False)
    assert ended.document["data"]["not_stored_because"] == "--gpu speaks of another machine"
    assert "Not kept in the receipt: --gpu" in gpuenv("verify", "-n", "my tf", "files", "--gpu", "3.0").out
    assert receipt(prefix) == before


def test_verify__files_are_broken__whole_command_each_sentence_once(gpuenv: Run, prefix: Path) -> None:
    next(prefix.rglob("libcusolver.so.10")).unlink()
    ended = gpuenv("verify", "-n", "my tf", "--color", "never")
    assert ended.code == 7
    both = ended.out + ended.err
    recipe = receipt(prefix)["recipe"]
    command = f"gpuenv export -n 'my tf' -o {recipe}.yaml && gpuenv create -n 'my tf' --recipe {recipe}.yaml"
    assert both.count(command) == 1
    assert both.count("`libcusolver.so.10` is missing") == 1
    assert "--gpu 8.6 --force`" in both


def test_verify__framework_was_removed__one_sentence(gpuenv: Run, prefix: Path) -> None:
    import shutil

    for path in prefix.rglob("tensorflow*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
    ended = gpuenv("verify", "-n", "my tf", "files", "--json")
    (result,) = ended.document["data"]["checks"]
    assert result["message"] == "tensorflow is not installed, expected `2.4.0`"


def test_verify__unknown_check__says_what_was_meant(gpuenv: Run, prefix: Path) -> None:
    ended = gpuenv("verify", "-n", "my tf", "trian")
    assert ended.code == 2
    assert "hint: did you mean `train`?" in ended.err


@pytest.mark.parametrize("given", ["", " ", ","])
def test_create__verify_names_nothing__exit_2(gpuenv: Run, small_index: SmallStack, given: str) -> None:
    ended = gpuenv("create", "-n", "x", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes", "--verify", given)
    assert ended.code == 2
    assert "`--verify none`" in ended.err


def test_create__quiet__nothing_is_said_and_verbose__sources_and_times(gpuenv: Run, small_index: SmallStack) -> None:
    options = ["--recipe", small_index.recipe, "--gpu", "8.6", "--yes"]
    ended = gpuenv("create", "-n", "quiet", *options, "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    ended = gpuenv("create", "-n", "loud", *options, "-v")
    assert str(small_index.recipe) in ended.err
    assert all(f" in {'0.'}" in line for line in ended.err.splitlines() if line.startswith(("Found", "Chose", "Wrote")))
    assert gpuenv("remove", "-n", "loud", "--yes", "-q").out == ""


def test_create__no_gpu__hint_repeats_what_was_typed(gpuenv: Run) -> None:
    ended = gpuenv("create", "-n", "mine", "--python", "3.7", "--gpu", "none")
    assert ended.code == 3
    assert "`gpuenv create -n mine --python 3.7 --gpu 8.6" in ended.err
    assert "-n tf" not in ended.err
