from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.binaries import dlopened_names
from made_binaries import NEW_NAMESPACE, OLD_NAMESPACE, loader_source, make_loader, mangled
from small_stack import compile_library

LIBRARIES = {
    "Cublas": ("11", "cublas"),
    "Cudnn": ("8", "cudnn"),
    "CudaRuntime": ("11.0", "cudart"),
    "Cupti": ("11.0", "cupti"),
}
TENSORFLOW_2_4 = (
    "libcudart.so.11.0",
    "libcublas.so.11",
    "libcublasLt.so.11",
    "libcufft.so.10",
    "libcurand.so.10",
    "libcusolver.so.10",
    "libcusparse.so.11",
    "libcudnn.so.8",
)


@pytest.mark.parametrize("namespace", [OLD_NAMESPACE, NEW_NAMESPACE], ids=["stream_executor", "tsl"])
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(["-fcf-protection=none"], id="plain-plt"),
        pytest.param(["-fcf-protection=full"], id="plt-with-endbr"),
        pytest.param(["-fcf-protection=none", "-fno-plt", "-Wl,-z,now"], id="bound-at-start"),
    ],
)
def test_dlopened_names__required_are_called__those_in_order_of_the_calls(
    tmp_path: Path, namespace: str, flags: list[str]
) -> None:
    source = loader_source(LIBRARIES, ["CudaRuntime", "Cudnn", "Cublas"], namespace)
    make_loader(tmp_path / "libtf.so.2", source, *flags)
    expected = {"libcudart.so.11.0", "libcudnn.so.8", "libcublas.so.11"}
    found = dlopened_names(tmp_path / "libtf.so.2")
    assert expected == set(found)
    if "-fno-plt" not in flags:
        assert found == ("libcudart.so.11.0", "libcudnn.so.8", "libcublas.so.11")


def test_dlopened_names__nothing_tells_which_are_required__the_known_ones_it_has(tmp_path: Path) -> None:
    make_loader(tmp_path / "libtf.so.2", loader_source(LIBRARIES, None))
    assert dlopened_names(tmp_path / "libtf.so.2") == ("libcudart.so.11.0", "libcublas.so.11", "libcudnn.so.8")


def test_dlopened_names__one_getter_has_another_shape__none_rather_than_some(tmp_path: Path) -> None:
    source = loader_source(LIBRARIES, ["CudaRuntime", "Cublas"]).replace('"cublas"', '"lib/cublas.so"')
    make_loader(tmp_path / "libtf.so.2", source)
    assert dlopened_names(tmp_path / "libtf.so.2") == ()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("int one(void) { return 1; }", id="no-loader"),
        pytest.param(
            f'int f(void) __asm__("{mangled("GetCudnnDsoHandle")}"); int f(void) {{ return 1; }}',
            id="getter-without-texts",
        ),
    ],
)
def test_dlopened_names__not_the_code_we_know__empty(tmp_path: Path, source: str) -> None:
    compile_library(source, tmp_path / "libother.so", "-Wl,--hash-style=gnu")
    assert dlopened_names(tmp_path / "libother.so") == ()
