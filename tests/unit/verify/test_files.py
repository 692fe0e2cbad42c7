from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from packaging.version import Version

from check_contexts import DRIVER, H100, RTX_3080, context_of, shipped_recipe
from gpuenv.extension import CheckContext
from gpuenv.model import Built, Gpu, Host
from gpuenv.paths import dll_dir, receipt_path
from gpuenv.verify import files
from made_binaries import add_section, fat_binary, loader_source, make_dll, make_loader
from small_stack import compile_library

OPENED = {"CudaRuntime": ("11.0", "cudart"), "Cusolver": ("10", "cusolver"), "Cudnn": ("8", "cudnn")}
PARTS = ["libcudnn_ops_infer.so.8", "libcudnn_ops_train.so.8"]
ORIGIN = ("-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/")
WORK = "int one(void) { return 1; }"


def part(version: str) -> str:
    """A part of cuDNN that carries its version as the real ones do: patch, minor, major."""
    major, minor, patch = version.split(".")
    return f"const unsigned char VARIABLE[4] = {{{patch}, {minor}, {major}, 0}};"


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole environment of small libraries, in the layout of NVIDIA's wheels, linked beside the loader."""
    if shutil.which("gcc") is None or shutil.which("objcopy") is None:
        pytest.skip("install gcc and binutils to run this")
    prefix = tmp_path_factory.mktemp("files") / "env"
    packages = prefix / "lib" / "python3.8" / "site-packages"
    framework = packages / "tensorflow"
    make_loader(framework / "libtensorflow_framework.so.2", loader_source(OPENED, list(OPENED)), *ORIGIN)
    internal = framework / "python" / "_pywrap_tensorflow_internal.so"
    compile_library(WORK, internal)
    add_section(internal, ".nv_fatbin", fat_binary((2, 70), (2, 80), (1, 80)))
    (packages / "tensorflow-2.4.0.dist-info").mkdir()
    (packages / "gpuenv.pth").write_text("import os\n")
    nvidia = packages / "nvidia"
    compile_library(WORK, nvidia / "cuda_runtime/lib/libcudart.so.11.0")
    compile_library(WORK, nvidia / "cublas/lib/libcublas.so.11")
    needing = ("-Wl,--no-as-needed", str(nvidia / "cublas/lib/libcublas.so.11"), "-Wl,-rpath,$ORIGIN")
    compile_library(WORK, nvidia / "cusolver/lib/libcusolver.so.11", *needing)
    compile_library(WORK, nvidia / "cudnn/lib/libcudnn.so.8")
    for name in PARTS:
        source = part("8.6.0").replace("VARIABLE", f"{name.partition('.')[0].removeprefix('lib')}_version")
        compile_library(source, nvidia / "cudnn/lib" / name)
    for path in nvidia.glob("*/lib/*.so*"):
        (framework / path.name).symlink_to(os.path.relpath(path, framework))
    (framework / "libcusolver.so.10").symlink_to("../nvidia/cusolver/lib/libcusolver.so.11")
    tools = nvidia / "cuda_nvcc"
    for name in ("bin/ptxas", "nvvm/libdevice/libdevice.10.bc"):
        (tools / name).parent.mkdir(parents=True)
        (tools / name).write_text("")
        (tools / name).chmod(0o755)
    return prefix


@pytest.fixture
def context(tree: Path, tmp_path: Path) -> CheckContext:
    prefix = tmp_path / "env"
    shutil.copytree(tree, prefix, symlinks=True)
    packages = prefix / "lib" / "python3.8" / "site-packages"
    found = context_of(Built(prefix, prefix / "bin/python", Version("3.8"), packages, "linux-64"), tmp_path / "log")
    framework = msgspec.structs.replace(found.recipe.framework, lazy_libraries={"linux-64": PARTS})
    return replace(found, recipe=msgspec.structs.replace(found.recipe, framework=framework))


def framework_dir(context: CheckContext) -> Path:
    return context.built.site_packages / "tensorflow"


