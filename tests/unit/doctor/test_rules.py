from __future__ import annotations

import time

import pytest

from gpuenv.doctor import diagnose, gpuenv_doctor_rules
from gpuenv.doctor.gpu_rules import GPU_PATTERNS
from gpuenv.doctor.loader_rules import LOADER_PATTERNS
from gpuenv.doctor.pattern import Pattern
from gpuenv.doctor.python_rules import PYTHON_PATTERNS
from gpuenv.doctor.rules import RULES

PATTERNS = (*LOADER_PATTERNS, *GPU_PATTERNS, *PYTHON_PATTERNS)
DSO = "W tensorflow/stream_executor/platform/default/dso_loader.cc:60] Could not load dynamic library "
NO_FILE = "cannot open shared object file: No such file or directory"

# Lines as they were seen, and the rule that must speak.
LOGS = [
    ("loader.zlibwapi", "Could not locate zlibwapi.dll. Please make sure it is in your library path!"),
    ("loader.wsl-libcuda", f"Could not load library libcudnn_cnn_infer.so.8. Error: libcuda.so: {NO_FILE}"),
    ("loader.cudnn-part", f"Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: {NO_FILE}"),
    ("loader.cudnn-part", "Could not load library cudnn_cnn_infer64_8.dll. Error code 126\nPlease make sure"),
    ("loader.cudnn-part", "Could not locate cudnn_ops_infer64_8.dll. Please make sure it is in your library path!"),
    (
        "loader.cudnn-older",
        "E cuda_dnn.cc:417] Loaded runtime CuDNN library: 8.1.1 but source was compiled with: 8.6.0.  CuDNN library",
    ),
    ("loader.cusolver-10", f"{DSO}'libcusolver.so.10'; dlerror: libcusolver.so.10: {NO_FILE}"),
    ("loader.cusolver-10", f"{DSO}'cusolver64_10.dll'; dlerror: cusolver64_10.dll not found"),
    ("loader.missing", f"{DSO}'libcudart.so.11.0'; dlerror: a\n{DSO}'libcusolver.so.10'; dlerror: b"),
    ("loader.missing", f"{DSO}'cudart64_110.dll'; dlerror: cudart64_110.dll not found"),
    ("loader.missing", f"{DSO}'cudnn64_8.dll'; dlerror: cudnn64_8.dll not found"),
    (
        "loader.mixed-cublas",
        "symbol lookup error: /x/libcublas.so.11: undefined symbol: cublasLtGetStatusString, version libcublasLt.so.11",
    ),
    ("loader.windows-abort", "Process finished with exit code -1073740791 (0xC0000409)"),
    ("loader.some-missing", "W gpu_device.cc:1753] Cannot dlopen some GPU libraries. Please make sure"),
    (
        "driver.mismatch",
        "kernel version 460.91.3 does not match DSO version 470.57.2 -- cannot find working devices in this",
    ),
    ("driver.mismatch", "Failed to initialize NVML: Driver/library version mismatch"),
    (
        "driver.mismatch",
        "failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: system has unsupported display driver",
    ),
    ("driver.mismatch", "failed call to cuInit: UNKNOWN ERROR (803)"),
    (
        "driver.compat-package",
        "failed call to cuInit: CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE: forward compatibility was attempted",
    ),
    ("driver.too-old", "cudaGetDevice() failed. Status: CUDA driver version is insufficient for CUDA runtime version"),
    ("driver.ptx-too-new", "CUDA_ERROR_UNSUPPORTED_PTX_VERSION: the provided PTX was compiled with an unsupported"),
    ("driver.stub", "CUDA driver is a stub library"),
    ("driver.not-loaded", f"{DSO}'libcuda.so.1'; dlerror: libcuda.so.1: {NO_FILE}"),
    ("driver.not-loaded", "failed call to cuInit: UNKNOWN ERROR (303)"),
    ("driver.no-device", "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected"),
    ("driver.cuinit", "failed call to cuInit: CUDA_ERROR_UNKNOWN: unknown error"),
    ("driver.cuinit", "failed call to cuInit: UNKNOWN ERROR (34)"),
    (
        "code.gpu-too-old",
        "Ignoring visible gpu device (device: 0, name: GeForce GTX 780M, pci bus id: 0000:01, compute capability: 3.0)"
        " with Cuda compute capability 3.0. The minimum required Cuda capability is 3.5.",
    ),
    (
        "code.operation-without-ptx",
        "OP_REQUIRES failed at cwise_op_gpu_base.cc:89 : Internal: Failed to load in-memory CUBIN: "
        "CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image is available for execution on the device",
    ),
    ("code.none-for-gpu", "CUDA error: no kernel image is available for execution on the device"),
    (
        "code.none-for-gpu",
        "CUDA runtime implicit initialization on GPU:0 failed. Status: device kernel image is invalid",
    ),
    ("code.bad-ptx", "CUDA_ERROR_INVALID_PTX: a PTX JIT compilation failed"),
    ("memory.exhausted", "OOM when allocating tensor with shape[64,112,112,64] and type float on GPU:0"),
    ("memory.exhausted", "failed to allocate 2.2K (2304 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    ("memory.handle", "cuda_dnn.cc:329] Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR"),
    ("memory.handle", "cuda_blas.cc:226] failed to create cublas handle: CUBLAS_STATUS_ALLOC_FAILED"),
    ("xla.libdevice", "error: libdevice not found at ./libdevice.10.bc"),
    ("xla.libdevice", "Can't find libdevice directory ${CUDA_DIR}/nvvm/libdevice. This may result in"),
    ("xla.ptxas-too-old", "ptxas fatal   : Value 'sm_86' is not defined for option 'gpu-name'"),
    ("xla.ptxas-too-old", "*** WARNING *** You are using ptxas 10.1.243, which is older than 11.1."),
    ("xla.ptxas-missing", "Couldn't invoke ptxas --version"),
    ("code.still-compiling", "GPU check compute: matmul did not end within 900 s"),
    ("code.still-compiling", "GPU check train: the start did not end within 0.5 s"),
    (
        "cudnn.not-started",
        "Failed to get convolution algorithm. This is probably because cuDNN failed to initialize, so",
    ),
    ("python.protobuf", "TypeError: Descriptors cannot not be created directly."),
    ("python.protobuf", "TypeError: Descriptors cannot be created directly."),
    ("python.numpy-2", "AttributeError: _UFUNC_API not found\nImportError: numpy.core.umath failed to import"),
    ("python.numpy-abi", "ValueError: numpy.dtype size changed, may indicate binary incompatibility."),
    ("python.numpy-alias", "AttributeError: module 'numpy' has no attribute 'object'."),
    ("system.glibc", "ImportError: /lib/libc.so.6: version `GLIBC_2.27' not found (required by x.so)"),
    ("system.libstdcxx", "ImportError: libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by x.so)"),
    (
        "system.vc-runtime",
        "ImportError: Could not find the DLL(s) 'msvcp140.dll or msvcp140_1.dll'. TensorFlow requires",
    ),
    (
        "system.dll-load",
        "ImportError: DLL load failed while importing _pywrap_tensorflow_internal: The specified module",
    ),
    ("system.avx", "importing TensorFlow ended the process with signal SIGILL"),
    (
        "system.avx",
        "The TensorFlow library was compiled to use AVX instructions, but these aren't available on your machine.",
    ),
    ("python.module-missing", "ModuleNotFoundError: No module named 'numpy'"),
]
HARMLESS = [
    f"{DSO}'libnvinfer.so.7'; dlerror: libnvinfer.so.7: {NO_FILE}",
    "I dso_loader.cc:49] Successfully opened dynamic library libcudart.so.11.0",
    "I gpu_device.cc:1406] Created TensorFlow device (/device:GPU:0 with 76000 MB memory)",
    "check import: the start did not end within 0.5 s",
    "successful NUMA node read from SysFS had negative value (-1), but there must be at least one NUMA node",
    "",
]


