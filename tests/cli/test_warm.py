"""Whole runs of `gpuenv warm` and of `create`'s step, with a driver built from C that takes its time to compile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_gpu import Act, build_fake_gpu, is_running, make_library, read_log
from small_stack import PYTHON, SmallStack

Run = Callable[..., Any]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux")
CACHE = '  CUDA_CACHE_PATH: {value: "{prefix}/var/gpuenv/compute-cache"}\n'


@pytest.fixture(scope="session")
def driver_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fake_gpu(tmp_path_factory.mktemp("fake-driver")).parent


@pytest.fixture
def gpu(driver_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this machine an H100; returns the log of what its driver is asked."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver_dir))
    monkeypatch.setenv("FAKE_GPU_LOG", str(tmp_path / "driver.log"))
    return tmp_path / "driver.log"


@pytest.fixture
def environment(gpuenv: Run, small_index: SmallStack, isolated: Path, gpu: Path) -> Path:
    """An environment whose framework has 12 modules more than machine code for this GPU."""
    small_index.recipe.write_text(f"{small_index.recipe.read_text().rstrip()}\n".replace("checks:", f"{CACHE}checks:"))
    ended = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--yes", "--no-warm", "--json")
    assert ended.code == 0, ended.err + ended.out
    prefix = isolated / "data" / "envs" / "tf"
    assert list((prefix / "var" / "gpuenv" / "compute-cache").iterdir()) == []
    make_library(kernels(prefix), *[Act("T", 20)] * 12)
    return prefix


def kernels(prefix: Path) -> Path:
    return prefix / "lib" / f"python{PYTHON}" / "site-packages" / "tensorflow" / "libkernels.so"


def loads(log: Path) -> int:
    return sum(said.what == "begin" for said in read_log(log)) if log.exists() else 0


def test_warm__cold_environment__compiles_all_then_says_that_nothing_is_to_do(
    gpuenv: Run, environment: Path, gpu: Path
) -> None:
    ended = gpuenv("warm", "-n", "tf", "--json")
    assert ended.code == 0, ended.err
    data = ended.document["data"]
    assert (data["modules"], data["compiled"], data["known"], data["left"], data["failed"]) == (13, 13, 0, 0, [])
    assert data["compute_capability"] == "9.0"
    assert data["cache_before_bytes"] == 0
    assert data["cache_after_bytes"] > 0
    assert data["cache_dir"] == str(environment / "var" / "gpuenv" / "compute-cache")
    assert data["summed_s"] >= data["longest_s"] >= 0.02
    assert loads(gpu) == 13
    assert "Compiled 13 modules of GPU code in" in ended.err
    again = gpuenv("warm", "-n", "tf")
    assert again.code == 0
    assert again.out == "nothing to do: all 13 modules are compiled for 9.0 with driver 580.159.04\n"
    assert loads(gpu) == 13


def test_warm__nothing_to_do__is_said_within_a_second(gpuenv: Run, environment: Path) -> None:
    assert gpuenv("warm", "-n", "tf").code == 0
    times = []
    for _ in range(3):
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "gpuenv", "warm", "-n", "tf"], capture_output=True, check=True)
        times.append(time.monotonic() - started)
    assert min(times) < 1.0


@pytest.mark.parametrize("change", ["driver", "library", "cache"])
def test_warm__something_changed_since__compiles_what_it_concerns(
    gpuenv: Run, environment: Path, gpu: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    assert gpuenv("warm", "-n", "tf").code == 0
    if change == "driver":
        monkeypatch.setenv("FAKE_GPU_DRIVER", "590.10.01")
    elif change == "library":
        make_library(kernels(environment), *[Act("T", 1)] * 5, first=100)
    else:
        next((environment / "var/gpuenv/compute-cache").iterdir()).unlink()
    data = gpuenv("warm", "-n", "tf", "--json").document["data"]
    assert (data["compiled"], data["known"]) == {"driver": (13, 0), "library": (5, 1), "cache": (13, 0)}[change]
    assert gpuenv("warm", "-n", "tf", "--json").document["data"]["nothing"] is not None


def test_warm__modules_fail__exit_1_named_and_tried_again(gpuenv: Run, environment: Path, gpu: Path) -> None:
    make_library(kernels(environment), Act("T", 1), Act("A"), Act("E", 218), Act("E", 2))
    ended = gpuenv("warm", "-n", "tf", "--json")
    assert (ended.code, ended.document["status"]) == (1, "partial")
    data = ended.document["data"]
    assert (data["compiled"], len(data["failed"]), len(data["refused"])) == (2, 2, 1)
    (error,) = ended.document["errors"]
    assert error["message"].startswith("2 of 5 modules were not compiled")
    assert error["hints"][0]["text"] == "run `gpuenv warm -n tf` to go on"
    before = loads(gpu)
    assert gpuenv("warm", "-n", "tf").code == 1
    assert loads(gpu) - before == 2, "what the driver refused is not asked again"


def test_warm__ctrl_c__exit_130_keeps_what_is_done_and_goes_on_later(gpuenv: Run, environment: Path, gpu: Path) -> None:
    make_library(kernels(environment), *[Act("T", 1)] * 4, Act("T", 60_000))
    running = subprocess.Popen(
        [sys.executable, "-m", "gpuenv", "warm", "-n", "tf", "--jobs", "2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 20
    while (not gpu.exists() or sum(said.what == "end" for said in read_log(gpu)) < 5) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 130, err
    assert json.loads(out)["errors"][0]["cause"] == "Ctrl-C was pressed; what was compiled is kept"
    assert {said.pid for said in read_log(gpu) if is_running(said.pid)} == set()
    before = loads(gpu)
    ended = gpuenv("warm", "-n", "tf", "--timeout", "1.5", "--json")
    assert (ended.document["data"]["known"], ended.document["data"]["left"]) == (5, 1)
    assert ended.code == 1
    assert loads(gpu) - before == 1


def test_warm__native_gpu__nothing_to_do(
    gpuenv: Run, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ampere = build_fake_gpu(tmp_path / "ampere", "MAJOR=8", "MINOR=6").parent
    monkeypatch.setenv("LD_LIBRARY_PATH", str(ampere))
    kernels(environment).unlink()
    ended = gpuenv("warm", "-n", "tf")
    assert (ended.code, ended.out) == (0, "nothing to do: machine code for 8.6 is in the framework\n")


def test_warm__no_gpu__exit_3(gpuenv: Run, environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpuenv import probe
    from gpuenv.model import Host

    monkeypatch.setattr(probe, "look_for_gpus", lambda probes: Host("linux-64"))
    ended = gpuenv("warm", "-n", "tf", "--json")
    assert ended.code == 3
    assert ended.document["errors"][0]["code"] == "no-gpu"


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        (["--gpu", "3"], 2, "there is no GPU 3, found 0"),
        (["--jobs", "0"], 2, "--jobs"),
        (["--timeout", "0"], 2, "--timeout"),
    ],
    ids=["no-such-gpu", "no-jobs", "no-time"],
)
def test_warm__wrong_option__exit_2(gpuenv: Run, environment: Path, extra: list[str], code: int, words: str) -> None:
    ended = gpuenv("warm", "-n", "tf", *extra)
    assert ended.code == code
    assert words in ended.err


def test_warm__users_own_cache__is_the_one_that_is_filled(
    gpuenv: Run, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_CACHE_PATH", str(tmp_path / "own"))
    monkeypatch.setenv("CUDA_CACHE_DISABLE", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert gpuenv("warm", "-n", "tf").code == 0
    assert len(os.listdir(tmp_path / "own")) == 13


def test_create__gpu_is_served_from_ptx__is_warmed_before_it_is_verified(
    gpuenv: Run, small_index: SmallStack, isolated: Path, gpu: Path
) -> None:
    small_index.recipe.write_text(small_index.recipe.read_text().replace("checks:", f"{CACHE}checks:"))
    ended = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--yes")
    assert ended.code == 0, ended.err
    assert "Compiled 1 module of GPU code in 1 process" in ended.err
    assert ended.err.index("Compiled 1 module") < ended.err.index("Verified:")
    assert loads(gpu) == 1
    assert "nothing to do" in gpuenv("warm", "-n", "tf").out


def test_create__warming_is_impossible__warns_and_goes_on(gpuenv: Run, small_index: SmallStack, gpu: Path) -> None:
    ended = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--yes", "--json")
    assert ended.code == 0, ended.err
    (warning,) = [it for it in ended.document["warnings"] if "compute cache" in it]
    assert "`CUDA_CACHE_PATH`" in warning


def test_create__gpu_only_named__nothing_is_compiled(gpuenv: Run, small_index: SmallStack, gpu: Path) -> None:
    small_index.recipe.write_text(small_index.recipe.read_text().replace("checks:", f"{CACHE}checks:"))
    assert gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--yes", "--gpu", "9.0").code == 0
    assert loads(gpu) == 0
