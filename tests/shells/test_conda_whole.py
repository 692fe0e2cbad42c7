"""Whole environments from the tests' own channel: activated without conda, by a real conda, cloned and renamed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conda_channel import MadeChannel
from conda_shells import SHELLS
from conda_stack import write_conda_recipe
from gpuenv.model import CheckResult
from gpuenv.receipt import note_driver, read_receipt
from real_conda import RealConda, make_conda
from real_shells import read_dump
from small_stack import SmallStack

Run = Callable[..., Any]
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux"),
    pytest.mark.usefixtures("rattler_cache"),
]
CACHE = '  CUDA_CACHE_PATH: {value: "{prefix}/var/gpuenv/compute-cache"}\n'
SHOW = "import json, os, sys; print(json.dumps([sys.prefix, os.environ.get('CUDA_CACHE_PATH')]))"


@pytest.fixture
def prefix(
    gpuenv: Run, small_index: SmallStack, conda_channel: MadeChannel, isolated: Path, base_environ: dict[str, str]
) -> Path:
    recipe = write_conda_recipe(small_index, conda_channel)
    recipe.write_text(recipe.read_text().replace("checks:", CACHE + "checks:"))
    argv = ["create", "-n", "tf", "--recipe", recipe, "--engine", "rattler", "--gpu", "8.6", "--yes"]
    ended = gpuenv(*argv)
    assert ended.code == 0, ended.err + ended.out
    return isolated / "data" / "envs" / "tf"


def values(prefix: Path) -> list[str]:
    return [str(prefix), f"{prefix}/var/gpuenv/compute-cache"]


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh"])
def test_activate__no_conda__the_line_that_gpuenv_prints(
    gpuenv: Run, prefix: Path, base_environ: dict[str, str], tmp_path: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"install {shell} to run this")
    for name in ("CONDA_EXE", "CONDA_SHLVL"):
        monkeypatch.delenv(name, raising=False)
    line = gpuenv("activate", "-n", "tf", "--shell", shell).out
    show = f"python -c {shlex.quote(SHOW)}"
    dumps = [tmp_path / name for name in ("before", "after")]
    lines = [f"env -0 > {dumps[0]}", line, show, "deactivate", f"env -0 > {dumps[1]}"]
    (tmp_path / "script").write_text("\n".join(lines) + "\n")
    command = [*SHELLS[shell], str(tmp_path / "script")]
    ended = subprocess.run(command, env=base_environ, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == values(prefix)
    assert ended.stderr == ""
    assert read_dump(dumps[0]) == read_dump(dumps[1])
    ran = subprocess.run(
        [sys.executable, "-m", "gpuenv", "run", "-n", "tf", "--", "python", "-c", SHOW],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == values(prefix)


@pytest.fixture
def conda(tmp_path: Path, conda_channel: MadeChannel) -> RealConda:
    return make_conda(tmp_path / "conda", conda_channel.uri)


@pytest.mark.conda
def test_activate__real_conda_run_clone_and_rename__values_of_each(prefix: Path, conda: RealConda) -> None:
    ran = conda("run", "-p", prefix, "python", "-c", SHOW)
    assert (json.loads(ran.out), ran.err) == (values(prefix), "")
    assert conda("create", "-n", "clone", "--clone", prefix, "--offline", "-y", "-q").code == 0
    clone = conda.envs / "clone"
    moved = conda("rename", "-n", "clone", "moved", "-y")
    assert moved.code == 0, moved.err
    renamed = conda.envs / "moved"
    assert json.loads(conda("run", "-n", "moved", "python", "-c", SHOW).out) == values(renamed)
    # Also where nobody activated it.
    plain = subprocess.run([renamed / "bin" / "python", "-c", SHOW], env={}, capture_output=True, text=True, check=True)
    assert json.loads(plain.stdout) == values(renamed)
    assert Path(values(renamed)[1]).is_dir()
    for path in (renamed / "etc" / "conda").rglob("*gpuenv*"):
        assert str(prefix) not in path.read_text()
        assert str(clone) not in path.read_text()


@pytest.mark.conda
def test_activate__real_conda_with_its_hook__activated_and_back(
    prefix: Path, conda: RealConda, base_environ: dict[str, str], tmp_path: Path
) -> None:
    """As in a terminal: `conda init` has put the hook into the profile."""
    other = conda.envs / "other"
    assert conda("create", "-n", "other", "--offline", "-y", "-q").code == 0
    dumps = [tmp_path / name for name in ("before", "active", "back")]
    lines = [
        f'eval "$({conda.program} shell.bash hook)"',
        f"conda activate {other}",
        f"env -0 > {dumps[0]}",
        f"conda activate {prefix}",
        f"env -0 > {dumps[1]}",
        "conda deactivate",
        f"env -0 > {dumps[2]}",
    ]
    environ = {**base_environ, **{name: it for name, it in conda.variables.items() if name != "HOME"}}
    subprocess.run(["bash", "-c", "\n".join(lines)], env=environ, check=True)
    before, active, back = (read_dump(path) for path in dumps)
    assert active["CUDA_CACHE_PATH"] == values(prefix)[1]
    assert active["CONDA_PREFIX"] == str(prefix)
    assert {name: it for name, it in back.items() if it} == {name: it for name, it in before.items() if it}


@pytest.mark.conda
def test_activate__conda_is_set_up_in_the_shell__conda_activate(
    gpuenv: Run, prefix: Path, conda: RealConda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDA_EXE", str(conda.program))
    monkeypatch.setenv("CONDA_SHLVL", "0")
    line = gpuenv("activate", "-n", "tf", "--shell", "bash").out.strip()
    assert line == f"conda activate {prefix}"
    script = f'eval "$({conda.program} shell.bash hook)"\n{line}\npython -c {shlex.quote(SHOW)}'
    environ = {**os.environ, **conda.variables}
    ended = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == values(prefix), ended.stderr


def test_note_driver__then_verify_under_another__activation_says_so(prefix: Path, base_environ: dict[str, str]) -> None:
    """`verify` writes the record when all checks on the GPU are ok; here the record is written as it does."""
    made = read_receipt(prefix)
    note_driver(made, "1.2.3")
    assert (prefix / "etc" / "gpuenv" / "driver.txt").read_text() == "1.2.3\ngpuenv verify -n\n"
    script = f"source {prefix}/etc/gpuenv/activate.sh"
    said = subprocess.run(["bash", "-c", script], env=base_environ, capture_output=True, text=True, check=True).stderr
    wanted = "this environment was proven with 1.2.3: run `gpuenv verify -n tf`\n"
    assert said.endswith(wanted) or not Path("/sys/module").is_dir()
    note_driver(made, None)
    assert not (prefix / "etc" / "gpuenv" / "driver.txt").exists()


def test_note_driver__results__only_when_all_on_the_gpu_are_ok(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpuenv import pipeline
    from gpuenv.extension import Check

    def check(name: str, *, needs_gpu: bool) -> Check:
        return Check(name, lambda context: CheckResult(name, "ok", ""), needs_gpu=needs_gpu)

    monkeypatch.setattr(pipeline.probe, "loaded_driver", lambda: "460.91.03")
    made, checks = read_receipt(prefix), [check("files", needs_gpu=False), check("train", needs_gpu=True)]
    record = prefix / "etc" / "gpuenv" / "driver.txt"
    for status in ("not run", "failed"):
        results = [CheckResult("files", "ok", ""), CheckResult("train", status, "")]  # type: ignore[arg-type]
        pipeline._note_driver(made, checks, results)
        assert not record.exists()
    pipeline._note_driver(made, checks, [CheckResult("train", "ok", ""), CheckResult("other", "failed", "")])
    assert record.read_text().startswith("460.91.03\n")