@pytest.mark.parametrize(("rule", "log"), LOGS, ids=[f"{rule}-{index}" for index, (rule, _) in enumerate(LOGS)])
def test_diagnose__a_line_as_it_was_seen__the_right_rule_speaks(rule: str, log: str) -> None:
    found = diagnose(f"2026-11-23 01:02:51.842947: I some other line\n{log}\nmore\n", RULES)
    assert found is not None
    assert found.rule == rule


@pytest.mark.parametrize("log", HARMLESS)
def test_diagnose__a_harmless_line__nobody_speaks(log: str) -> None:
    assert diagnose(log, RULES) is None


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_patterns__each__has_a_line_that_it_knows_and_says_where_from(pattern: Pattern) -> None:
    assert pattern.id in {rule for rule, _ in LOGS}
    assert pattern.sources
    assert not pattern.cause.endswith(".")
    assert "`" in pattern.fix or "driver" in pattern.fix


def test_rules__all__have_ids_of_their_own_and_are_sorted() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES) == len(PATTERNS)
    assert [rule.order for rule in RULES] == sorted(rule.order for rule in RULES)
    assert gpuenv_doctor_rules() == list(RULES)


def test_diagnose__several_libraries__all_named_once() -> None:
    log = "\n".join(f"{DSO}'{name}'; dlerror" for name in ("libcudart.so.11.0", "libcublas.so.11", "libcudart.so.11.0"))
    found = diagnose(log, RULES)
    assert found is not None
    assert found.cause == "CUDA libraries are not where TensorFlow looks: `libcudart.so.11.0`, `libcublas.so.11`"


def test_diagnose__a_log_of_3_mib__under_five_seconds() -> None:
    started = time.monotonic()
    assert diagnose("2026-11-23 01:02:51.842947: I something/else.cc:49] nothing to see\n" * 50_000, RULES) is None
    assert time.monotonic() - started < 5


def test_pattern__unless__another_cause_silences_it() -> None:
    pattern = Pattern("x", r"one (?P<name>\w+)", "it is {name}", "do it", ("here",), unless="two")
    assert pattern.find("one two") is None
    found = pattern.find("one three, one four")
    assert found is not None
    assert found.cause == "it is `three`, `four`"
