"""The crew with real worker processes and a driver built from C that takes time, hangs, aborts and refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import gpuenv.warm.crew as crew_module
from fake_gpu import Act, build_fake_gpu, is_running, make_library, read_log
from gpuenv.binaries import fat_binaries
from gpuenv.model import FailedModule
from gpuenv.process import Child
from gpuenv.warm.crew import Crew, Limits
from gpuenv.warm.modules import Library, Module, Scanned, plan_modules

WORKER = Path(crew_module.__file__).with_name("warm_worker.py")
QUICK = Act("T", 1)


@pytest.fixture(scope="session")
def libcuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fake_gpu(tmp_path_factory.mktemp("fake-gpu"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("cache", "contexts"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def make_crew(place: Path, libcuda: Path) -> Callable[..., Crew]:
    def make(*acts: Act, workers: int = 4, module_s: float = 20.0, total_s: float = 30.0, **extra: object) -> Crew:
        path = make_library(place / "libkernels.so", *acts)
        modules = plan_modules([Scanned(Library(path, ""), fat_binaries(path))], (9, 0))
        environment = {
            "CUDA_CACHE_PATH": str(place / "cache"),
            "CUDA_MODULE_LOADING": "EAGER",
            "FAKE_GPU_LOG": str(place / "log"),
            "FAKE_GPU_CONTEXTS": str(place / "contexts"),
            **{f"FAKE_GPU_{name.upper()}": str(value) for name, value in extra.items()},
        }
        argv: list[str | Path] = [sys.executable, "-I", "-S", WORKER, libcuda, "0"]
        start = partial(Child, argv, env=environment, log=place / "warm.log")
        return Crew(modules, start, Limits(workers, module_s, total_s))

    return make


def cached(place: Path) -> list[int]:
    return sorted(int(path.stem) for path in (place / "cache").iterdir())


def pids(place: Path) -> set[int]:
    return {said.pid for said in read_log(place / "log")}


def left_behind(place: Path) -> set[int]:
    return {pid for pid in pids(place) if is_running(pid)}


def offsets(failed: list[FailedModule], modules: Any) -> list[int]:
    return [[module.offset for module in modules].index(it.offset) for it in failed]


def test_crew__many_modules__all_compiled_and_nobody_left(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = make_crew(*[QUICK] * 30)
    crew.work()
    assert (len(crew.compiled), crew.failed, crew.left, crew.stopped) == (30, [], 0, None)
    assert cached(place) == list(range(30))
    assert 1 <= crew.most_at_once <= 4
    assert left_behind(place) == set()


def test_crew__one_long_module__begins_first_and_the_others_run_beside_it(
    make_crew: Callable[..., Crew], place: Path
) -> None:
    crew = make_crew(*[Act("T", 100)] * 8, Act("T", 900, ptx_bytes=4096))
    crew.work()
    begun = [said for said in read_log(place / "log") if said.what == "begin"]
    ended = {said.number: said.at_s for said in read_log(place / "log") if said.what == "end"}
    assert begun[0].number == 8
    assert ended[8] - begun[0].at_s < 1.6
    assert sum(ended[number] <= ended[8] + 0.05 for number in range(8)) == 8
    assert len(pids(place)) == 4


def test_crew__fewer_modules_than_cores__no_worker_too_many(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = make_crew(QUICK, QUICK, workers=16)
    crew.work()
    assert len(pids(place)) <= 2
    assert len(crew.compiled) == 2


@pytest.mark.parametrize(
    ("memory_mb", "worker_mb", "most"),
    [(80_000, 500, 6), (2_700, 500, 4), (3_000, 1_000, 3), (650, 500, 2)],
    ids=["plenty", "600 MiB at least for each", "as measured", "two at least try"],
)
def test_crew__gpu_memory__bounds_the_workers(
    make_crew: Callable[..., Crew], place: Path, memory_mb: int, worker_mb: int, most: int
) -> None:
    crew = make_crew(*[Act("T", 150)] * 18, workers=6, mb=memory_mb, worker_mb=worker_mb)
    crew.work()
    assert len(pids(place)) == most
    assert len(crew.compiled) == 18


def test_crew__gpu_takes_one_process_only__it_does_all_the_work(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = make_crew(*[Act("T", 50)] * 6, most_contexts=1)
    crew.work()
    assert (len(crew.compiled), crew.failed) == (6, [])
    assert len({said.pid for said in read_log(place / "log") if said.what == "begin"}) == 1


def test_crew__no_process_can_use_the_gpu__says_why(make_crew: Callable[..., Crew]) -> None:
    crew = make_crew(QUICK, most_contexts=0)
    crew.work()
    assert crew.left == 1
    assert crew.stopped == "the driver could not be started: cuDevicePrimaryCtxRetain gave CUDA_ERROR_UNKNOWN (46)"


def test_crew__no_such_driver__says_why(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = make_crew(QUICK)
    crew.start = partial(
        Child, [sys.executable, "-I", "-S", WORKER, place / "none.so", "0"], env={}, log=place / "warm.log"
    )
    crew.work()
    assert "dlopen" in str(crew.stopped)
    assert "none.so" in str(crew.stopped)


def test_crew__modules_that_abort_hang_and_are_refused__are_named_and_the_rest_is_done(
    make_crew: Callable[..., Crew], place: Path
) -> None:
    acts = [QUICK, Act("A"), QUICK, Act("H"), QUICK, Act("E", 218), QUICK, Act("E", 2), *[QUICK] * 8]
    crew = make_crew(*acts, workers=2, module_s=1.0)
    crew.work()
    reasons = dict(zip(offsets(crew.failed, crew.modules), [it.reason for it in crew.failed], strict=True))
    assert reasons == {
        1: "the worker ended: signal SIGABRT",
        3: "the worker ended: no end within 1 s",
        7: "cuModuleLoadFatBinary gave CUDA_ERROR_OUT_OF_MEMORY (2)",
    }
    assert offsets(crew.refused, crew.modules) == [5]
    assert crew.refused[0].reason == "cuModuleLoadFatBinary gave CUDA_ERROR_INVALID_PTX (218)"
    assert len(crew.compiled) == 12
    assert cached(place) == [number for number in range(16) if number not in (1, 3, 5, 7)]
    assert left_behind(place) == set()


def test_crew__every_module_kills_its_worker__ends(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = make_crew(*[Act("A")] * 6, workers=3)
    crew.work()
    assert (len(crew.failed), crew.compiled, crew.left) == (6, [], 0)
    assert len(pids(place)) == 6


def test_crew__time_is_up__stops_with_what_is_done(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = make_crew(*[QUICK] * 5, *[Act("H")] * 2, workers=3, total_s=2.0)
    started = time.monotonic()
    crew.work()
    assert time.monotonic() - started < 6
    assert (len(crew.compiled), crew.left, crew.failed) == (5, 2, [])
    assert crew.stopped == "the time limit of 2 s was reached"
    assert left_behind(place) == set()


def test_crew__interrupted__keeps_what_is_done_and_leaves_nobody(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = make_crew(*[QUICK] * 6, *[Act("H")] * 2, workers=3)
    threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        crew.work()
    assert len(crew.compiled) == 6
    assert cached(place) == list(range(6))
    assert left_behind(place) == set()


def test_worker__parent_is_killed_while_a_module_hangs__worker_ends(place: Path, libcuda: Path) -> None:
    library = make_library(place / "libkernels.so", Act("H"))
    offset = fat_binaries(library)[0].offset
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-I', '-S', {str(WORKER)!r}, {str(libcuda)!r}, '0'],\n"
        "    stdin=subprocess.PIPE, start_new_session=True)\n"
        f'child.stdin.write(b\'{{"library": "{library}", "offset": {offset}}}\\n\'); child.stdin.flush()\n'
        "time.sleep(60)"
    )
    log = place / "log"
    environment = {"CUDA_CACHE_PATH": str(place / "cache"), "CUDA_MODULE_LOADING": "EAGER", "FAKE_GPU_LOG": str(log)}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.DEVNULL)
    assert until(lambda: log.exists() and any(said.what == "begin" for said in read_log(log)))
    parent.kill()
    parent.wait()
    assert until(lambda: not left_behind(place))


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_crew__on_change__hears_of_every_module(make_crew: Callable[..., Crew]) -> None:
    heard: list[int] = []
    crew = make_crew(*[QUICK] * 5, Act("E", 218))
    crew.on_change = lambda it: heard.append(it.left)
    crew.work()
    assert heard == [5, 4, 3, 2, 1, 0]


def test_crew__nothing_to_compile__starts_nobody(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = Crew((), make_crew(QUICK).start, Limits(4, 1.0, 1.0))
    crew.work()
    assert (crew.left, crew.most_at_once, (place / "log").exists()) == (0, 0, False)


def test_crew__library_is_gone__each_module_is_named(make_crew: Callable[..., Crew], place: Path) -> None:
    crew = make_crew(QUICK)
    crew.modules = (Module(place / "gone.so", 0, 64),)
    crew.work()
    (failed,) = crew.failed
    assert "No such file" in failed.reason
