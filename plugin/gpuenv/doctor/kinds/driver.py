"""The driver: how it starts, and its versions."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

DRIVER_KINDS = (
    Kind(
        "cuinit.failed",
        (
            r"failed call to cuInit: (?P<error>CUDA_ERROR_\w+|UNKNOWN ERROR \((?P<number>-?\d+)\)|CUresult\((?P<re"
            r"sult>-?\d+)\))",
            r"failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: "
            r"(?P<error>CUDA_ERROR_\w+|UNKNOWN ERROR \((?P<number>-?\d+)\))",
            r"cudaGetDeviceCount\(\)[^\n]{0,160}Error (?P<number>\d+): (?P<error>[^\n(]+)",
            r"cuInit(?:\(0\))? (?:failed|returned|error)\W+(?P<error>CUDA_ERROR_\w+|(?P<number>\d+)|unknown error)",
            r"(?P<error>CUDA unknown error) - this may be due to an incorrectly set up environment",
            r"no supported devices found for platform (?P<error>CUDA)",
            r"cudaGetDeviceCount\(?\)? returned (?P<error>(?P<number>\d+))",
            # numba: the number of the error before or behind its name.
            r"(?:\[\s?(?P<number>-?\d+)\s?\]\s?Call to )?cuInit results in (?P<error>\w+)(?: \((?P<result>-?\d+)\))?",
            r"(?P<error>CUDA driver initialization failed)",
            r"cuda runtime error \((?P<number>\d+)\) : (?P<error>unknown error|initialization error)",
            r"\bfailed\. Status: (?P<error>unknown error|initialization error)",
            r"CUDA failure (?P<number>\d+): (?P<error>unknown error|initialization error)",
            r"(?P<error>cudaErrorUnknown): ",
            r"\bcuinit err: (?P<error>(?P<number>\d+))",
            r"failed to get device (?:properties|attributes?), error code: (?P<error>(?P<number>\d+))",
        ),
    ),
    Kind(
        "driver.mismatch",
        (
            r"kernel version (?P<kernel>[\d.]*\d) does not match DSO version (?P<library>[\d.]*\d)",
            r"Driver/library version mismatch|NVML/RM version mismatch|LibRmVersionMismatch",
            r"NVRM: API mismatch: the client has the version (?P<library>[\d.]*\d)",
            r"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
            r"system has unsupported display driver / cuda driver combination",
        ),
    ),
    Kind("driver.kernel-version", (r"kernel reported version is: (?P<version>[\d.]*\d)",)),
    Kind("driver.library-version", (r"libcuda reported version is: (?P<version>[\d.]*\d)",)),
    Kind(
        "driver.compat",
        (r"CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", r"forward compatibility was attempted on non supported HW"),
    ),
    Kind(
        "driver.too-old",
        (
            r"CUDA driver version is insufficient for CUDA runtime version",
            r"The NVIDIA driver on your system is too old",
            r"requirement error: unsatisfied condition: (?:cuda|driver)\s?[><=]+\s?(?P<needed>[\d.]+)",
            r"cudaErrorInsufficientDriver",
            r"built for NVIDIA Driver Release (?P<needed>[\d.]+)[^!]{0,120}compatibility mode is UNAVAILABLE",
            r"undefined symbol: (?P<symbol>cu(?:Mem|Ctx|Device|Module|Launch|Tensor|Graph|Stream|Event|Func|Library|"
            r"Kernel|GetProc)\w*|nvml\w+)",
        ),
    ),
    # Printed with the driver's version whatever that is: a sign only where nothing else stopped cuDNN.
    Kind("driver.insufficient", (r"Possibly insufficient driver version: (?P<version>[\d.]*\d)",)),
    Kind(
        "driver.ptx",
        (r"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", r"the provided PTX was compiled with an unsupported toolchain"),
    ),
    Kind(
        "driver.stub",
        (r"CUDA driver is a stub library", r"cudaErrorStubLibrary", r"CUDA_ERROR_STUB_LIBRARY"),
    ),
    Kind(
        "driver.no-device",
        (
            r"CUDA_ERROR_NO_DEVICE",
            r"no CUDA-capable device is detected",
            r"No CUDA GPUs are available",
            r"nvidia-smi(?: -L)?\s+No devices (?:were )?found",
            r"NVRM: No NVIDIA (?:GPU found|devices probed)",
        ),
    ),
    # The kernel's driver shows its version, and the library that belongs to it was not loaded.
    Kind(
        "driver.library-unseen",
        (
            r"unable to find libcuda\.so DSO loaded into this program[^\n]*\n[^\n]*kernel reported version is: "
            r"(?:[\d.]+\d|[^\n]*NVRM version)",
        ),
    ),
    Kind(
        "driver.hidden",
        (
            r"CUDA_VISIBLE_DEVICES\W{0,4}\s?(?:=|to|,)\s?(?:\"\"|''|\"?'?(?:-1|NoDevFiles)\b)",
            r"NVIDIA_VISIBLE_DEVICES\W{0,4}\s?(?:=|to|,|:)\s?\"?'?(?:void|none)\b",
        ),
    ),
    # TensorFlow prints the variable where the driver shows it no GPU; `0` is most often there, the others may not be.
    Kind("driver.hidden-value", (r"env: CUDA_VISIBLE_DEVICES=\"(?P<value>(?!0\b|-1\b)[\w,/-]+)\"",)),
    Kind(
        "driver.fabric",
        (
            r"802\W{1,4}system not yet initialized",
            r"(?:CUDA error|Cuda failure)\W{1,4}system not yet initialized",
            r"CUDA_ERROR_SYSTEM_NOT_READY|cudaErrorSystemNotReady",
            r"fabric manager NVIDIA GPU driver interface version",
            r"nvidia-fabricmanager\.service: (?:Failed|Main process exited)",
        ),
    ),
)
