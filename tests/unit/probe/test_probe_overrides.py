from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from gpuenv import facts
from gpuenv.errors import UsageError
from gpuenv.model import Driver, Gpu, Host, Note, Overrides
from gpuenv.probe import overrides_from
from gpuenv.probe.overrides import run

REAL = Host(
    "linux-64",
    gpus=(Gpu(0, "NVIDIA GeForce RTX 3080", (8, 6), 10 * 2**30, "nvml"),),
    driver=Driver(Version("470.57.02"), Version("11.4"), "nvml"),
    notes=(Note("gpu.hidden", "one is hidden"), Note("probe.failed", "a probe failed")),
)


@pytest.mark.parametrize(
    ("gpus", "driver", "environ", "expected"),
    [
        pytest.param([], None, {}, Overrides(), id="nothing"),
        pytest.param(["8.6"], None, {}, Overrides(((8, 6),), source="--gpu"), id="capability"),
        pytest.param(["rtx 3080", "6.1"], None, {}, Overrides(((8, 6), (6, 1)), source="--gpu"), id="two, one by name"),
        pytest.param(["none"], None, {}, Overrides((), source="--gpu"), id="none"),
        pytest.param(
            ["86", "120", "sm_86", "SM86", "compute_90a", "8,6"],
            None,
            {},
            Overrides(((8, 6), (12, 0), (8, 6), (8, 6), (9, 0), (8, 6)), source="--gpu"),
            id="as compilers write it, and with a comma",
        ),
        pytest.param(["3090", "1080"], None, {}, Overrides(((8, 6), (6, 1)), source="--gpu"), id="number of a product"),
        pytest.param([], "535", {}, Overrides(None, Version("535"), source="--driver"), id="branch of drivers"),
        pytest.param([], "460.89", {}, Overrides(None, Version("460.89"), source="--driver"), id="driver"),
        pytest.param(
            ["8.6"],
            "460.89",
            {},
            Overrides(((8, 6),), Version("460.89"), source="--gpu, --driver"),
            id="gpu and driver",
        ),
        pytest.param(
            [],
            None,
            {"CONDA_OVERRIDE_CUDA": "11.2"},
            Overrides(None, None, Version("11.2"), "CONDA_OVERRIDE_CUDA"),
            id="conda's variable",
        ),
        pytest.param([], None, {"CONDA_OVERRIDE_CUDA": ""}, Overrides((), source="CONDA_OVERRIDE_CUDA"), id="empty"),
        pytest.param(
            [],
            None,
            {"CONDA_OVERRIDE_CUDA": " ", "CONDA_OVERRIDE_CUDA_ARCH": "8.6"},
            Overrides((), source="CONDA_OVERRIDE_CUDA"),
            id="no driver, so no GPU",
        ),
        pytest.param(
            [],
            None,
            {"CONDA_OVERRIDE_CUDA_ARCH": "8.6"},
            Overrides(((8, 6),), source="CONDA_OVERRIDE_CUDA_ARCH"),
            id="conda's second variable",
        ),
        pytest.param(
            [],
            None,
            {"CONDA_OVERRIDE_CUDA_ARCH": ""},
            Overrides((), source="CONDA_OVERRIDE_CUDA_ARCH"),
            id="second variable empty",
        ),
        pytest.param(
            ["8.6"],
            None,
            {"CONDA_OVERRIDE_CUDA": "", "CONDA_OVERRIDE_CUDA_ARCH": "7.5"},
            Overrides(((8, 6),), source="--gpu"),
            id="option wins over both",
        ),
        pytest.param(
            [],
            "460.89",
            {"CONDA_OVERRIDE_CUDA": "12.8"},
            Overrides(None, Version("460.89"), source="--driver"),
            id="driver option wins",
        ),
        pytest.param(
            ["8.6"],
            None,
            {"CONDA_OVERRIDE_CUDA": "11.2"},
            Overrides(((8, 6),), None, Version("11.2"), "--gpu, CONDA_OVERRIDE_CUDA"),
            id="option and variable about different things",
        ),
    ],
)
def test_overrides_from__options_and_variables__options_win(gpus, driver, environ, expected: Overrides) -> None:
    assert overrides_from(gpus, driver, environ) == expected


