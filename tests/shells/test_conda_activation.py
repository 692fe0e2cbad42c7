"""The scripts in `etc/conda`, run by real shells in the order in which conda runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpuenv.activate.conda_scripts import conda_scripts
from gpuenv.model import Variable
from real_conda import make_conda

VARIABLES = {
    "CUDA_MODULE_LOADING": Variable(value="LAZY"),
    "CUDA_CACHE_PATH": Variable(value="{prefix}/var/gpuenv/compute-cache"),
    "XLA_FLAGS": Variable(value="--xla_gpu_cuda_data_dir={cuda_dir}", mode="flag"),
    "GPUENV_TEST_LIST": Variable(value="{prefix}/list", mode="path"),
}
OWN = {
    "nothing": {},
    "values": {
        "CUDA_MODULE_LOADING": "EAGER",
        "CUDA_CACHE_PATH": "/my/own cache",
        "XLA_FLAGS": "--xla_dump_to=/tmp/d",
        "GPUENV_TEST_LIST": "/a:/b c",
    },
    "empty values": {"CUDA_MODULE_LOADING": "", "XLA_FLAGS": "", "GPUENV_TEST_LIST": ""},
    "the same flag": {"XLA_FLAGS": "--xla_dump_to=/tmp/d --xla_gpu_cuda_data_dir=/usr/local/cuda"},
    "a file with flags": {"XLA_FLAGS": "/home/me/flags.txt"},
    "odd characters": {"XLA_FLAGS": "--a=$HOME --b='`id`' --c=\\x * ~ ; % é", "GPUENV_TEST_LIST": "/x y:/$z:/*"},
}
PREFIXES = ["tf", "a b", "it's", "$HOME$(touch owned)", "`touch owned`", "a;touch owned", "50%PATH%", "ünï", "hey!you"]
SHELLS = ["bash", "dash", "zsh", "fish", "tcsh"]


@dataclass(frozen=True)
class Prefix:
    path: Path

    def script(self, which: str, shell: str) -> Path:
        suffix = {"fish": "fish", "tcsh": "csh"}.get(shell, "sh")
        return self.path / "etc" / "conda" / which / f"zz-gpuenv.{suffix}"


def make_prefix(path: Path) -> Prefix:
    for file, text in conda_scripts(VARIABLES, path, path / "nvcc").items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Prefix(path)


def run(shell: str, steps: list[tuple[str, Prefix]], own: dict[str, str], tmp_path: Path) -> list[dict[str, str]]:
    """Run steps (`on`, `off`) in a shell; return the variables before the first and after each."""
    if shutil.which(shell) is None:
        pytest.skip(f"install {shell} to run this")
    setting = {"fish": "set -gx CONDA_PREFIX $P{}", "tcsh": 'setenv CONDA_PREFIX "$P{}:q"'}
    source = {"fish": "source $S{}", "tcsh": 'source "$S{}:q"'}
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", **own}
    lines = ["set -eu"] if shell in ("bash", "dash", "zsh") else []
    lines.append("env -0 > out.0")
    for number, (step, prefix) in enumerate(steps, start=1):
        environ[f"P{number}"] = str(prefix.path)
        environ[f"S{number}"] = str(prefix.script("activate.d" if step == "on" else "deactivate.d", shell))
        if step == "on":
            lines.append(setting.get(shell, 'export CONDA_PREFIX="$P{}"').format(number))
        lines.append(source.get(shell, '. "$S{}"').format(number))
        lines.append(f"env -0 > out.{number}")
    script = tmp_path / "script"
    script.write_text("\n".join(lines) + "\n")
    argv = [shell, *(["-f"] if shell in ("tcsh", "zsh") else []), str(script)]
    ended = subprocess.run(argv, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not (tmp_path / "owned").exists()
    dumps = [(tmp_path / f"out.{number}").read_bytes().decode().split("\0") for number in range(len(steps) + 1)]
    found = [dict(entry.split("=", 1) for entry in dump if entry) for dump in dumps]
    return [{name: value for name, value in dump.items() if name not in {"CONDA_PREFIX", "_"}} for dump in found]


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("shell", SHELLS)
def test_activate__then_deactivate__as_before(shell: str, own: dict[str, str], tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "tf")
    before, active, after = run(shell, [("on", prefix), ("off", prefix)], own, tmp_path)
    assert after == before
    assert active["CUDA_MODULE_LOADING"] == own.get("CUDA_MODULE_LOADING", "LAZY")
    assert active["CUDA_CACHE_PATH"] == own.get("CUDA_CACHE_PATH", f"{prefix.path}/var/gpuenv/compute-cache")
    flag, theirs = f'--xla_gpu_cuda_data_dir="{prefix.path}/nvcc"', own.get("XLA_FLAGS", "")
    keeps = "xla_gpu_cuda_data_dir" in theirs or theirs.startswith("/")
    assert active["XLA_FLAGS"] == (theirs if keeps else f"{theirs} {flag}".lstrip())
    assert active["GPUENV_TEST_LIST"].split(":")[0] == f"{prefix.path}/list"


@pytest.mark.parametrize("name", PREFIXES)
@pytest.mark.parametrize("shell", SHELLS)
def test_activate__odd_prefix__taken_as_it_is(shell: str, name: str, tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / name)
    before, active, after = run(shell, [("on", prefix), ("off", prefix)], {}, tmp_path)
    assert active["CUDA_CACHE_PATH"] == f"{prefix.path}/var/gpuenv/compute-cache"
    assert after == before


@pytest.mark.parametrize("shell", SHELLS)
def test_activate__again_and_after_a_reactivation__the_same(shell: str, tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "tf")
    steps = [("on", prefix), ("on", prefix), ("off", prefix), ("on", prefix), ("off", prefix)]
    before, once, twice, off, again, after = run(shell, steps, {"XLA_FLAGS": "--a"}, tmp_path)
    assert once == twice == again
    assert before == off == after


@pytest.mark.parametrize("shell", SHELLS)
def test_activate__stacked__inner_then_outer_restored(shell: str, tmp_path: Path) -> None:
    outer, inner = make_prefix(tmp_path / "outer"), make_prefix(tmp_path / "inner")
    steps = [("on", outer), ("on", inner), ("off", inner), ("off", outer)]
    before, first, _, popped, after = run(shell, steps, {}, tmp_path)
    assert popped == first
    assert after == before


@pytest.mark.parametrize("shell", SHELLS)
def test_activate__clone__its_own_prefix(shell: str, tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "tf")
    shutil.copytree(prefix.path, tmp_path / "clone")
    _, active = run(shell, [("on", Prefix(tmp_path / "clone"))], {}, tmp_path)
    assert active["CUDA_CACHE_PATH"] == f"{tmp_path}/clone/var/gpuenv/compute-cache"


@pytest.mark.conda
def test_activate__real_conda_in_bash__as_before(tmp_path: Path) -> None:
    conda = make_conda(tmp_path / "conda", tmp_path.as_uri())
    prefix = make_prefix(tmp_path / "tf")
    (prefix.path / "conda-meta").mkdir()
    (prefix.path / "conda-meta" / "history").touch()
    shell = f"{conda.program} shell.posix"
    script = (
        f'eval "$({shell} deactivate)" || true; env -0 > before;'
        f' eval "$({shell} activate "{prefix.path}")"; env -0 > on;'
        f' eval "$({shell} reactivate)"; env -0 > again; eval "$({shell} deactivate)"; env -0 > after'
    )
    environ = {**conda.variables, "PATH": os.environ["PATH"], "PS1": "$ "}
    subprocess.run(["bash", "-c", script], env=environ, cwd=tmp_path, check=True)
    dumps = {
        name: dict(it.split("=", 1) for it in (tmp_path / name).read_bytes().decode().split("\0") if it)
        for name in ("before", "on", "again", "after")
    }
    assert dumps["on"]["CUDA_CACHE_PATH"] == f"{prefix.path}/var/gpuenv/compute-cache"
    ours = {name for name in dumps["on"] if name in VARIABLES or name.startswith("_GPUENV_")}
    assert {name: dumps["on"][name] for name in ours} == {name: dumps["again"].get(name) for name in ours}
    assert not ours & set(dumps["after"])
