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
        (["--force"], 2, "`--force` is for `--import`"),
    ],
    ids=["no-such-gpu", "no-jobs", "no-time", "force"],
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


def readiness(gpuenv: Run) -> str:
    (one,) = gpuenv("info", "--json").document["data"]["environments"]
    return str(one["gpu_code"])


@pytest.fixture
def second(gpuenv: Run, small_index: SmallStack, environment: Path, isolated: Path) -> Path:
    """Another environment of the same lock, with the same further library, and nothing compiled."""
    ended = gpuenv("create", "-n", "b", "--recipe", small_index.recipe, "--yes", "--no-warm")
    assert ended.code == 0, ended.err
    prefix = isolated / "data" / "envs" / "b"
    kernels(prefix).write_bytes(kernels(environment).read_bytes())
    return prefix


def test_info_and_receipt__say_whether_the_gpu_code_is_ready(
    gpuenv: Run, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = environment / "etc" / "gpuenv" / "receipt.json"
    assert (json.loads(receipt.read_text())["gpu_code"], readiness(gpuenv)) == ("cold", "cold")
    assert gpuenv("warm", "-n", "tf").code == 0
    assert (json.loads(receipt.read_text())["gpu_code"], readiness(gpuenv)) == ("warm", "warm")
    assert "warm: its GPU code is compiled for this GPU" in gpuenv("info").out
    monkeypatch.setenv("FAKE_GPU_DRIVER", "590.10.01")
    assert readiness(gpuenv) == "cold"
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_fake_gpu(tmp_path / "ampere", "MAJOR=8", "MINOR=6").parent))
    assert readiness(gpuenv) == "native"
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_fake_gpu(tmp_path / "old", "MAJOR=3", "MINOR=0").parent))
    assert readiness(gpuenv) == "unknown"
    assert "unknown: it has no code for a GPU of this machine" in gpuenv("info").out
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert readiness(gpuenv) == "unknown"
    assert "unknown: no GPU here" in gpuenv("info").out


def test_warm__export_then_import__nothing_is_compiled_again(
    gpuenv: Run, environment: Path, second: Path, gpu: Path, tmp_path: Path
) -> None:
    assert gpuenv("warm", "-n", "tf").code == 0
    file = tmp_path / "out" / "h100.warm"
    exported = gpuenv("warm", "-n", "tf", "--export", file, "--json")
    assert exported.code == 0, exported.err
    assert exported.document["data"]["compiled_for"] == ["9.0 with driver 580.159.04"]
    assert gpuenv("warm", "-n", "tf", "--export", file).code == 8
    before = loads(gpu)
    taken = gpuenv("warm", "-n", "b", "--import", file)
    assert taken.code == 0, taken.err
    assert json.loads((second / "etc" / "gpuenv" / "receipt.json").read_text())["gpu_code"] == "warm"
    again = gpuenv("warm", "-n", "b")
    assert again.out == "nothing to do: all 13 modules are compiled for 9.0 with driver 580.159.04\n"
    assert loads(gpu) == before

    def cache(prefix: Path) -> dict[str, bytes]:
        directory = prefix / "var" / "gpuenv" / "compute-cache"
        return {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}

    assert cache(second) == cache(environment) != {}
    full = gpuenv("warm", "-n", "b", "--import", file)
    assert (full.code, "is not empty" in full.err) == (8, True)
    assert gpuenv("warm", "-n", "b", "--import", file, "--force").code == 0


def test_warm__import_without_a_gpu__exit_3_and_says_for_which_it_is(
    gpuenv: Run, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpuenv import probe
    from gpuenv.model import Host

    assert gpuenv("warm", "-n", "tf").code == 0
    assert gpuenv("warm", "-n", "tf", "--export", tmp_path / "x.warm").code == 0
    monkeypatch.setattr(probe, "look_for_gpus", lambda probes: Host("linux-64"))
    ended = gpuenv("warm", "-n", "b", "--import", tmp_path / "x.warm")
    assert (ended.code, "the file is for 9.0 with driver 580.159.04" in ended.err) == (3, True)


@pytest.mark.parametrize("other", ["driver", "gpu"])
def test_warm__import_of_another_machine__refused_with_the_reason(
    gpuenv: Run, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    assert gpuenv("warm", "-n", "tf").code == 0
    assert gpuenv("warm", "-n", "tf", "--export", tmp_path / "x.warm").code == 0
    if other == "driver":
        monkeypatch.setenv("FAKE_GPU_DRIVER", "590.10.01")
        here = "9.0 with driver 590.10.01"
    else:
        monkeypatch.setenv("LD_LIBRARY_PATH", str(build_fake_gpu(tmp_path / "new", "MAJOR=10", "MINOR=0").parent))
        here = "10.0 with driver 580.159.04"
    ended = gpuenv("warm", "-n", "b", "--import", tmp_path / "x.warm")
    assert ended.code == 1
    assert f"expected {here}, which this machine has; found 9.0 with driver 580.159.04" in ended.err
    assert list((second / "var" / "gpuenv" / "compute-cache").iterdir()) == []


def test_warm__import_from_other_libraries__refused_with_the_reason(gpuenv: Run, second: Path, tmp_path: Path) -> None:
    assert gpuenv("warm", "-n", "tf").code == 0
    assert gpuenv("warm", "-n", "tf", "--export", tmp_path / "x.warm").code == 0
    make_library(kernels(second), *[Act("T", 1)] * 5, first=100)
    ended = gpuenv("warm", "-n", "b", "--import", tmp_path / "x.warm")
    assert ended.code == 1
    assert "compiled from other libraries: `lib/" in ended.err


def test_warm__export_of_nothing__says_what_to_do(gpuenv: Run, environment: Path, tmp_path: Path) -> None:
    ended = gpuenv("warm", "-n", "tf", "--export", tmp_path / "x.warm")
    assert (ended.code, "run `gpuenv warm" in ended.err) == (1, True)
    assert not (tmp_path / "x.warm").exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "changed inside", "other", "leads out", "missing"])
def test_warm__import_of_a_damaged_file__refused_and_nothing_left(
    gpuenv: Run, second: Path, tmp_path: Path, damage: str
) -> None:
    import io
    import tarfile

    file = tmp_path / "x.warm"
    assert gpuenv("warm", "-n", "tf").code == 0
    assert gpuenv("warm", "-n", "tf", "--export", file).code == 0
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-200])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "changed inside":
        whole = bytearray(file.read_bytes())
        whole[len(whole) // 2 : len(whole) // 2 + 20] = bytes(20)
        file.write_bytes(whole)
    elif damage == "other":
        file.write_bytes(b"something else")
    elif damage == "missing":
        file.unlink()
    else:
        with tarfile.open(file) as archive:
            kept = [(member, archive.extractfile(member)) for member in archive.getmembers()]
            contents = [(member, content.read() if content else b"") for member, content in kept]
        with tarfile.open(file, "w:gz") as archive:
            for member, content in contents:
                archive.addfile(member, io.BytesIO(content))
            evil = tarfile.TarInfo("cache/../../../../evil")
            evil.size = 1
            archive.addfile(evil, io.BytesIO(b"x"))
    ended = gpuenv("warm", "-n", "b", "--import", file)
    assert ended.code == (8 if damage == "missing" else 6), ended.err
    cache = second / "var" / "gpuenv" / "compute-cache"
    assert list(cache.iterdir()) == []
    assert [path.name for path in cache.parent.iterdir() if path.name.startswith(".compute")] == []
