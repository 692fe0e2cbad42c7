from __future__ import annotations

import pytest

from gpuenv.gpu_code import service_of
from gpuenv.model import ComputeCapability, GpuCode

TENSORFLOW_2_4 = [(3, 5), (5, 0), (6, 0), (7, 0), (7, 5), (8, 0)]


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        pytest.param((3, 0), None, id="kepler-older-than-all"),
        pytest.param((3, 5), "native", id="exactly"),
        pytest.param((3, 7), "native", id="greater-minor"),
        pytest.param((6, 1), "native", id="gtx-1080"),
        pytest.param((7, 2), "native", id="between-two-minors"),
        pytest.param((8, 0), "native", id="a100"),
        pytest.param((8, 6), "native", id="rtx-3000"),
        pytest.param((8, 9), "native", id="rtx-4000"),
        pytest.param((9, 0), "ptx", id="h100-compiles"),
        pytest.param((12, 0), "ptx", id="blackwell-compiles"),
    ],
)
def test_service_of__code_of_tensorflow_2_4__by_capability(
    capability: ComputeCapability, expected: GpuCode | None
) -> None:
    assert expected == service_of(capability, TENSORFLOW_2_4, [(8, 0)])


@pytest.mark.parametrize(
    ("machine_code", "ptx", "expected"),
    [
        pytest.param([(8, 9)], [], None, id="smaller-minor-cannot-run-greater"),
        pytest.param([(7, 5)], [], None, id="other-major"),
        pytest.param([(7, 5)], [(8, 9)], None, id="ptx-for-newer"),
        pytest.param([], [(8, 6)], "ptx", id="ptx-of-its-own"),
        pytest.param([(8, 6)], [(7, 0)], "native", id="native-before-ptx"),
        pytest.param([], [], "unknown", id="nothing-known"),
    ],
)
def test_service_of__gpu_8_6__by_code(
    machine_code: list[ComputeCapability], ptx: list[ComputeCapability], expected: GpuCode | None
) -> None:
    assert expected == service_of((8, 6), machine_code, ptx)