def nvidia_dir(context: CheckContext) -> Path:
    return context.built.site_packages / "nvidia"


def test_files__all_is_there__ok_with_real_paths(context: CheckContext) -> None:
    found = files.check(context)
    assert (found.status, found.message) == ("ok", "all 5 CUDA and cuDNN libraries are in place")
    assert found.evidence["files"]["libcusolver.so.10"] == (
        "lib/python3.8/site-packages/nvidia/cusolver/lib/libcusolver.so.11"
    )
    assert (found.evidence["machine_code"], found.evidence["ptx"]) == (["7.0", "8.0"], ["8.0"])


def no_cusolver(context: CheckContext) -> None:
    (framework_dir(context) / "libcusolver.so.10").unlink()


def no_train(context: CheckContext) -> None:
    (framework_dir(context) / "libcudnn_ops_train.so.8").unlink()


def only_cudnn(context: CheckContext) -> None:
    no_train(context)
    (framework_dir(context) / "libcudnn_ops_infer.so.8").unlink()


def dangling(context: CheckContext) -> None:
    (nvidia_dir(context) / "cuda_runtime/lib/libcudart.so.11.0").unlink()


def wrong_soname(context: CheckContext) -> None:
    compile_library(WORK, nvidia_dir(context) / "cudnn/lib/libcudnn.so.9")
    (nvidia_dir(context) / "cudnn/lib/libcudnn.so.9").replace(nvidia_dir(context) / "cudnn/lib/libcudnn.so.8")


def need_is_gone(context: CheckContext) -> None:
    (framework_dir(context) / "libcublas.so.11").unlink()


def mixed(context: CheckContext) -> None:
    source = part("8.9.6").replace("VARIABLE", "cudnn_ops_train_version")
    compile_library(source, nvidia_dir(context) / "cudnn/lib/libcudnn_ops_train.so.8")


def other_version(context: CheckContext) -> None:
    info = context.built.site_packages / "tensorflow-2.4.0.dist-info"
    info.rename(info.with_name("tensorflow-2.5.0.dist-info"))


def no_framework(context: CheckContext) -> None:
    (context.built.site_packages / "tensorflow-2.4.0.dist-info").rmdir()


def no_ptxas(context: CheckContext) -> None:
    (nvidia_dir(context) / "cuda_nvcc/bin/ptxas").unlink()


def not_executable(context: CheckContext) -> None:
    (nvidia_dir(context) / "cuda_nvcc/bin/ptxas").chmod(0o644)


def no_startup_file(context: CheckContext) -> None:
    (context.built.site_packages / "gpuenv.pth").unlink()


def processor_build(context: CheckContext) -> None:
    compile_library(WORK, framework_dir(context) / "python/_pywrap_tensorflow_internal.so")


