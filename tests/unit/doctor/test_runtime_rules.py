"""What rules about the GPU and the machine say, where more than their id counts."""

from __future__ import annotations

import pytest

from gpuenv.diagnosis import diagnoses
from gpuenv.doctor.rules import RULES
from gpuenv.doctor.xids import XIDS, meaning
from gpuenv.extension import Diagnosis

XID = "NVRM: Xid (PCI:0000:3b:00): {}, pid=20114, name=python, some words"


def found(log: str) -> list[Diagnosis]:
    return diagnoses(RULES, "log", log, pytest.fail)


@pytest.mark.parametrize("number", [number for group in XIDS.values() for number in group])
def test_diagnoses__an_xid__is_named_with_its_meaning(number: int) -> None:
    (one,) = found(XID.format(number))
    assert one.rule == ("gpu.off-the-bus" if number == 79 else "gpu.crashed")
    if number != 79:
        assert f"`{meaning({'number': str(number)})['xid']}`" in one.cause


def test_diagnoses__an_xid_that_no_group_has__is_a_crash() -> None:
    (one,) = found(XID.format(66))
    assert (one.rule, "a bug of the program" in one.cause) == ("gpu.crashed", True)


def test_diagnoses__a_memory_error_that_ends_programs__names_the_card_only() -> None:
    (one,) = found("\n".join(XID.format(number) for number in (48, 45, 43)))
    assert "`Xid 48: a double-bit error in the GPU's memory`" in one.cause
    assert "not the program" in one.cause


def test_diagnoses__a_lost_gpu__explains_what_follows() -> None:
    after = "NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x26:0xf:1)\nnvidia-smi\nNo devices were found\n"
    (one,) = found(f"{XID.format(79)}\n{after}")
    assert (one.rule, set(one.consequences)) == ("gpu.off-the-bus", {"driver.adapter", "driver.no-device"})


DEVICE = """2020-12-08 09:03:22.119774: I dso_loader.cc:48] Successfully opened dynamic library {library}
2020-12-08 09:03:22.148306: I gpu_device.cc:1716] Found device 0 with properties:
pciBusID: 0000:0a:00.0 name: a GPU computeCapability: {capability}
2020-12-08 {created}.552983: I gpu_device.cc:1402] Created TensorFlow device (/job:localhost/device:GPU:0 with 22406 MB
step 100: loss=nan
"""


@pytest.mark.parametrize(
    ("library", "capability", "created", "rules"),
    [
        ("libcudart.so.10.1", "8.6", "09:17:40", ["code.compiling", "code.nan-on-newer-gpu"]),
        ("cudart64_101.dll", "8.6", "09:17:40", ["code.compiling", "code.nan-on-newer-gpu"]),
        ("libcudart.so.10.1", "8.6", "09:03:24", ["code.nan-on-newer-gpu"]),
        ("libcudart.so.11.0", "8.6", "09:17:40", []),
        ("cudart64_110.dll", "8.0", "09:17:40", []),
        ("libcudart.so.10.0", "7.5", "09:17:40", []),
        ("cudart64_90.dll", "7.5", "09:17:40", []),
        ("libcudart.so.12", "12.0", "09:17:40", []),
        ("libcudart.so.11.0", "12.0", "09:03:24", ["code.nan-on-newer-gpu"]),
    ],
)
def test_diagnoses__slow_start_and_nan__where_the_gpu_is_newer_than_cuda(
    library: str, capability: str, created: str, rules: list[str]
) -> None:
    log = DEVICE.format(library=library, capability=capability, created=created)
    assert [one.rule for one in found(log)] == rules


def test_diagnoses__the_program_pauses_before_it_uses_the_gpu__is_no_slow_start() -> None:
    """TensorFlow finds the GPU when it is asked for a list, and once more when it is used, after the data were read."""
    twice = DEVICE.format(library="libcudart.so.10.1", capability="8.6", created="09:30:02").split("\n")
    again = [line.replace("09:03:22", "09:30:00") for line in twice[1:3]]
    assert [one.rule for one in found("\n".join([*twice[:3], *again, *twice[3:]]))] == ["code.nan-on-newer-gpu"]


def test_diagnoses__missing_runtime__is_a_cause_where_the_log_shows_that_a_gpu_is_expected() -> None:
    line = "Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open; "
    assert found(f"{line}LD_LIBRARY_PATH: /opt/ros/lib") == []
    for sign in ("LD_LIBRARY_PATH: /usr/local/cuda-12.2/lib64", "LD_LIBRARY_PATH: /usr/lib/wsl/lib:/x"):
        assert [one.rule for one in found(line + sign)] == ["loader.missing"]
    for sign in (
        "[]",
        "Num GPUs Available: 0",
        "GPU is NOT AVAILABLE",
        "release 11.2\nCuda compilation tools, release",
    ):
        assert [(one.rule, one.confidence) for one in found(f"{line}\n{sign}")] == [("loader.missing", "likely")], sign
