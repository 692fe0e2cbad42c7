"""The whole detection on machines made of fake drivers: real libraries, real child processes, fake /proc and /sys."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from fake_drivers import answers, asked_once, build_driver, install_driver
from gpuenv.model import Driver, Gpu, Host, Overrides
from gpuenv.probe import nvidia
from gpuenv.probe.nvidia import Surroundings, detect

__all__ = ["answers", "asked_once", "build_driver", "install_driver"]

Install = Callable[..., Path]

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the fake drivers are ELF libraries: run on Linux"),
    pytest.mark.usefixtures("asked_once"),
]

RTX_3080 = Gpu(0, "NVIDIA GeForce RTX 3080", (8, 6), 10 * 2**30, "nvml")
GTX_1080_TI = Gpu(1, "NVIDIA GeForce GTX 1080 Ti", (6, 1), 11 * 2**30, "nvml")
MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.57.02  Tue Jul 13 16:14:05 UTC 2021\nGCC version: 9\n"


@pytest.fixture
def machine(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path, {"PATH": str(tmp_path / "bin")}, timeout_s=10.0, windows=False)


def codes(found: nvidia.Detected) -> list[str]:
    return [note.code for note in found.notes]


def note(found: nvidia.Detected, code: str) -> str:
    return next(f"{note.message} | {note.hint}" for note in found.notes if note.code == code)


def detect_patiently(machine: Surroundings, code: str) -> nvidia.Detected:
    """Wait longer and longer for a library that hangs, until the other one had the time to answer on a busy machine."""
    for timeout_s in (0.2, 1.5, 10.0):
        found = detect(replace(machine, timeout_s=timeout_s))
        if codes(found) == [code]:
            break
    return found


def add_module(root: Path, *names: str, text: str = MODULE) -> None:
    (root / "proc/driver/nvidia").mkdir(parents=True)
    (root / "proc/driver/nvidia/version").write_text(text)
    for index, name in enumerate(names):
        directory = root / f"proc/driver/nvidia/gpus/0000:0{index}:00.0"
        directory.mkdir(parents=True)
        (directory / "information").write_text(f"Model: \t\t {name}\nIRQ:   \t\t 171\nGPU UUID: \t GPU-8932f937\n")


def add_pci(root: Path, *drivers: str | None, device_class: str = "0x030000") -> None:
    for index, driver in enumerate(drivers):
        device = root / f"sys/bus/pci/devices/0000:0{index}:00.0"
        device.mkdir(parents=True)
        (device / "vendor").write_text("0x10de\n")
        (device / "class").write_text(device_class + "\n")
        if driver is not None:
            (device / "driver").symlink_to(root / "sys/bus/pci/drivers" / driver)


def add_nvidia_smi(root: Path, script: str) -> None:
    program = root / "bin/nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_detect__both_libraries_good__lists_all_gpus_with_source_nvml(machine, install_driver: Install) -> None:
    install_driver("nvml", "GOOD")
    install_driver("libcuda", "GOOD")
    found = detect(machine)
    assert found.gpus == (RTX_3080, GTX_1080_TI)
    assert found.driver == Driver(Version("470.57.02"), Version("11.4"), "nvml")
    assert found.notes == ()


def test_detect__only_libcuda__lists_gpus_with_source_libcuda(machine, install_driver: Install) -> None:
    install_driver("libcuda", "GOOD")
    found = detect(machine)
    assert found.gpus == (replace(RTX_3080, source="libcuda"), replace(GTX_1080_TI, source="libcuda"))
    assert found.driver == Driver(None, Version("11.4"), "libcuda")


def test_detect__libcuda_and_kernel_module__takes_driver_version_from_proc(machine, install_driver: Install) -> None:
    install_driver("libcuda", "GOOD")
    add_module(machine.root)
    found = detect(machine)
    assert found.driver == Driver(Version("470.57.02"), Version("11.4"), "proc")
    assert "470.57.02 is loaded, but no NVML" in note(found, "gpu.no-nvml")


def test_detect__only_nvml__notes_that_nothing_can_compute(machine, install_driver: Install) -> None:
    install_driver("nvml", "GOOD")
    found = detect(machine)
    assert found.gpus == (RTX_3080, GTX_1080_TI)
    assert "NVIDIA_DRIVER_CAPABILITIES" in note(found, "gpu.no-libcuda")


def test_detect__nvml_without_capability_call__takes_it_from_libcuda(machine, install_driver: Install) -> None:
    install_driver("nvml", "OLD")
    install_driver("libcuda", "OTHER")  # says 9.6 and 9.1, which the table of products does not say of these names
    found = detect(machine)
    assert [gpu.compute_capability for gpu in found.gpus] == [(9, 6), (9, 1)]
    assert found.notes == ()


def test_detect__nvml_without_capability_call_alone__takes_it_from_the_name(machine, install_driver: Install) -> None:
    install_driver("nvml", "OLD")
    assert [gpu.compute_capability for gpu in detect(machine).gpus] == [(8, 6), (6, 1)]


@pytest.mark.parametrize(
    ("nvml", "libcuda", "code"),
    [
        pytest.param("HANG", "GOOD", "gpu.hung", id="nvml hangs"),
        pytest.param("CRASH", "GOOD", "gpu.crashed", id="nvml aborts"),
        pytest.param("MISMATCH", "GOOD", "gpu.driver-mismatch", id="nvml is of another version"),
        pytest.param("HALF", "GOOD", "gpu.nvml-failed", id="nvml lost a GPU half-way"),
    ],
)
def test_detect__nvml_broken__libcuda_lists_gpus_and_a_note_says_why(
    machine, install_driver: Install, nvml: str, libcuda: str, code: str
) -> None:
    install_driver("nvml", nvml)
    install_driver("libcuda", libcuda)
    found = detect_patiently(machine, code)
    assert [gpu.source for gpu in found.gpus] == ["libcuda", "libcuda"]
    assert codes(found) == [code]


def test_detect__both_libraries_hang__ends_within_the_limit_and_reads_proc(machine, install_driver: Install) -> None:
    install_driver("nvml", "HANG")
    install_driver("libcuda", "HANG")
    add_module(machine.root, "NVIDIA GeForce RTX 3080")
    add_nvidia_smi(machine.root, "exec /bin/sleep 60")
    started = time.monotonic()
    found = detect(replace(machine, timeout_s=0.2))
    elapsed_s = time.monotonic() - started
    assert 0.2 <= elapsed_s < 3.0  # both are asked at once, and nvidia-smi is not asked after a hang
    assert found.gpus == (Gpu(0, "NVIDIA GeForce RTX 3080", (8, 6), None, "proc"),)
    assert found.driver == Driver(Version("470.57.02"), None, "proc")
    assert codes(found) == ["gpu.hung", "gpu.hung"]
    assert "within 0.2 s" in note(found, "gpu.hung")
    assert "GPUENV_PROBE_TIMEOUT_S=60" in note(found, "gpu.hung")


def test_detect__nvml_hangs__leaves_no_child_behind(machine, install_driver: Install) -> None:
    library = install_driver("nvml", "HANG")
    detect(replace(machine, timeout_s=0.3))
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(library).encode() in _read_bytes(path)]
    assert left == []


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_detect__nvml_crashes__note_names_the_signal_and_the_library(machine, install_driver: Install) -> None:
    library = install_driver("nvml", "CRASH")
    found = detect(machine)
    assert f"({library}) ended with signal SIGABRT" in note(found, "gpu.crashed")
    assert found.gpus == ()
    assert codes(found)[-1] == "gpu.none"


def test_detect__nvml_lies__refuses_every_implausible_value(machine, install_driver: Install) -> None:
    install_driver("nvml", "GARBAGE")
    found = detect(machine)
    assert found.gpus == (Gpu(0, None, None, None, "nvml"), Gpu(1, None, None, None, "nvml"))
    assert found.driver is None
    refused = [note.message for note in found.notes if note.code == "gpu.implausible"]
    assert len(refused) == 2 + 3 * 2
    assert any("driver version `banana\\x01`" in message for message in refused)
    assert any("CUDA driver API `1234567`" in message for message in refused)
    assert any("compute capability `99.77`, expected 1.0 to 20.9" in message for message in refused)
    assert any("memory of `0 bytes`" in message for message in refused)


def test_detect__nvml_counts_four_thousand_million_gpus__is_refused_at_once(machine, install_driver: Install) -> None:
    install_driver("nvml", "MANY")
    started = time.monotonic()
    found = detect(machine)
    assert time.monotonic() - started < 5.0
    assert found.gpus == ()
    assert "a number of GPUs of" in note(found, "gpu.implausible")


def test_detect__nvml_says_no_gpu__is_believed_against_proc(machine, install_driver: Install) -> None:
    install_driver("nvml", "NO_GPU")
    add_module(machine.root, "NVIDIA GeForce RTX 3080")
    found = detect(machine)
    assert found.gpus == ()
    assert "gpu.none" in codes(found)


@pytest.mark.parametrize(
    ("macro", "code", "words"),
    [
        pytest.param("INIT=34", "gpu.cuda-stub", "CUDA_ERROR_STUB_LIBRARY", id="stub of the toolkit"),
        pytest.param(
            "INIT=999", "gpu.cuda-failed", "`cuInit` failed with error 999 (CUDA_ERROR_UNKNOWN)", id="unknown"
        ),
        pytest.param("INIT=100", "gpu.cuda-failed", "CUDA_ERROR_NO_DEVICE", id="no device though NVML lists two"),
        pytest.param("INIT=803", "gpu.driver-mismatch", "sudo reboot", id="another version"),
        pytest.param("HANG", "gpu.hung", "`libcuda` gave no answer", id="hangs"),
    ],
)
def test_detect__libcuda_broken__keeps_gpus_and_notes_it(
    machine, install_driver: Install, macro: str, code: str, words: str
) -> None:
    install_driver("nvml", "GOOD")
    install_driver("libcuda", macro)
    found = detect_patiently(machine, code)
    assert found.gpus == (RTX_3080, GTX_1080_TI)
    assert codes(found) == [code]
    assert words in note(found, code)


def test_detect__stub_alone__gives_no_driver(machine, install_driver: Install) -> None:
    install_driver("libcuda", "INIT=34")
    found = detect(machine)
    assert found.driver is None
    assert codes(found) == ["gpu.cuda-stub", "gpu.none"]


@pytest.mark.parametrize(
    ("macro", "words"),
    [
        pytest.param("ONE", "`nvml` lists 2 GPUs, `libcuda` 1: kept `nvml`", id="number of GPUs"),
        pytest.param("OTHER", "8.6 by `nvml` and 9.6 by `libcuda`: kept `nvml`", id="capability"),
        pytest.param("NEWER", "CUDA driver API is `12.8` by `libcuda`, `11.4` by `nvml`: kept `12.8`", id="api"),
    ],
)
def test_detect__sources_disagree__keeps_the_better_and_notes_both(
    machine, install_driver: Install, macro: str, words: str
) -> None:
    install_driver("nvml", "GOOD")
    install_driver("libcuda", macro)
    found = detect(machine)
    assert found.gpus == (RTX_3080, GTX_1080_TI)
    assert words in note(found, "gpu.sources-disagree")


def test_detect__module_and_nvml_of_different_versions__notes_it(machine, install_driver: Install) -> None:
    install_driver("nvml", "MISMATCH")
    add_module(machine.root, "NVIDIA GeForce RTX 3080", text=MODULE.replace("470.57.02", "460.91.03"))
    found = detect(machine)
    assert "kernel module 460.91.03 is loaded" in note(found, "gpu.driver-mismatch")
    assert found.driver == Driver(Version("460.91.03"), None, "proc")
    assert [gpu.compute_capability for gpu in found.gpus] == [(8, 6)]


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        pytest.param("", 2, id="empty hides all"),
        pytest.param("-1", 2, id="-1 hides all"),
        pytest.param("1", 1, id="one of two"),
        pytest.param("0,1", 0, id="both"),
        pytest.param("GPU-8932f937", 1, id="by UUID"),
    ],
)
def test_detect__cuda_visible_devices__lists_all_and_notes_hidden(
    machine, install_driver: Install, value: str, hidden: int
) -> None:
    install_driver("nvml", "GOOD")
    install_driver("libcuda", "GOOD")
    found = detect(replace(machine, environ={**machine.environ, "CUDA_VISIBLE_DEVICES": value}))
    assert found.gpus == (RTX_3080, GTX_1080_TI)
    if hidden:
        assert f"hides {hidden} of 2 GPUs" in note(found, "gpu.hidden")
        assert "unset CUDA_VISIBLE_DEVICES" in note(found, "gpu.hidden")
    else:
        assert found.notes == ()


@pytest.mark.parametrize("kind", ["LD_LIBRARY_PATH", "ld.so.cache", "wsl"])
def test_detect__library_elsewhere__is_found(machine, install_driver: Install, kind: str) -> None:
    environ = dict(machine.environ)
    if kind == "wsl":
        install_driver("nvml", "GOOD", into="usr/lib/wsl/lib")
    else:
        place = install_driver("nvml", "GOOD", into="opt/odd")
        if kind == "LD_LIBRARY_PATH":
            environ[kind] = f"/nowhere:{place.parent}"
        else:
            (machine.root / "etc").mkdir()
            cache = (
                b"glibc-ld.so.cache1.1\0\3\0libnvidia-ml.so.1\0/opt/odd/libnvidia-ml.so.1\0libz.so.1\0/lib/libz.so.1\0"
            )
            (machine.root / "etc/ld.so.cache").write_bytes(cache)
    assert len(detect(replace(machine, environ=environ)).gpus) == 2


def test_detect__library_of_other_word_size_first__is_passed_over(machine, install_driver: Install) -> None:
    other = machine.root / "opt/lib32/libnvidia-ml.so.1"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"\x7fELF" + bytes([1 if struct.calcsize("P") == 8 else 2]) + bytes(60))
    install_driver("nvml", "GOOD")
    found = detect(replace(machine, environ={**machine.environ, "LD_LIBRARY_PATH": str(other.parent)}))
    assert len(found.gpus) == 2


def test_detect__empty_library__is_noted_and_starts_no_child(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = machine.root / "usr/lib64/libcuda.so.1"
    empty.parent.mkdir(parents=True)
    empty.touch()
    monkeypatch.setattr("gpuenv.process.run", _must_not_run)
    assert f"`{empty}` is an empty file" in note(detect(machine), "gpu.empty-library")


def _must_not_run(*arguments: object, **options: object) -> None:
    raise AssertionError(f"a child process was started: {arguments}")


def test_detect__unloadable_library__note_says_what_the_loader_said(machine, build_driver, install_driver) -> None:
    place = install_driver("nvml", "GOOD")
    place.write_bytes(place.read_bytes()[:200])
    found = detect(machine)
    assert "`dlopen` failed" in note(found, "gpu.nvml-failed")


def test_detect__nothing_there__costs_no_child_and_notes_gpu_none(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpuenv.process.run", _must_not_run)
    found = detect(machine)
    assert (found.gpus, found.driver) == ((), None)
    assert codes(found) == ["gpu.none"]
    assert "--gpu 8.6 --driver 460.89" in note(found, "gpu.none")


def test_detect__nvidia_smi_alone__lists_gpus(machine) -> None:
    add_nvidia_smi(machine.root, 'echo "NVIDIA GeForce RTX 3080, 10240, 470.57.02, 8.6"')
    found = detect(machine)
    assert found.gpus == (Gpu(0, "NVIDIA GeForce RTX 3080", (8, 6), 10 * 2**30, "nvidia-smi"),)
    assert found.driver == Driver(Version("470.57.02"), None, "nvidia-smi")


def test_detect__old_nvidia_smi_without_compute_cap__capability_comes_from_the_name(machine) -> None:
    script = """case "$1" in
      *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;;
      *) echo "GeForce RTX 3080, 10018, 460.89";;
    esac"""
    add_nvidia_smi(machine.root, script)
    found = detect(machine)
    assert found.gpus == (Gpu(0, "GeForce RTX 3080", (8, 6), 10018 * 2**20, "nvidia-smi"),)


@pytest.mark.parametrize("script", ["exec /bin/sleep 60", "/bin/sleep 60 & wait"], ids=["hangs", "child of it hangs"])
def test_detect__nvidia_smi_hangs__ends_within_the_limit(machine, script: str) -> None:
    add_nvidia_smi(machine.root, script)
    started = time.monotonic()
    found = detect(replace(machine, timeout_s=0.1))
    assert time.monotonic() - started < 3.0
    assert codes(found) == ["gpu.nvidia-smi-failed", "gpu.none"]


def test_detect__nouveau__says_so(machine) -> None:
    add_pci(machine.root, "nouveau")
    found = detect(machine)
    assert found.gpus == (Gpu(0, None, None, None, "pci"),)
    assert found.driver is None
    assert "run by the `nouveau` driver, which has no CUDA" in note(found, "gpu.no-driver")


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        pytest.param(None, "1 NVIDIA GPU found, but no NVIDIA driver is loaded", id="no driver"),
        pytest.param("vfio-pci", "handed to a virtual machine", id="passed through"),
    ],
)
def test_detect__gpu_on_the_bus_without_nvidia_driver__is_listed_with_note(machine, driver, words: str) -> None:
    add_pci(machine.root, driver)
    found = detect(machine)
    assert len(found.gpus) == 1
    assert words in note(found, "gpu.no-driver")


def test_detect__nvidia_audio_device__is_no_gpu(machine) -> None:
    add_pci(machine.root, None, device_class="0x040300")
    assert codes(detect(machine)) == ["gpu.none"]


@pytest.mark.parametrize(
    ("container", "hint"),
    [("docker", "--gpus all"), ("podman", "nvidia.com/gpu=all"), ("apptainer", "--nv"), ("odd", "host's GPUs")],
)
def test_detect__container_without_gpus__host_gpus_do_not_count(machine, container: str, hint: str) -> None:
    add_module(machine.root, "NVIDIA GeForce RTX 3080")
    add_pci(machine.root, "nvidia")
    found = detect(replace(machine, container=container))
    assert (found.gpus, found.driver) == ((), None)
    assert codes(found) == ["gpu.container", "gpu.none"]
    assert "its host has 1" in note(found, "gpu.container")
    assert hint in note(found, "gpu.container")


def test_detect__container_given_the_second_gpu__counts(machine, install_driver: Install) -> None:
    install_driver("nvml", "GOOD")
    install_driver("libcuda", "GOOD")
    (machine.root / "dev").mkdir()
    (machine.root / "dev/nvidia1").touch()
    assert detect(replace(machine, container="docker")).notes == ()


def test_detect__wsl_without_driver_in_windows__says_where_to_install_it(machine) -> None:
    found = detect(replace(machine, wsl=True))
    assert codes(found) == ["gpu.wsl-driver", "gpu.none"]
    assert "in Windows (none in Linux)" in note(found, "gpu.wsl-driver")


def test_detect__windows__finds_nvml_in_system32_and_nvsmi(tmp_path: Path) -> None:
    from gpuenv.probe.driver_libraries import find_libraries

    environ = {"SystemRoot": str(tmp_path / "Windows"), "ProgramFiles": str(tmp_path / "Programs")}
    nvsmi = tmp_path / "Programs/NVIDIA Corporation/NVSMI/nvml.dll"
    nvsmi.parent.mkdir(parents=True)
    nvsmi.write_bytes(b"MZ")
    assert find_libraries(tmp_path, environ, windows=True).paths == {"nvml": nvsmi}
    system = tmp_path / "Windows/System32"
    system.mkdir(parents=True)
    for name in ("nvml.dll", "nvcuda.dll"):
        (system / name).write_bytes(b"MZ")
    expected = {"nvml": system / "nvml.dll", "libcuda": system / "nvcuda.dll"}
    assert find_libraries(tmp_path, environ, windows=True).paths == expected


@pytest.mark.parametrize(
    ("text", "timeout_s", "noted"),
    [("", 5.0, False), ("12.5", 12.5, False), ("soon", 5.0, True), ("-1", 5.0, True), ("nan", 5.0, True)],
)
def test_run__timeout_variable__is_used_or_noted(
    monkeypatch: pytest.MonkeyPatch, text: str, timeout_s: float, noted: bool
) -> None:
    seen: list[Surroundings] = []

    def record(where: Surroundings) -> nvidia.Detected:
        seen.append(where)
        return nvidia.Detected((), None, ())

    monkeypatch.setenv(nvidia.TIMEOUT_VARIABLE, text)
    monkeypatch.setattr(nvidia, "detect", record)
    host = nvidia.run(Host("linux-64"), Overrides())
    assert seen[0].timeout_s == timeout_s
    assert (host.note("probe.timeout") is not None) == noted
