"""Parsers and pure parts of the NVIDIA probe."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.model import Gpu, format_driver_version
from gpuenv.probe import nvidia_smi, proc
from gpuenv.probe.driver_libraries import read_answer
from gpuenv.probe.nvidia_notes import visible_count

CHILD = Path(nvidia_smi.__file__).with_name("ask_driver.py")
CLOSED = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  460.91.03  Fri Jul  2 06:04:10 UTC 2021\nGCC version: 10.2.1\n"
)
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (dvs-builder@U22)\n"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param(CLOSED, "460.91.03", id="closed module"),
        pytest.param(OPEN, "580.159.04", id="open module"),
        pytest.param("", None, id="no file"),
        pytest.param("NVRM version: NVIDIA UNIX x86_64 Kernel Module  unknown\n", None, id="no number"),
    ],
)
def test_parse_module_version__text__gives_version(text: str, version: str | None) -> None:
    assert proc.parse_module_version(text) == version


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Model: \t\t NVIDIA GeForce RTX 3080\nIRQ:   \t\t 171\n", "NVIDIA GeForce RTX 3080"),
        ("Model: \t\t Unknown\nIRQ: 1\n", None),
        ("Model:\nIRQ: 1\n", None),
        ("", None),
    ],
    ids=["named", "unknown", "empty", "no file"],
)
def test_parse_model__text__gives_name(text: str, name: str | None) -> None:
    assert proc.parse_model(text) == name


def test_parse_nvidia_smi__several_lines__gives_gpus_in_order() -> None:
    answer = nvidia_smi.parse("NVIDIA A100-SXM4-40GB, 40536, 470.57.02, 8.0\nNVIDIA GB10, [N/A], 580.95.05, [N/A]\n")
    assert answer.gpus == (
        Gpu(0, "NVIDIA A100-SXM4-40GB", (8, 0), 40536 * 2**20, "nvidia-smi"),
        Gpu(1, "NVIDIA GB10", None, None, "nvidia-smi"),
    )
    assert answer.driver_version == Version("470.57.02")
    assert answer.notes == ()


@pytest.mark.parametrize(
    ("text", "code", "gpus"),
    [
        pytest.param("<html>busy</html>\n", "gpu.implausible", None, id="no table"),
        pytest.param("", "gpu.nvidia-smi-failed", None, id="nothing"),
        pytest.param("RTX, 10240, 470.57.02, 8.6\n" * 65, "gpu.implausible", None, id="65 GPUs"),
        pytest.param("No devices were found\n", None, (), id="no devices"),
    ],
)
def test_parse_nvidia_smi__odd_output__is_no_list_of_gpus(text: str, code: str | None, gpus: tuple[()] | None) -> None:
    answer = nvidia_smi.parse(text)
    assert answer.gpus == gpus
    assert [note.code for note in answer.notes] == ([code] if code else [])


@pytest.mark.parametrize(
    ("text", "count", "shown"),
    [
        ("0,2", 3, 2),
        ("1,-1,0", 3, 1),
        ("", 3, 0),
        ("-1", 3, 0),
        ("0, 0, 1", 3, 2),
        ("7", 3, 0),
        ("GPU-8932f937,GPU-11aa", 3, 2),
        ("MIG-5c89", 1, 1),
        ("NoDevFiles", 1, 0),
    ],
)
def test_visible_count__value__counts_what_cuda_shows(text: str, count: int, shown: int) -> None:
    assert visible_count(text, count) == shown


def test_read_answer__error_after_some_facts__keeps_them_without_gpus() -> None:
    said = {
        "driver_version": "470.57.02",
        "cuda_driver_api": 11040,
        "count": 2,
        "gpus": [],
        "error": {"call": "nvmlDeviceGetHandleByIndex_v2", "code": 15, "text": ""},
    }
    answer = read_answer("nvml", said)
    assert answer.gpus is None
    assert answer.driver_version == Version("470.57.02")
    assert str(answer.failure) == "`nvmlDeviceGetHandleByIndex_v2` failed with error 15"


@pytest.mark.parametrize(("number", "api"), [(11040, "11.4"), (12080, "12.8"), (13000, "13.0"), (7000, "7.0")])
def test_read_answer__api_number__becomes_version(number: int, api: str) -> None:
    said = {"driver_version": None, "cuda_driver_api": number, "count": 0, "gpus": [], "error": None}
    assert read_answer("libcuda", said).cuda_driver_api == Version(api)


@pytest.mark.parametrize("number", [0, -1, 6050, 100000, 2**31 - 1])
def test_read_answer__api_number_of_no_cuda__is_refused(number: int) -> None:
    said = {"driver_version": None, "cuda_driver_api": number, "count": 0, "gpus": [], "error": None}
    answer = read_answer("libcuda", said)
    assert answer.cuda_driver_api is None
    assert [note.code for note in answer.notes] == ["gpu.implausible"]


def test_ask_driver__library_not_there__says_so_and_imports_nothing_of_gpuenv() -> None:
    argv = [sys.executable, "-I", "-S", "-X", "importtime", str(CHILD), "nvml", "/nowhere/libnvidia-ml.so.1"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    said = json.loads(done.stdout)
    assert said["error"]["call"] == "dlopen"
    assert said["error"]["code"] is None
    assert said["gpus"] == []
    assert "gpuenv" not in done.stderr


@pytest.mark.parametrize(
    ("version", "text"), [("470.57.02", "470.57.02"), ("580.159.04", "580.159.04"), ("520.06", "520.06")]
)
def test_format_driver_version__version__is_printed_as_nvidia_does(version: str, text: str) -> None:
    assert format_driver_version(Version(version)) == text


@pytest.mark.gpu
@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="needs an NVIDIA GPU with its driver (nvidia-smi)")
def test_detect__real_gpu__agrees_with_nvidia_smi() -> None:
    import os

    from gpuenv.probe.nvidia import Surroundings, detect

    found = detect(Surroundings(Path("/"), os.environ, timeout_s=60.0))
    program = shutil.which("nvidia-smi")
    assert program is not None
    told = nvidia_smi.ask(Path(program), os.environ, 60.0)
    assert told.gpus
    assert [(gpu.name, gpu.compute_capability) for gpu in found.gpus] == [
        (gpu.name, gpu.compute_capability) for gpu in told.gpus
    ]
    assert {gpu.source for gpu in found.gpus} == {"nvml"}
    assert found.driver is not None
    assert found.driver.driver_version == told.driver_version
    assert found.driver.cuda_driver_api is not None
    assert not [note for note in found.notes if note.code in ("gpu.implausible", "gpu.sources-disagree")]