def damaged(context: CheckContext) -> None:
    (framework_dir(context) / "python/_pywrap_tensorflow_internal.so").write_bytes(b"<html>")


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (no_cusolver, "`libcusolver.so.10` is missing: tensorflow will see no GPU"),
        (no_train, "`libcudnn_ops_train.so.8` is missing: training will end the process"),
        (
            only_cudnn,
            "`libcudnn_ops_infer.so.8` is missing: the first convolution will end the process; "
            "`libcudnn_ops_train.so.8` is missing: training will end the process",
        ),
        (
            dangling,
            "`libcudart.so.11.0` (a link to `../nvidia/cuda_runtime/lib/libcudart.so.11.0`) is missing: "
            "tensorflow will see no GPU",
        ),
        (wrong_soname, "`libcudnn.so.8` is `libcudnn.so.9` inside, expected `libcudnn.so.8`"),
        (need_is_gone, "`libcublas.so.11`, which `libcusolver.so.10` needs, is missing"),
        (
            mixed,
            "the files of cuDNN are of different versions (`libcudnn_ops_infer.so.8` 8.6.0, "
            "`libcudnn_ops_train.so.8` 8.9.6): convolutions will end the process",
        ),
        (other_version, "tensorflow is `2.5.0`, expected `2.4.0`"),
        (no_framework, "tensorflow is not installed, expected `2.4.0`"),
        (no_ptxas, "`PREFIX/nvidia/cuda_nvcc/bin/ptxas` is missing: XLA will not compile"),
        (not_executable, "`PREFIX/nvidia/cuda_nvcc/bin/ptxas` is not executable: XLA will not compile"),
        (
            no_startup_file,
            "the start-up file of gpuenv is missing: without activation `CUDA_MODULE_LOADING`, `CUDA_CACHE_PATH`, "
            "`CUDA_CACHE_MAXSIZE`, `XLA_FLAGS` will not be set",
        ),
        (
            processor_build,
            "`tensorflow/python/_pywrap_tensorflow_internal.so` has no GPU code: this build computes on the "
            "processor only",
        ),
        (
            damaged,
            "cannot read `PREFIX/tensorflow/python/_pywrap_tensorflow_internal.so`: expected a 64-bit little-endian "
            "ELF file, found a file that starts with b'<html>'",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_files__one_thing_is_wrong__named_with_what_it_breaks(
    context: CheckContext, breaks: Callable[[CheckContext], None], message: str
) -> None:
    breaks(context)
    found = files.check(context)
    assert (found.status, found.message) == ("failed", message.replace("PREFIX", str(context.built.site_packages)))
    assert found.hint == "make it again with `gpuenv create --force`"


@pytest.mark.parametrize(
    ("installed", "changed"),
    [
        (["protobuf-3.20.3.dist-info"], []),
        (["protobuf-3.20.3-py3.8.egg-info"], []),
        (["protobuf-5.29.1.dist-info"], ["protobuf 5.29.1 (was 3.20.3)"]),
        (["protobuf-3.20.3.dist-info", "protobuf-5.29.1.dist-info"], ["protobuf 3.20.3 and 5.29.1 (was 3.20.3)"]),
        ([], ["protobuf is gone (was 3.20.3)"]),
    ],
    ids=["as locked", "by an old pip", "upgraded", "twice", "gone"],
)
def test_files__packages_differ_from_the_receipt__named_but_no_failure(
    context: CheckContext, installed: list[str], changed: list[str]
) -> None:
    locked = ["tensorflow==2.4.0", "protobuf==3.20.3", "nvidia.CUDNN-cu11==8.6.0"]
    receipt_path(context.built.prefix).parent.mkdir(parents=True)
    receipt_path(context.built.prefix).write_text(json.dumps({"packages": locked}))
    for name in (*installed, "nvidia_cudnn_cu11-8.6.0.dist-info", "users_own-1.dist-info"):
        (context.built.site_packages / name).mkdir()
    found = files.check(context)
    assert found.status == "ok"
    assert found.evidence["changed_packages"] == changed
    assert ("changed since it was made: " in found.message) == bool(changed)
    assert all(one in found.message for one in changed)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"packages": 1}', '{"packages": ["six"]}', "\udc80"], ids=ascii)
def test_files__receipt_is_damaged__nothing_is_compared(context: CheckContext, text: str) -> None:
    receipt_path(context.built.prefix).parent.mkdir(parents=True)
    receipt_path(context.built.prefix).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert files.check(context).status == "ok"


@pytest.mark.parametrize(
    ("gpus", "status", "message"),
    [
        ((RTX_3080,), "ok", "; NVIDIA GeForce RTX 3080 (8.6) runs machine code"),
        (
            (RTX_3080, H100),
            "ok",
            "; NVIDIA GeForce RTX 3080 (8.6) runs machine code, NVIDIA H100 80GB HBM3 (9.0) compiles PTX at first use",
        ),
        ((Gpu(0, "GTX 1080 Ti", (6, 1), None, "nvml"),), "failed", "tensorflow has no code for GTX 1080 Ti (6.1)"),
        ((Gpu(0, None, None, None, "proc"),), "ok", ""),
    ],
    ids=["native", "native and ptx", "too old", "unknown"],
)
def test_files__gpus_of_the_host__served_or_not(
    context: CheckContext, gpus: tuple[Gpu, ...], status: str, message: str
) -> None:
    found = files.check(replace(context, host=Host("linux-64", gpus=gpus, driver=DRIVER)))
    prefix = "all 5 CUDA and cuDNN libraries are in place" if status == "ok" else ""
    assert (found.status, found.message) == (status, prefix + message)


