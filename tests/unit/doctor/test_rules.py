from __future__ import annotations

import time

import pytest

from gpuenv.diagnosis import diagnoses
from gpuenv.doctor import diagnose, gpuenv_doctor_rules
from gpuenv.doctor.kinds import KINDS
from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.rules import LOG_RULES, RULES
from gpuenv.extension import Rule
from log_corpus import LOGS as LOGS_DIR
from log_corpus import entries, first

CORPUS = [entry for path in sorted(LOGS_DIR.glob("[fhm]*.txt")) for entry in entries(path.name)]
DSO = "W tensorflow/stream_executor/platform/default/dso_loader.cc:60] Could not load dynamic library "
NO_FILE = "cannot open shared object file: No such file or directory"

UNSEEN = "I libcuda reported version is: NOT_FOUND: was unable to find libcuda.so DSO loaded into this program"
ANNOUNCED = "2026-11-28 01:02:03.000001: W CUDA kernels will be jit-compiled from PTX, which could take 30 minutes"
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
    ("loader.missing", f"GPU check device: it failed\n{DSO}'cudart64_110.dll'; dlerror: cudart64_110.dll not found"),
    ("loader.missing", f"GeForce RTX 3080\n{DSO}'cudart64_110.dll'; dlerror: cudart64_110.dll not found"),
    ("loader.missing", f"{DSO}'cudnn64_8.dll'; dlerror: cudnn64_8.dll not found"),
    (
        "loader.mixed-cuda",
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
    ("driver.stub", "failed call to cuInit: UNKNOWN ERROR (34)"),
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
    ("install.no-cuda-package", "  - nothing provides __cuda needed by tensorflow-2.7.0-cuda102py310hcf4adbc_0"),
    (
        "install.long-path",
        "HINT: This error might have occurred since this system does not have Windows Long Path support enabled.",
    ),
    ("install.no-wheel", "ERROR: No matching distribution found for tensorrt-libs==8.6.1; extra == 'and-cuda'"),
    ("gpu.busy", "RuntimeError: CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
    ("gpu.wrong-index", "RuntimeError: CUDA error: invalid device ordinal"),
    ("gpu.any-error", "failed to get device attribute 13 for device 0: CUDA_ERROR_UNKNOWN: unknown error"),
    ("gpu.any-error", "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    (
        "container.shared-memory",
        "RuntimeError: DataLoader worker (pid 1) is killed by signal: Bus error. It is possible that "
        "dataloader's workers are out of shared memory. Please try to raise your shared memory limit.",
    ),
    (
        "nccl.failed",
        "torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/ProcessGroupNCCL.cpp:1275",
    ),
    ("driver.blocked", "Failed to initialize NVML: GPU access blocked by the operating system"),
    ("driver.mismatch", "NVRM: API mismatch: the client has the version 535.54.03, but this kernel module has 525.1"),
    (
        "loader.missing",
        "Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: " + NO_FILE,
    ),
    (
        "gpu.not-registered",
        "RuntimeError: Unknown backend: 'gpu' requested, but no platforms that are instances of gpu",
    ),
    ("xla.ptxas-missing", "INTERNAL: ptxas exited with non-zero error code 32512, output: "),
    ("cudnn.not-started", "XlaRuntimeError: UNKNOWN: Failed to determine best cudnn convolution algorithm for:"),
    ("driver.hidden", "CUDA_VISIBLE_DEVICES=-1\nfailed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device"),
    ("driver.container-lost-gpu", "Failed to initialize NVML: Unknown Error"),
    ("driver.fabric-manager", "failed call to cuInit: CUDA_ERROR_SYSTEM_NOT_READY: system not yet initialized"),
    (
        "driver.too-old",
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=11.6, please update your",
    ),
    ("gpu.assert", "RuntimeError: CUDA error: device-side assert triggered"),
    (
        "memory.host-exhausted",
        "OOM when allocating tensor with shape[9] and type float on /device:CPU:0 by allocator cpu",
    ),
    ("memory.exhausted", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total"),
    ("memory.exhausted", "jaxlib.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 bytes."),
    ("memory.blas", "Internal: Blas GEMM launch failed : a.shape=(32, 100), b.shape=(100, 10)"),
    ("loader.broken-file", f"{DSO}'libcudnn.so.8'; dlerror: /usr/lib/libcudnn.so.8: file too short"),
    ("loader.missing-dependency", f"{DSO}'libcudnn.so.8'; dlerror: libcublas.so.11: {NO_FILE}"),
    ("loader.cuda-older", "Found cuSPARSE version 11000, but JAX was built against version 11700, which is newer."),
    (
        "loader.no-cuda",
        "RTX 3080\nI cudart_stub.cc:28] Could not find cuda drivers on your machine, GPU will not be used",
    ),
    ("loader.cudnn-part", "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9}"),
    ("loader.cudnn-older", "compiled against (8, 9, 2) but found runtime version (8, 5, 0)"),
    ("code.compiling", "TensorFlow was not built with CUDA kernel binaries compatible with compute capability 12.0."),
    ("gpu.not-registered", "The Conv2D op currently only supports the NHWC tensor format on the CPU."),
    ("profiler.privileges", "function cupti_interface_->Subscribe failed: CUPTI_ERROR_INSUFFICIENT_PRIVILEGES"),
    ("build.cpu-only", "WARNING: TensorFlow GPU support is not available on native Windows for TensorFlow >= 2.11."),
    (
        "install.no-wheel",
        "ERROR: Could not find a version that satisfies the requirement tensorflow==2.4.0 (from none)",
    ),
    ("install.tensorflow-gpu", 'The "tensorflow-gpu" package has been removed!'),
    ("python.protobuf", "ImportError: cannot import name 'builder' from 'google.protobuf.internal'"),
    ("python.mkl-mismatch", "ImportError: libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent"),
    ("python.addon-mismatch", "libtensorflow_io.so: undefined symbol: _ZTVN10tensorflow13GcsFileSystemE"),
    (
        "python.shadowed",
        "AttributeError: partially initialized module 'tensorflow' has no attribute '__version__' "
        "(most likely due to a circular import)",
    ),
    ("python.fork", "RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing"),
    ("python.late-setting", "RuntimeError: Physical devices cannot be modified after being initialized"),
    ("python.h5py-3", "AttributeError: 'str' object has no attribute 'decode'"),
    (
        "python.keras-mismatch",
        "tensorflow.python.framework.errors_impl.AlreadyExistsError: Another metric with the same name already exists.",
    ),
    (
        "python.jax-mismatch",
        "RuntimeError: jaxlib version 0.4.16 is newer than and incompatible with jax version 0.4.13.",
    ),
    ("python.numpy-abi", "RuntimeError: module compiled against API version 0xf but this version of numpy is 0xe"),
    ("driver.permission", "nvidia-smi: open('/dev/nvidiactl'): /dev/nvidiactl: Permission denied"),
    (
        "driver.flavour",
        "[    3.1] NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2b85)\n[    3.1] NVRM: installed in this system "
        "requires use of the\n[    3.1] NVRM: NVIDIA open kernel modules.",
    ),
    ("driver.too-new", "NVRM: The NVIDIA GPU is\nNVRM:  supported through the NVIDIA 390.xx Legacy drivers. Please"),
    ("driver.nouveau", "ERROR: The Nouveau kernel driver is currently in use by your system."),
    ("driver.secure-boot", "modprobe: ERROR: could not insert 'nvidia': Key was rejected by service"),
    ("driver.not-built", "Error! Bad return status for module build on kernel: 6.8.0-31-generic (x86_64)"),
    ("driver.adapter", "Unable to determine the device handle for GPU 0000:41:00.0: Unknown Error"),
    ("container.unknown-device", "nvidia-container-cli: device error: 4: unknown device: unknown"),
    ("container.cgroups", "nvidia-container-cli: container error: cgroup subsystem devices not found: unknown"),
    ("cluster.full", "Warning  FailedScheduling  0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
    (
        "gpu.mig",
        "CUDA_VISIBLE_DEVICES=MIG-849e08aa-b1bd-5744-babc-e89e41b926b4\nfailed call to cuInit: CUDA_ERROR_NO_DEVICE: ",
    ),
    (
        "gpu.mps",
        "failed call to cuInit: CUDA_ERROR_MPS_CONNECTION_FAILED: MPS client failed to connect to the MPS control",
    ),
    ("gpu.wrong-index", "RuntimeError: device >= 0 && device < num_gpus INTERNAL ASSERT FAILED at CUDAContext.cpp"),
    ("driver.hidden", "CUDA_VISIBLE_DEVICES=NoDevFiles\nfailed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable"),
    ("driver.too-old", "libcuda.so.1: undefined symbol: cuMemPoolCreate"),
    (
        "driver.cuinit",
        "numba.cuda.cudadrv.error.CudaSupportError: Error at driver init: Call to cuInit results in UNKNOWN",
    ),
    ("loader.exec-stack", "ImportError: libtorch_cpu.so: cannot enable executable stack as shared object requires"),
    ("loader.mixed-cuda", "libcudnn_cnn_infer.so.8: undefined symbol: _ZN5cudnn3opsE, version libcudnn_ops_infer.so.8"),
    (
        "loader.mixed-cuda",
        "/x/libcusparse.so.12: version `libnvJitLink.so.12' not found (required by /y/libcusparse.so.12)",
    ),
    ("loader.missing", "nvrtc: error: failed to open libnvrtc-builtins.so.12.1."),
    ("python.too-new", "ModuleNotFoundError: No module named 'distutils'"),
    ("python.typing-extensions", "ImportError: cannot import name 'TypeIs' from 'typing_extensions' (/x.py)"),
    ("python.numpy-1", "ModuleNotFoundError: No module named 'numpy._core'"),
    ("python.protobuf", "x_pb2.py\nTypeError: __new__() got an unexpected keyword argument 'create_key'"),
    ("python.tf1-code", "AttributeError: module 'tensorflow._api.v2.train' has no attribute 'AdamOptimizer'"),
    ("python.tf1-code", "RuntimeError: tf.placeholder() is not compatible with eager execution."),
    ("python.shadowed", "ModuleNotFoundError: No module named 'tensorflow.keras'; 'tensorflow' is not a package"),
    ("python.keras-mismatch", "ValueError: A KerasTensor cannot be used as input to a TensorFlow function."),
    (
        "python.keras-model",
        "TypeError: Error when deserializing class 'InputLayer' using config={'batch_shape': [None, 9]}",
    ),
    ("python.import-name", "ImportError: cannot import name 'descriptor' from 'google.protobuf' (/x/__init__.py)"),
    ("system.disk-full", "OSError: [Errno 28] No space left on device"),
    ("container.shared-memory", "RuntimeError: unable to write to file </torch_9_1>: No space left on device (28)"),
    ("system.avx", "Process finished with exit code -1073741795 (0xC000001D)"),
    ("system.avx", "./run.sh: Zeile 3:  4711 Ungültiger Maschinenbefehl  python train.py"),
    ("memory.host-exhausted", "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=1.batch."),
    ("memory.host-exhausted", "failed to alloc 17179869184 bytes on host: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    ("memory.exhausted", "InternalError: cudaSetDevice() on GPU:0 failed. Status: out of memory"),
    ("gpu.crashed", "CUDA error: an illegal instruction was encountered"),
    ("code.forced-ptx", "CUDA_FORCE_PTX_JIT=1\nfailed to create cublas handle: cublas error"),
    ("code.jit-disabled", "failed to load module: CUDA_ERROR_JIT_COMPILATION_DISABLED"),
    ("system.open-files", "OSError: [Errno 24] Too many open files: '/dev/nvidia0'"),
    ("system.open-files", "RuntimeError: received 0 items of ancdata"),
    ("system.threads", "RuntimeError: can't start new thread"),
    ("system.threads", "terminate called\nThread tf_data creation via pthread_create() failed."),
    (
        "python.not-activated",
        "Run 'mamba init' to be able to run mamba activate/deactivate\nand start a new shell session.",
    ),
    ("cluster.request", "srun: error: Unable to create step for job 8: Invalid generic resource (gres) specification"),
    ("cluster.full", "sbatch: error: Batch job submission failed: Invalid generic resource (gres) specification"),
    (
        "container.jetson",
        "invoking the NVIDIA Container Runtime Hook directly (e.g. specifying the docker --gpus flag)",
    ),
    (
        "loader.missing-dependency",
        f"Could not load dynamic library 'libnvinfer.so.7'; dlerror: libnvrtc.so.11.1: {NO_FILE}\n"
        "F nvinfer_stub.cc:49] getInferLibVersion symbol not found.",
    ),
    ("build.cpu-only", "jax      0.4.1\njaxlib   0.4.1\nWARNING: No GPU/TPU found, falling back to CPU."),
    ("system.shm-permission", "include/shm.h:27 NCCL WARN Call to shm_open failed : Permission denied"),
    (
        "python.tflite-flex",
        "RuntimeError: Regular TensorFlow ops are not supported by this interpreter. Make sure you apply it",
    ),
    (
        "gpu.other-vendor",
        "2d:00.0 VGA compatible controller: Advanced Micro Devices, Inc. [AMD/ATI] Navi 22\n"
        "RuntimeError: Found no NVIDIA driver on your system.",
    ),
    (
        "driver.not-loaded",
        "06:00.0 VGA compatible controller: Advanced Micro Devices, Inc. [AMD/ATI] Cezanne\n"
        "01:00.0 VGA compatible controller: NVIDIA Corporation GA106M [GeForce RTX 3060 Mobile / Max-Q]\n"
        "RuntimeError: Found no NVIDIA driver on your system.",
    ),
    ("nccl.failed", "DMAR: [DMA Write] Request device [04:00.0] fault addr d8000000 [fault reason 05] PTE not set"),
    ("driver.not-loaded", f"{UNSEEN}\nI cuda_diagnostics.cc:163] kernel reported version is: 535.54.3"),
    ("driver.no-device", 'E failed call to cuInit: CUDA_ERROR_NO_DEVICE\nI env: CUDA_VISIBLE_DEVICES="0"'),
    ("code.compiling", f"{ANNOUNCED}\nEpoch 1/2"),
    ("code.compiling", f"{ANNOUNCED}\n32/32 - 102s - loss: 2.3 - 3s/step\n32/32 - 2s - loss: 2.2 - 60ms/step"),
    ("code.compiling", f"{ANNOUNCED}\n2026-11-28 01:05:10.000001: I Loaded cuDNN version 8904\n32/32 - 2s - loss: 2.3"),
]
HARMLESS = [
    f"{DSO}'libnvinfer.so.7'; dlerror: libnvinfer.so.7: {NO_FILE}",
    "I dso_loader.cc:49] Successfully opened dynamic library libcudart.so.11.0",
    "I gpu_device.cc:1406] Created TensorFlow device (/device:GPU:0 with 76000 MB memory)",
    "check import: the start did not end within 0.5 s",
    f"{ANNOUNCED}\n2026-11-28 01:02:10.000001: I Loaded cuDNN version 8904\n32/32 - 2s - loss: 2.3\n"
    "2026-11-28 09:00:00.000001: W an hour later",
    f"{UNSEEN}\nI cuda_diagnostics.cc:163] kernel reported version is: NOT_FOUND: /proc/driver/nvidia/version",
    f"{ANNOUNCED}\n32/32 - 102s - loss: 2.3 - 3s/step\n32/32 - 99s - loss: 2.2 - 3s/step",
    "jaxlib   0.4.1\njax-cuda12-plugin  0.4.1\nWARNING: No GPU/TPU found, falling back to CPU.",
    "I export CUDA_FORCE_PTX_JIT=0",
    "successful NUMA node read from SysFS had negative value (-1), but there must be at least one NUMA node",
    "",
]


def test_diagnose__a_line_as_it_was_seen__the_right_rule_speaks() -> None:
    answers = [first(f"2026-11-23 01:02:51.842947: I some other line\n{log}\nmore\n") for _, log in LOGS]
    wrong = [(log, answer) for (rule, log), answer in zip(LOGS, answers, strict=True) if answer != rule]
    assert wrong == []


@pytest.mark.parametrize("log", HARMLESS)
def test_diagnose__a_harmless_line__nobody_speaks(log: str) -> None:
    assert diagnose(log, RULES) is None


def test_rules__each__has_a_line_that_it_knows_and_says_where_from() -> None:
    known = {rule for rule, _ in LOGS} | {cause for entry in CORPUS for cause in entry.causes}
    assert {rule.id for rule in LOG_RULES} - known == set()
    for rule in LOG_RULES:
        assert rule.sources
        assert not rule.cause.endswith(".")
        assert "`" in rule.fix or "driver" in rule.fix or "version" in rule.fix


def test_rules__what_they_name__exists() -> None:
    kinds, ids = {kind.name for kind in KINDS}, {rule.id for rule in LOG_RULES}
    assert len(kinds) == len(KINDS)
    assert {kind for rule in LOG_RULES for kind in rule.kinds} <= kinds
    assert {explained for rule in LOG_RULES for explained in rule.explains} <= ids


def test_rules__all__are_sorted() -> None:
    assert [rule.order for rule in RULES] == sorted(rule.order for rule in RULES)
    assert gpuenv_doctor_rules() == list(RULES)


def test_diagnose__several_libraries__all_named_once() -> None:
    log = "\n".join(f"{DSO}'{name}'; dlerror" for name in ("libcudart.so.11.0", "libcublas.so.11", "libcudart.so.11.0"))
    found = diagnose(log, RULES)
    assert found is not None
    assert found.cause == "CUDA libraries are not where the framework looks: `libcudart.so.11.0`, `libcublas.so.11`"


def test_diagnose__a_log_of_3_mib__under_five_seconds() -> None:
    started = time.monotonic()
    assert diagnose("2026-11-23 01:02:51.842947: I something/else.cc:49] nothing to see\n" * 50_000, RULES) is None
    assert time.monotonic() - started < 5


def test_log_rule__values_and_condition__are_used() -> None:
    rule = LogRule(
        "x", ("library.missing",), "it is {library}", "do it", ("here",), when=lambda log: "!" not in log.text
    )
    found = rule.find(f"{DSO}'libcudnn.so.8'")
    assert found is not None
    assert (found.cause, found.line) == ("it is `libcudnn.so.8`", 1)
    assert rule.find(f"{DSO}'libcudnn.so.8' !") is None


def test_diagnoses__consequence_after_its_cause__is_told_apart() -> None:
    log = "\n".join(
        [
            "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
            "kernel version 460.91.3 does not match DSO version 470.57.2 -- cannot find working devices",
            "Cannot dlopen some GPU libraries. Please make sure the missing libraries mentioned above are installed",
        ]
    )
    (found,) = diagnoses(RULES, "log", log, pytest.fail)
    assert found.rule == "driver.mismatch"
    assert set(found.consequences) == {"driver.cuinit", "driver.no-device", "loader.some-missing"}


def test_diagnoses__two_causes_that_have_nothing_to_do_with_each_other__both_in_order() -> None:
    log = "OOM when allocating tensor with shape[2]\nTypeError: Descriptors cannot be created directly."
    assert [it.rule for it in diagnoses(RULES, "log", log, pytest.fail)] == ["python.protobuf", "memory.exhausted"]


def test_diagnoses__versions_in_two_lines__are_compared() -> None:
    lines = "libcuda reported version is: {}\nkernel reported version is: {}\nfailed call to cuInit: CUDA_ERROR_UNKNOWN"
    assert [it.rule for it in diagnoses(RULES, "log", lines.format("470.57.2", "460.91.3"), pytest.fail)] == [
        "driver.mismatch"
    ]
    assert [it.rule for it in diagnoses(RULES, "log", lines.format("470.57.2", "470.57.02"), pytest.fail)] == [
        "driver.cuinit"
    ]


def test_diagnoses__rule_that_raises_or_gives_nonsense__is_passed_over() -> None:
    said: list[str] = []
    rules = [Rule("a", lambda log: 1 / 0, 1), Rule("b", lambda log: "no", 2), *RULES]  # type: ignore[arg-type,return-value]
    found = diagnoses(rules, "log", "OOM when allocating tensor with shape[2]", said.append)
    assert [it.rule for it in found] == ["memory.exhausted"]
    assert "`a` raised ZeroDivisionError" in said[0]
    assert "`b` gave `'no'`" in said[1]