@pytest.mark.parametrize(
    ("gpus", "driver", "environ", "words"),
    [
        pytest.param(["8"], None, {}, "expected a compute capability such as `8.6`, found `8`", id="no minor"),
        pytest.param(["12"], None, {}, "found `12`", id="1.2 or 12.x"),
        pytest.param(["sm_8"], None, {}, "no compute capability is known for GPU `sm_8`", id="compiler's, no minor"),
        pytest.param([], "11", {}, "expected at least 100, found `11`", id="major CUDA version as driver"),
        pytest.param(["86.0"], None, {}, "from 1.0 to 20.9, found `86.0`", id="no such capability"),
        pytest.param(["8.10"], None, {}, "from 1.0 to 20.9, found `8.10`", id="two-digit minor"),
        pytest.param(["8.6.1"], None, {}, "found `8.6.1`", id="three numbers"),
        pytest.param(["RTX 3808"], None, {}, "no compute capability is known for GPU `RTX 3808`", id="unknown name"),
        pytest.param(["none", "8.6"], None, {}, "`--gpu none` cannot be combined", id="none and another"),
        pytest.param([""], None, {}, "no compute capability is known for GPU ``", id="empty name"),
        pytest.param([], "new", {}, "expected a driver version such as `460.89`, found `new`", id="no driver version"),
        pytest.param([], "11.2", {}, "expected at least 100, found `11.2`", id="CUDA version as driver"),
        pytest.param([], None, {"CONDA_OVERRIDE_CUDA": "new"}, "such as `11.2`, found `new`", id="no CUDA version"),
        pytest.param([], "", {}, "found ``", id="empty driver"),
        pytest.param([], "99999", {}, "expected at most ", id="a driver of another century"),
        pytest.param([], None, {"CONDA_OVERRIDE_CUDA": "460.89"}, ", found `460.89`", id="driver as CUDA"),
        pytest.param([], None, {"CONDA_OVERRIDE_CUDA": "v11.2"}, "found `v11.2`", id="CUDA with a letter"),
        pytest.param([], None, {"CONDA_OVERRIDE_CUDA": "11.2rc1"}, "found `11.2rc1`", id="CUDA before its release"),
        pytest.param([], None, {"CONDA_OVERRIDE_CUDA": "-11"}, "found `-11`", id="less than nothing"),
        pytest.param([], None, {"CONDA_OVERRIDE_CUDA_ARCH": "sm_86"}, "found `sm_86`", id="no capability"),
    ],
)
def test_overrides_from__bad_value__raises_usage_error_with_hint(gpus, driver, environ, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        overrides_from(gpus, driver, environ)
    assert words in caught.value.message
    assert caught.value.hints
    assert caught.value.exit_code == 2


def test_overrides_from__misspelt_product__suggests_the_right_one() -> None:
    with pytest.raises(UsageError) as caught:
        overrides_from(["RTX 308O"], None, {})
    assert "GeForce RTX 3080" in (caught.value.cause or "")
    assert any(
        "--gpu 'GeForce RTX 308" in hint.text or "--gpu 'GeForce RTX 30" in hint.text for hint in caught.value.hints
    )


def test_run__nothing_overridden__leaves_the_host() -> None:
    assert run(REAL, Overrides()) == REAL


def test_run__gpus_overridden__have_no_name_and_notes_on_real_ones_go() -> None:
    host = run(REAL, Overrides(((8, 0), (9, 0)), source="--gpu"))
    assert host.gpus == (Gpu(0, None, (8, 0), None, "override"), Gpu(1, None, (9, 0), None, "override"))
    assert host.driver == REAL.driver
    assert [note.code for note in host.notes] == ["probe.failed"]


def test_run__no_gpu_pretended__takes_the_driver_too_and_says_why() -> None:
    host = run(REAL, Overrides((), source="CONDA_OVERRIDE_CUDA"))
    assert (host.gpus, host.driver) == ((), None)
    note = host.note("gpu.none")
    assert note is not None
    assert "`CONDA_OVERRIDE_CUDA`" in note.message


@pytest.mark.parametrize(
    ("overrides", "driver"),
    [
        (Overrides(driver_version=Version("460.89")), Driver(Version("460.89"), None, "override")),
        (Overrides(driver_version=Version("470.57.02")), Driver(Version("470.57.02"), Version("11.4"), "override")),
        (Overrides(cuda_driver_api=Version("11.4")), Driver(Version("470.57.02"), Version("11.4"), "override")),
        (Overrides(cuda_driver_api=Version("12.8")), Driver(None, Version("12.8"), "override")),
    ],
    ids=["another driver", "the same driver", "the same API", "another API"],
)
def test_run__driver_overridden__keeps_only_what_belongs_to_it(overrides: Overrides, driver: Driver) -> None:
    assert run(REAL, overrides).driver == driver


def test_run__driver_overridden_without_one__is_there_with_the_note_on_no_gpu() -> None:
    bare = replace(REAL, gpus=(), driver=None, notes=(Note("gpu.none", "no NVIDIA GPU was found"),))
    host = run(bare, Overrides(driver_version=Version("460.89")))
    assert host.driver == Driver(Version("460.89"), None, "override")
    assert host.note("gpu.none") is not None


@pytest.mark.parametrize(("text", "meant"), [("8", "--gpu 8.0"), ("12", "--gpu 12.0")])
def test_overrides_from__only_the_major_version__asks_whether_its_first_was_meant(text: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        overrides_from([text], None, {})
    assert caught.value.hints[0].text == f"did you mean `{meant}`?"


@pytest.mark.parametrize(
    ("text", "message", "nearest", "meant"),
    [
        ("99", "no GPU has compute capability 9.9, which `99` means", ["9.0 (Hopper", "10.0 (Blackwell"], "9.0"),
        ("9.9", "no GPU has compute capability 9.9", ["9.0 (Hopper", "10.0 (Blackwell"], "10.0"),
        ("sm_88", "no GPU has compute capability 8.8, which `sm_88` means", ["8.7 (Ampere", "8.9 (Ada"], "8.9"),
        ("7,6", "no GPU has compute capability 7.6", ["7.5 (Turing", "8.0 (Ampere"], "7.5"),
        ("1.4", "no GPU has compute capability 1.4", ["1.3 (Tesla)", "2.0 (Fermi)"], "2.0"),
    ],
)
def test_overrides_from__capability_between_the_known_ones__is_refused_with_the_nearest(
    text: str, message: str, nearest: list[str], meant: str
) -> None:
    with pytest.raises(UsageError) as caught:
        overrides_from([text], None, {})
    assert message in caught.value.message
    assert all(one in (caught.value.cause or "") for one in nearest), caught.value.cause
    assert f"`--gpu {meant}`" in caught.value.hints[0].text
    assert caught.value.exit_code == 2


def test_overrides_from__every_known_capability__is_taken_however_it_is_written() -> None:
    for major, minor in facts.known_capabilities():
        spelt = [f"{major}.{minor}", f"sm_{major}{minor}", *([f"{major}{minor}"] if major > 1 else [])]
        assert set(overrides_from(spelt, None, {}).gpus or ()) == {(major, minor)}


def test_overrides_from__newer_than_all_known__may_be_a_new_gpu() -> None:
    major, minor = facts.known_capabilities()[-1]
    later = [f"{major}.{minor + 1}", f"{major + 1}.0", f"{major + 1}0", f"sm_{major + 1}0"]
    assert overrides_from(later, None, {}).gpus == ((major, minor + 1), *[(major + 1, 0)] * 3)


def test_overrides_from__conda_variable_between_the_known_ones__hints_name_the_variable() -> None:
    with pytest.raises(UsageError) as caught:
        overrides_from([], None, {"CONDA_OVERRIDE_CUDA_ARCH": "9.9"})
    assert "`CONDA_OVERRIDE_CUDA_ARCH=9.0` or `CONDA_OVERRIDE_CUDA_ARCH=10.0`" in caught.value.hints[0].text
    assert not any("--gpu" in hint.text for hint in caught.value.hints)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("31.0.15.3179", "did you mean `--driver 531.79`?", id="the driver's file on Windows"),
        pytest.param("27.21.14.6089", "did you mean `--driver 460.89`?", id="an older driver's file on Windows"),
        pytest.param("46089", "did you mean `--driver 460.89`?", id="no dot"),
        pytest.param("460,89", "did you mean `--driver 460.89`?", id="comma"),
        pytest.param("v470.57.02", "did you mean `--driver 470.57.02`?", id="letter"),
        pytest.param("nvidia-driver-535", "did you mean `--driver 535`?", id="name of a package"),
        pytest.param("None", "say `--gpu none`", id="none"),
    ],
)
def test_overrides_from__driver_written_otherwise__asks_whether_it_was_meant(text: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        overrides_from([], text, {})
    assert meant in caught.value.hints[0].text


def test_overrides_from__cuda_without_its_dot_as_driver__names_the_variable() -> None:
    with pytest.raises(UsageError) as caught:
        overrides_from([], "128", {})
    assert caught.value.cause == "`128` looks like CUDA 12.8 without its dot; that is `CONDA_OVERRIDE_CUDA=12.8`"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("112", "`CONDA_OVERRIDE_CUDA=11.2`", id="no dot"),
        pytest.param("11.9", "`CONDA_OVERRIDE_CUDA=11.8`", id="never came out"),
        pytest.param("12.10", "`CONDA_OVERRIDE_CUDA=12.9`", id="never came out, 12.1 before it"),
        pytest.param("8.6", "`CONDA_OVERRIDE_CUDA_ARCH=8.6` or `--gpu 8.6`", id="a compute capability"),
        pytest.param("86", "`CONDA_OVERRIDE_CUDA_ARCH=8.6` or `--gpu 8.6`", id="a compute capability, no dot"),
        pytest.param("460.89", "`--driver 460.89`", id="a driver"),
    ],
)
def test_overrides_from__cuda_that_is_none__asks_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        overrides_from([], None, {"CONDA_OVERRIDE_CUDA": text})
    assert caught.value.hints[0].text == f"did you mean {meant}?"


@pytest.mark.parametrize("text", ["7.5", "8.0", "11", "11.2", "11.2.152", "12.9", "13.9", "14.0"])
def test_overrides_from__cuda_that_came_out_or_may__is_taken(text: str) -> None:
    assert overrides_from([], None, {"CONDA_OVERRIDE_CUDA": text}).cuda_driver_api == Version(text)
