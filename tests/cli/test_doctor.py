"""`gpuenv doctor` as a user types it: a machine, any environment, a log; what is said, what is mended, how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broken_environments import BROKEN, make_wheels, make_whole, tensorflow
from log_corpus import entries
from small_stack import SmallStack

Run = Callable[..., Any]
on_linux = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None, reason="install gcc on Linux to run this"
)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return make_whole(tmp_path / "my env")


def log_file(tmp_path: Path, name: str) -> Path:
    (entry,) = [it for it in entries("failures.txt") if it.name == name]
    path = tmp_path / "train.log"
    path.write_bytes(entry.text.encode("utf-16"))
    return path


def test_doctor__log__cause_line_fix_and_what_it_explains(gpuenv: Run, tmp_path: Path) -> None:
    ended = gpuenv("doctor", "--log", log_file(tmp_path, "tf1-kernel-dso-no-device"))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("cause: the driver's kernel module and its libraries have different versions")
    assert "  line 1: failed call to cuInit: CUDA_ERROR_NO_DEVICE" in ended.out
    assert "  fix: run `sudo reboot`" in ended.out
    assert "explains: driver.no-device, driver.cuinit" in ended.out


def test_doctor__log_as_json__everything_for_a_program(gpuenv: Run, tmp_path: Path) -> None:
    data = gpuenv("doctor", "--log", log_file(tmp_path, "jax-cusolver-older"), "--json").document["data"]
    assert data["looked_at"] == "log"
    assert data["causes"][0]["rule"] == "loader.cuda-older"
    assert set(data["causes"][0]) >= {"rule", "cause", "fix", "confidence", "source", "line", "quote", "consequences"}
    assert "noise.tensorrt" in [it["id"] for it in data["harmless"]]


def test_doctor__healthy_log__nothing_is_claimed_and_noise_is_called_harmless(gpuenv: Run, tmp_path: Path) -> None:
    (entry,) = [it for it in entries("healthy.txt") if it.name == "tf2101-train"]
    (tmp_path / "log").write_text(entry.text)
    ended = gpuenv("doctor", "--log", tmp_path / "log")
    assert ended.code == 0
    assert ended.out.startswith("no cause was found in ")
    for noise in ("noise.no-gpu", "noise.tensorrt", "noise.factory", "noise.onednn"):
        assert noise in ended.out


def test_doctor__log_is_missing__exit_2_and_says_how(gpuenv: Run) -> None:
    ended = gpuenv("doctor", "--log", "nothing.log")
    assert ended.code == 2
    assert "`nothing.log` cannot be read: no such file or directory" in ended.err


@pytest.mark.parametrize("arguments", [[], ["--log"], ["--log", "-"]])
def test_doctor__piped_log__is_read(arguments: list[str]) -> None:
    log = "TypeError: Descriptors cannot be created directly."
    ended = subprocess.run(
        [sys.executable, "-m", "gpuenv", "doctor", *arguments, "--json"], input=log, capture_output=True, text=True
    )
    assert ended.returncode == 0
    assert [it["rule"] for it in json.loads(ended.stdout)["data"]["causes"]] == ["python.protobuf"]


def test_doctor__nothing_piped__looks_at_the_machine() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gpuenv", "doctor", "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    document = json.loads(ended.stdout)
    assert document["data"]["looked_at"] == "machine"
    assert ended.returncode == document["exit_code"] == (3 if document["data"]["causes"] else 0)


def test_doctor__machine_that_is_named__nothing_in_the_way(gpuenv: Run) -> None:
    data = gpuenv("doctor", "--gpu", "8.6", "--driver", "550.54", "--json").document["data"]
    assert data["looked_at"] == "machine"


@on_linux
def test_doctor__whole_environment__exit_0(gpuenv: Run, whole: Path) -> None:
    ended = gpuenv("doctor", "-p", whole)
    assert ended.code == 0
    assert "a virtual environment, Python" in ended.out
    assert "no cause was found: its files and packages fit together" in ended.out


def test_doctor__environment_without_a_framework__is_not_called_whole(gpuenv: Run, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    ended = gpuenv("doctor", "-p", tmp_path / "bare")
    assert ended.code == 0
    assert "no framework that gpuenv knows\n  nothing to find: without a framework nothing uses a GPU" in ended.out


@on_linux
def test_doctor__broken_environment__exit_7_and_the_fix(gpuenv: Run, whole: Path) -> None:
    BROKEN["protobuf of today"].break_it(whole)
    ended = gpuenv("doctor", "-p", whole / "bin" / "python")
    assert ended.code == 7
    assert "cause: protobuf 5.29.6 is installed, but TensorFlow 2.4.0 needs `protobuf<3.21`" in ended.out
    assert "error: the environment has 1 cause of failure" in ended.err


@on_linux
def test_doctor__fix__shows_commands_asks_and_mends(
    gpuenv: Run, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheels(tmp_path / "wheels", (("protobuf", "3.20.3"),))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    BROKEN["protobuf of today"].break_it(whole)
    BROKEN["links beside the loader removed"].break_it(whole)
    asked = gpuenv("doctor", "-p", whole, "--fix")
    assert asked.code == 2
    assert "  ln -sfn ../nvidia/cublas/lib/libcublas.so.11" in asked.err
    assert "Do these 2 repairs?" in asked.err
    assert not (tensorflow(whole) / "libcublas.so.11").exists()
    ended = gpuenv("doctor", "-p", whole, "--fix", "--yes", "--json")
    assert (ended.code, ended.document["data"]["causes"]) == (0, [])
    assert len(ended.document["data"]["fixed"]) == 2
    assert (tensorflow(whole) / "libcublas.so.11").exists()


@on_linux
def test_doctor__fix_with_nothing_safe__says_the_cause_and_changes_nothing(gpuenv: Run, whole: Path) -> None:
    BROKEN["no GPU code in the build"].break_it(whole)
    before = sorted(whole.rglob("*"))
    ended = gpuenv("doctor", "-p", whole, "--fix", "--yes")
    assert ended.code == 7
    assert "env.cpu-only" in ended.out
    assert sorted(whole.rglob("*")) == before


@on_linux
def test_doctor__made_by_gpuenv_and_a_link_removed__linked_again(gpuenv: Run, small_index: SmallStack) -> None:
    assert gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes").code == 0
    prefix = Path(gpuenv("list", "--json").document["data"]["environments"][0]["prefix"])
    assert "made by gpuenv" in gpuenv("doctor", "-n", "tf").out
    link = next(prefix.rglob("libcusolver.so.10"))
    link.unlink()
    assert [it["rule"] for it in gpuenv("doctor", "-n", "tf", "--json").document["data"]["causes"]] == ["env.link-gone"]
    ended = gpuenv("doctor", "-n", "tf", "--fix", "--yes")
    assert ended.code == 0, ended.out
    assert "Done: Link 1 CUDA libraries again" in ended.out
    assert link.exists()
    assert gpuenv("verify", "-n", "tf", "files").code == 0


@on_linux
def test_doctor__made_by_gpuenv_and_the_start_up_file_removed__named(gpuenv: Run, small_index: SmallStack) -> None:
    assert gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes").code == 0
    prefix = Path(gpuenv("list", "--json").document["data"]["environments"][0]["prefix"])
    next(prefix.rglob("*gpuenv*.pth")).unlink()
    causes = gpuenv("doctor", "-n", "tf", "--json").document["data"]["causes"]
    assert [it["rule"] for it in causes] == ["env.startup-missing"]
    assert "gpuenv create -n tf --recipe small.yaml" in causes[0]["fix"]
    assert causes[0]["fix"].endswith("--force`")


def test_doctor__real_venv_without_a_framework__nothing_claimed(gpuenv: Run, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    ended = gpuenv("doctor", "-p", tmp_path / "venv")
    assert ended.code == 0
    assert "no framework that gpuenv knows" in ended.out


def test_doctor__name_and_log__exit_2(gpuenv: Run) -> None:
    assert gpuenv("doctor", "-n", "tf", "--log", "x").code == 2


def test_doctor__plugin_rules__are_asked(gpuenv: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpuenv.extension import Diagnosis, Rule
    from gpuenv.plugins import Plugins

    def find(log: str) -> Diagnosis | None:
        return (
            Diagnosis("acme", "the licence server is down", "call 1234", "certain", "wiki")
            if "licence" in log
            else None
        )

    known = Plugins.doctor_rules
    monkeypatch.setattr(Plugins, "doctor_rules", lambda self: [Rule("acme", find, 0), *known(self)])
    (tmp_path / "log").write_text("no licence\n")
    assert "cause: the licence server is down" in gpuenv("doctor", "--log", tmp_path / "log").out


@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_doctor__log_of_30_mb__line_numbers_are_the_file_s(tmp_path: Path, piped: bool) -> None:
    log = tmp_path / "train.log"
    step = b"2021-01-01 00:00:00.000000: I tensorflow/core/common_runtime step %d loss=0.1 epoch 3/10 [=====>....]\n"
    with log.open("wb") as file:
        file.writelines(step % number for number in range(300_000))
        file.write(b"E tensorflow/stream_executor/cuda/cuda_dnn.cc:336] Could not create cudnn handle: ")
        file.write(b"CUDNN_STATUS_INTERNAL_ERROR\n")
    command = [sys.executable, "-m", "gpuenv", "doctor", "--json", "--log"]
    with log.open("rb") as file:
        ended = subprocess.run([*command, *([] if piped else [log])], stdin=file, capture_output=True, check=True)
    assert json.loads(ended.stdout)["data"]["causes"][0]["line"] == 300_001


def test_doctor__log_of_one_line__is_one_line(gpuenv: Run, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("hello\n")
    assert gpuenv("doctor", "--log", tmp_path / "log").out == "no cause was found in 1 line\n"


@on_linux
def test_verify__environment_that_gpuenv_did_not_make__names_who_looks_at_any(gpuenv: Run, whole: Path) -> None:
    ended = gpuenv("verify", "-p", whole)
    assert ended.code == 8
    assert f"hint: run `gpuenv doctor -p '{whole}'`, which looks at environments of any kind" in ended.err
