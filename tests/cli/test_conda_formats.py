"""`conda env create -f tf.gpuenv.yaml` and `conda export --format gpuenv`, in a real conda that has gpuenv."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from conda_channel import MadeChannel
from conda_stack import write_conda_recipe
from real_conda import RealConda, make_conda
from small_stack import SmallStack, make_wheel

pytestmark = [
    pytest.mark.conda,
    pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux"),
]
AMPERE = {"CONDA_OVERRIDE_CUDA_ARCH": "8.6"}


@pytest.fixture
def conda(tmp_path: Path, conda_channel: MadeChannel) -> RealConda:
    made = make_conda(tmp_path / "conda", conda_channel.uri)
    if made("gpuenv", "--version").code != 0:
        pytest.skip(f"install gpuenv into the base environment of `{made.program}` to run this")
    if made.version < Version("25.7"):
        pytest.skip("this conda has no formats of plugins; run with conda 25.7 or newer")
    return made


@pytest.fixture
def recipe(small_index: SmallStack, conda_channel: MadeChannel) -> Path:
    return write_conda_recipe(small_index, conda_channel)


def packages(conda: RealConda, name: str) -> list[str]:
    said = conda("list", "-n", name, "--json")
    return sorted(one["dist_name"] for one in json.loads(said.out))


def test_formats__export_then_env_create_then_export__the_same(conda: RealConda, recipe: Path, tmp_path: Path) -> None:
    assert conda("gpuenv", "create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "-y").code == 0
    exported = conda("export", "-n", "tf", "--format", "gpuenv")
    assert exported.code == 0, exported.err
    file = tmp_path / "again.gpuenv.yaml"
    file.write_text(exported.out)
    assert exported.out == conda("gpuenv", "export", "-n", "tf").out
    made = conda("env", "create", "-f", file, **AMPERE)
    assert made.code == 0, made.err + made.out
    prefix = conda.envs / "again"  # named by the file
    assert (prefix / "etc" / "gpuenv" / "receipt.json").exists()
    assert packages(conda, "again") == packages(conda, "tf")
    assert conda("gpuenv", "verify", "-n", "again", "files").code == 0
    assert conda("export", "-n", "again", "--format", "gpuenv").out == exported.out
    written = conda("export", "-n", "again", "--file", tmp_path / "b.gpuenv.yaml")
    assert written.code == 0, written.err
    assert (tmp_path / "b.gpuenv.yaml").read_text() == exported.out


def test_env_create__recipe_without_a_lock_of_conda__solved_and_finished(conda: RealConda, recipe: Path) -> None:
    file = recipe.with_name("team.gpuenv.yaml")
    file.write_text(recipe.read_text())
    recipe.with_name("small-conda.locks").rename(recipe.with_name("team.gpuenv.locks"))
    made = conda("env", "create", "-n", "mine", "-f", file, **AMPERE)
    assert made.code == 0, made.err + made.out
    assert "small-conda" in (conda.envs / "mine" / "etc" / "gpuenv" / "receipt.json").read_text()
    assert not (conda.envs / "team").exists()
    assert conda("gpuenv", "verify", "-n", "mine", "files").code == 0
    assert conda("env", "remove", "-n", "mine", "-y").code == 0
    assert not (conda.envs / "mine" / "bin").exists()


def test_env_create__dry_run__makes_nothing(conda: RealConda, recipe: Path) -> None:
    file = recipe.with_name("team.gpuenv.yaml")
    file.write_text(recipe.read_text())
    made = conda("env", "create", "-n", "mine", "-f", file, "--dry-run", **AMPERE)
    assert made.code == 0, made.err
    assert "cudatoolkit" in made.out
    assert not (conda.envs / "mine").exists()


@pytest.mark.parametrize("named", [["-n", "mine"], []], ids=["named", "by the file"])
def test_env_create__nothing_fits__says_why_and_makes_nothing(conda: RealConda, recipe: Path, named: list[str]) -> None:
    file = recipe.with_name("mine.gpuenv.yaml")
    file.write_text(recipe.read_text())
    made = conda("env", "create", *named, "-f", file, CONDA_OVERRIDE_CUDA_ARCH="3.0")
    assert made.code == 4
    assert "compute capability 3.0" in made.err
    assert "Traceback" not in made.err
    assert not (conda.envs / "mine").exists()


def test_env_create__wheel_is_broken__says_so_and_what_conda_made_stays(
    conda: RealConda, recipe: Path, small_index: SmallStack
) -> None:
    make_wheel(small_index.wheels, "tensorflow", "2.4.0", {"tensorflow/__init__.py": b"other = 1\n"})
    file = recipe.with_name("small-conda.gpuenv.yaml")
    file.write_text(recipe.read_text())
    recipe.with_name("small-conda.locks").rename(recipe.with_name("small-conda.gpuenv.locks"))
    made = conda("env", "create", "-n", "mine", "-f", file, UV_NO_CACHE="1", **AMPERE)
    assert made.code == 6, made.err
    assert "GpuenvCondaError" in made.err
    assert (conda.envs / "mine" / "bin" / "python").exists()
    assert not (conda.envs / "mine" / "etc" / "gpuenv" / "receipt.json").exists()


def test_export__not_made_by_gpuenv__says_so(conda: RealConda, conda_channel: MadeChannel) -> None:
    assert conda("create", "-n", "mine", "-y", "tzdata").code == 0
    ended = conda("export", "-n", "mine", "--format", "gpuenv")
    assert ended.code == 8
    assert "is not an environment that gpuenv made" in ended.err


def test_env_create__environment_yml__is_condas_own(conda: RealConda, tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("name: plain\ndependencies: [tzdata]\n")
    ended = conda("env", "create", "-f", tmp_path / "environment.yml")
    assert ended.code == 0, ended.err
    assert "gpuenv" not in ended.err + ended.out
