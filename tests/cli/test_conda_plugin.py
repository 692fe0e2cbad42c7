"""`conda gpuenv`, the look after conda's own commands, and `conda doctor`, in a real conda that has gpuenv."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from conda_channel import MadeChannel
from conda_stack import write_conda_recipe
from real_conda import RealConda, make_conda
from small_stack import SmallStack

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
def prefix(conda: RealConda, recipe: Path) -> Path:
    ended = conda("gpuenv", "create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "-y", "--json")
    assert ended.code == 0, ended.err + ended.out
    assert ended.document["data"]["engine"] == "conda"
    return conda.envs / "tf"


def break_a_link(prefix: Path) -> Path:
    (link,) = prefix.glob("lib/python3.*/site-packages/tensorflow/libcusolver.so.10")
    link.unlink()
    return link


def test_command__create_list_verify_run_remove__by_condas_names(conda: RealConda, prefix: Path) -> None:
    assert prefix.is_dir()
    listed = conda("gpuenv", "list", "--json").document["data"]["environments"]
    assert [(one["name"], one["prefix"]) for one in listed] == [("tf", str(prefix))]
    assert conda("gpuenv", "verify", "-n", "tf", "files").code == 0
    ran = conda("gpuenv", "run", "-n", "tf", "--", "python", "-c", "import sys; print(sys.prefix); sys.exit(3)")
    assert (ran.code, ran.out.strip()) == (3, str(prefix))
    assert "tf" in conda("env", "list").out
    assert conda("gpuenv", "remove", "-n", "tf", "-y").code == 0
    assert not prefix.exists()


def test_command__dry_run__plan_with_every_package_and_reason(conda: RealConda, recipe: Path) -> None:
    ended = conda("gpuenv", "create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "-d", "--json")
    assert ended.code == 0, ended.err
    plan = ended.document["data"]
    assert ended.document["status"] == "planned"
    assert {one["name"] for one in plan["conda_packages"]} == {"python", "cudatoolkit", "cudnn", "libgcc-ng", "tzdata"}
    assert [one["name"] for one in plan["packages"]] == ["tensorflow"]
    assert not (conda.envs / "tf").exists()


def test_command__errors__are_condas_with_gpuenvs_exit_codes(conda: RealConda) -> None:
    ended = conda("gpuenv", "verify", "-n", "nothing")
    assert ended.code == 8
    assert "GpuenvCondaError: " in ended.err
    assert "`conda gpuenv list`" in ended.err
    assert conda("gpuenv", "create", "-n", "base").code == 2
    document = conda("gpuenv", "verify", "-n", "nothing", "--json")
    assert (document.code, document.document["errors"][0]["code"]) == (8, "target")


def test_command__json_in_condarc__counts(conda: RealConda) -> None:
    assert conda("gpuenv", "list", CONDA_JSON="true").document["data"]["environments"] == []


def test_after__link_is_gone__made_again_in_one_line(conda: RealConda, prefix: Path) -> None:
    link = break_a_link(prefix)
    ended = conda("install", "-n", "tf", "-y", "tzdata")
    assert ended.code == 0, ended.err + ended.out
    assert link.exists()
    assert f"gpuenv: linked 1 CUDA library again in `{prefix}`\n" in ended.err


@pytest.mark.parametrize(
    ("variables", "extra", "said"),
    [
        ({"GPUENV_HOOKS": "hint"}, [], "gpuenv: 1 link to CUDA libraries is gone; `conda doctor"),
        ({"CONDA_PLUGINS_GPUENV_HOOKS": "hint"}, [], "gpuenv: 1 link to CUDA libraries is gone; `conda doctor"),
        ({"GPUENV_HOOKS": "off"}, [], None),
        ({}, ["--json"], None),
        ({}, ["-q"], None),
    ],
    ids=["hint", "hint in .condarc", "off", "json", "quiet"],
)
def test_after__as_the_setting_says(
    conda: RealConda, prefix: Path, variables: dict[str, str], extra: list[str], said: str | None
) -> None:
    if "CONDA_PLUGINS_GPUENV_HOOKS" in variables and conda.version < Version("24.3"):
        pytest.skip("this conda has no settings of plugins; run with conda 24.3 or newer")
    link = break_a_link(prefix)
    ended = conda("install", "-n", "tf", "-y", "tzdata", *extra, **variables)
    assert ended.code == 0
    assert (said in ended.err) if said else ("gpuenv" not in ended.err)
    assert not link.exists()


def test_doctor__whole_broken_fixed(conda: RealConda, prefix: Path) -> None:
    assert "The framework finds all of its CUDA libraries" in conda("doctor", "-n", "tf").out
    link = break_a_link(prefix)
    broken = conda("doctor", "-n", "tf")
    assert "`libcusolver.so.10` is missing" in broken.out
    fixed = conda("doctor", "-n", "tf", "--fix", "gpuenv", "-y")
    if "unrecognized arguments" in fixed.err:
        pytest.skip("this conda has no fixers; run with conda 26.1 or newer")
    assert link.exists(), fixed.out + fixed.err


def test_start__of_another_command__imports_nothing_of_gpuenv_but_the_plugin(conda: RealConda) -> None:
    script = (
        "import sys; from conda.cli import main; code = main('list', '-p', sys.prefix, '--json');"
        "print(sorted(it for it in sys.modules if it.partition('.')[0] in {'gpuenv', 'rich', 'msgspec', 'pefile'}),"
        " file=sys.stderr); sys.exit(code)"
    )
    python = conda.program.with_name("python")
    ended = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    imported = set(ast.literal_eval(ended.stderr.splitlines()[-1]))
    # conda asks for formats when it makes its parsers; that module imports nothing but parts of conda.
    assert imported <= {"gpuenv", "gpuenv.conda_plugin", "gpuenv.in_conda", "gpuenv.in_conda.formats"}


def test_start__gpuenv_is_broken__conda_goes_on(conda: RealConda, tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "gpuenv"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("")
    (broken / "conda_plugin.py").write_text("raise RuntimeError('broken on purpose')\n")
    ended = conda("env", "list", "--json", PYTHONPATH=str(broken.parent))
    assert ended.code == 0
    assert json.loads(ended.out)["envs"]


def test_command__cloned_and_renamed_by_conda__listed_and_verified_under_its_new_name(
    conda: RealConda, prefix: Path
) -> None:
    assert conda("create", "-n", "clone", "--clone", "tf", "--offline", "-y", "-q").code == 0
    assert conda("rename", "-n", "clone", "moved", "-y").code == 0
    listed = conda("gpuenv", "list", "--json").document["data"]
    assert [(one["name"], one["prefix"]) for one in listed["environments"]] == [
        ("tf", str(prefix)),
        ("moved", str(conda.envs / "moved")),
    ]
    assert listed["damaged"] == []
    assert conda("gpuenv", "verify", "-n", "moved", "files").code == 0
    removed = conda("gpuenv", "remove", "-n", "moved", "-y")
    assert removed.code == 0, removed.err
    assert not (conda.envs / "moved").exists()
    assert conda("gpuenv", "verify", "-n", "tf", "files").code == 0


def test_command__nothing_fits_together__exit_5_and_nothing_left(conda: RealConda, recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("cudnn=8.0]", "cudnn=8.0, cudatoolkit=9.9]"))
    ended = conda("gpuenv", "create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "-y")
    assert ended.code == 5, ended.err
    assert "take CUDA from NVIDIA's wheels instead" in ended.err
    assert not (conda.envs / "tf").exists()


def test_command__check_fails__exit_7_and_the_environment_stays_for_a_look(conda: RealConda, recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("checks: [files]", "checks: [files, import]"))
    ended = conda("gpuenv", "create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "-y")
    assert ended.code == 7, ended.err
    assert "import" in ended.err
    assert "failed: import" in conda("gpuenv", "list").out


@pytest.mark.parametrize("wait_for", ["conda-meta", "etc/gpuenv"], ids=["conda installs", "checks run"])
def test_command__ctrl_c__exit_130_and_nothing_left(
    conda: RealConda, recipe: Path, wait_for: str, tmp_path: Path
) -> None:
    import os
    import signal
    import time

    if wait_for == "etc/gpuenv":  # something to interrupt: TensorFlow's import takes its time
        recipe.write_text(recipe.read_text().replace("checks: [files]", "checks: [files, import]"))
    argv = [conda.program, "gpuenv", "create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "-y"]
    running = subprocess.Popen(
        argv, env={**os.environ, **conda.variables}, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not (conda.envs / "tf" / wait_for).exists():
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert not (conda.envs / "tf").exists()
    assert [path.name for path in conda.envs.iterdir() if "tf" in path.name] == []
    assert conda("gpuenv", "list", "--json").document["data"]["unfinished"] == []
