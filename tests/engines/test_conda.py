"""Whole runs of `gpuenv create --engine conda` with a real conda and uv, on the tests' own channel and index."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conda_channel import MadeChannel
from conda_stack import write_conda_recipe
from real_conda import RealConda, make_conda
from small_stack import SmallStack

Run = Callable[..., Any]
pytestmark = [
    pytest.mark.conda,
    pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux"),
]


@pytest.fixture
def conda(tmp_path: Path, conda_channel: MadeChannel, monkeypatch: pytest.MonkeyPatch) -> RealConda:
    made = make_conda(tmp_path / "conda", conda_channel.uri)
    for name, value in made.variables.items():
        if name not in ("HOME", "CONDA_OVERRIDE_CUDA", "CONDA_REGISTER_ENVS"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONDA_EXE", str(made.program))
    return made


@pytest.fixture
def recipe(small_index: SmallStack, conda_channel: MadeChannel) -> Path:
    return write_conda_recipe(small_index, conda_channel)


def create(gpuenv: Run, recipe: Path, *extra: object) -> Any:
    return gpuenv(
        "create", "-n", "tf", "--recipe", recipe, "--engine", "conda", "--gpu", "8.6", "--yes", "--json", *extra
    )


def test_create__real_conda__whole_environment_that_conda_knows(
    gpuenv: Run, conda: RealConda, recipe: Path, conda_channel: MadeChannel, isolated: Path
) -> None:
    ended = create(gpuenv, recipe)
    assert ended.code == 0, ended.err + ended.out
    receipt = ended.document["data"]
    prefix = isolated / "data" / "envs" / "tf"
    assert (receipt["source"], receipt["engine"]) == ("conda", "conda")
    assert f"{conda_channel.uri}/linux-64/cudnn-8.0.5.39-ha5ca753_1.conda" in receipt["conda_packages"]
    assert [(check["check"], check["status"]) for check in receipt["checks"]] == [("files", "ok")]
    script = "import sys, tensorflow as t; print(sys.prefix, t.__version__)"
    said = subprocess.run([prefix / "bin" / "python", "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(prefix), "2.4.0"]
    listed = {one["name"]: one for one in json.loads(conda("list", "-p", prefix, "--json").out)}
    assert listed["cudnn"]["version"] == "8.0.5.39"
    assert listed["tensorflow"]["channel"] == "pypi"
    # conda's history names what was asked for, and not what came along.
    history = (prefix / "conda-meta" / "history").read_text()
    assert "'cudnn==8.0.5.39=ha5ca753_1'" in history
    assert "libgcc-ng=" not in history.partition("specs:")[2]
    assert gpuenv("remove", "-n", "tf", "--yes").code == 0
    assert not prefix.exists()


def test_create__second_time__packages_of_the_cache_have_hashes(gpuenv: Run, conda: RealConda, recipe: Path) -> None:
    assert create(gpuenv, recipe).code == 0
    planned = create(gpuenv, recipe, "--dry-run", "--force")
    assert planned.code == 0, planned.err + planned.out
    packages = planned.document["data"]["conda_packages"]
    assert {one["name"] for one in packages} >= {"python", "cudatoolkit", "cudnn", "libgcc-ng"}
    assert all(one["sha256"] and one["size_bytes"] for one in packages)
    assert {one["name"] for one in packages if one["requested"]} == {"python", "cudatoolkit", "cudnn"}


def test_create__channel_lacks_cudnn__said_and_the_wheels_are_offered(
    gpuenv: Run, conda: RealConda, recipe: Path, isolated: Path
) -> None:
    recipe.write_text(recipe.read_text().replace("cudnn=8.0]", "cudnn=9.9]"))
    ended = create(gpuenv, recipe)
    assert ended.code == 5, ended.err + ended.out
    (error,) = ended.document["errors"]
    assert "cudnn" in error["message"] + error["cause"]
    assert any("--cuda-from pypi" in hint["text"] for hint in error["hints"])
    assert not (isolated / "data" / "envs" / "tf").exists()


def test_create__channel_is_away__exit_6(gpuenv: Run, conda: RealConda, recipe: Path, tmp_path: Path) -> None:
    ended = create(gpuenv, recipe, "--channel", (tmp_path / "nothing").as_uri(), "--override-channels")
    assert ended.code == 6, ended.err + ended.out


def test_create__another_file_than_the_locked_one__exit_6_and_nothing_left(
    gpuenv: Run, conda: RealConda, recipe: Path, isolated: Path
) -> None:
    planned = create(gpuenv, recipe, "--dry-run").document["data"]
    (cudnn,) = [one for one in planned["conda_packages"] if one["name"] == "cudnn"]
    lock = next(recipe.with_suffix(".locks").glob("conda-linux-64-*.txt"))
    lines = [
        f"# conda: {one['channel']}/{one['subdir']}/{one['file_name']} sha256={one['sha256']}"
        + (" requested" if one["requested"] else "")
        for one in planned["conda_packages"]
    ]
    head, _, rest = lock.read_text().partition("\n")
    wrong = "\n".join([head, *lines]).replace(cudnn["sha256"], "0" * 64)
    lock.write_text(f"{wrong}\n{rest}")
    ended = create(gpuenv, recipe)
    assert ended.code == 6, ended.err + ended.out
    assert "cudnn-8.0.5.39-ha5ca753_1" in ended.document["errors"][0]["message"]
    assert not (isolated / "data" / "envs" / "tf").exists()


def test_create__no_conda__says_what_else_there_is(gpuenv: Run, small_index: SmallStack, tmp_path: Path) -> None:
    script = (
        "import os, sys; os.environ.pop('CONDA_EXE', None); os.environ['PATH'] = '/nowhere';"
        "from gpuenv.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    recipe = write_conda_recipe(small_index, MadeChannel(tmp_path, "3.8"))
    argv = ["create", "-n", "tf", "--recipe", str(recipe), "--engine", "conda", "--gpu", "8.6", "--yes"]
    ended = subprocess.run([sys.executable, "-c", script, *argv], capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "conda was not found" in ended.stderr
    assert "--engine rattler" in ended.stderr