def test_files__some_kernels_have_no_machine_code__compiles_ptx(context: CheckContext) -> None:
    internal = framework_dir(context) / "python" / "_pywrap_tensorflow_internal.so"
    compile_library(WORK, internal)
    add_section(internal, ".nv_fatbin", fat_binary((2, 80), (1, 80)) + fat_binary((1, 80)))
    found = files.check(replace(context, host=Host("linux-64", gpus=(RTX_3080,), driver=DRIVER)))
    assert found.evidence["gpus"] == ["NVIDIA GeForce RTX 3080 (8.6) compiles PTX at first use"]


def test_files__some_kernels_have_no_ptx__said_with_what_fails(context: CheckContext) -> None:
    internal = framework_dir(context) / "python" / "_pywrap_tensorflow_internal.so"
    compile_library(WORK, internal)
    add_section(internal, ".nv_fatbin", fat_binary((2, 80), (1, 80)) + fat_binary((2, 80)))
    gpu = msgspec.structs.replace(context.recipe.gpu, without_ptx=["`tf.abs`"])
    recipe = msgspec.structs.replace(context.recipe, gpu=gpu)
    found = files.check(replace(context, recipe=recipe, host=Host("linux-64", gpus=(H100, RTX_3080), driver=DRIVER)))
    assert found.status == "ok"
    assert found.evidence["gpus"] == [
        "NVIDIA H100 80GB HBM3 (9.0) compiles PTX at first use, "
        "but 1 of 2 parts have no code for it and fail (`tf.abs`)",
        "NVIDIA GeForce RTX 3080 (8.6) runs machine code",
    ]


def test_files__several_problems__all_named(context: CheckContext) -> None:
    no_cusolver(context)
    no_startup_file(context)
    found = files.check(context)
    assert len(found.evidence["problems"]) == 2
    assert found.message == "; ".join(found.evidence["problems"])


@pytest.fixture
def windows(tmp_path: Path) -> CheckContext:
    """A Windows environment, seen from here."""
    prefix = tmp_path / "env"
    packages = prefix / "Lib" / "site-packages"
    internal = packages / "tensorflow" / "python" / "_pywrap_tensorflow_internal.pyd"
    make_dll(internal, sections={b".nv_fatb": fat_binary((2, 80), (1, 80))})
    (packages / "tensorflow-2.4.0.dist-info").mkdir()
    (packages / "gpuenv.pth").write_text("import os\n")
    framework = shipped_recipe().framework
    for name in (*framework.libraries["win-64"], *framework.lazy_libraries["win-64"]):
        make_dll(dll_dir(prefix) / name, version=(8, 9, 5, 29) if "cudnn" in name else (6, 14, 11, 11080))
    for name in ("bin/ptxas.exe", "nvvm/libdevice/libdevice.10.bc"):
        path = packages / "nvidia" / "cuda_nvcc" / name
        path.parent.mkdir(parents=True)
        path.write_text("")
        path.chmod(0o755)
    return context_of(Built(prefix, prefix / "python.exe", Version("3.8"), packages, "win-64"), tmp_path / "log")


def test_files__windows_seen_from_linux__what_can_be_seen_is_checked(windows: CheckContext) -> None:
    found = files.check(windows)
    assert found.evidence["problems"] == []
    assert found.evidence["external_libraries"] == "not checked: msvcp140.dll, msvcp140_1.dll, zlibwapi.dll"


def test_files__windows_without_a_dll__named(windows: CheckContext) -> None:
    (dll_dir(windows.built.prefix) / "cudnn_cnn_train64_8.dll").unlink()
    found = files.check(windows)
    assert found.message == "`cudnn_cnn_train64_8.dll` is missing: training will end the process"
