"""The C library, the processor, and builds."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

SYSTEM_KINDS = (
    Kind("system.glibc", (r"version '?(?P<version>GLIBC_[\d.]+)'? not found",)),
    Kind("system.libstdcxx", (r"version '?(?P<version>(?:GLIBCXX|CXXABI)_[\d.]+)'? not found",)),
    Kind(
        "system.avx",
        (
            r"\bSIGILL\b",
            r"Illegal (?:hardware )?instruction(?! was encountered)",
            r"compiled to use (?:SSE|AVX|FMA|F16C)[\w.]*(?: \w[\w.]*)* instructions, but these aren't available",
            r"exit(?:ed with)? (?:code|status) 132\b",
            r"trap invalid opcode",
            r"-1073741795|0xC000001D",
            r"Ungültiger Maschinenbefehl|Instruction non permise|Instrucción ilegal|非法指令|不正な命令",
            r"Недопустимая инструкция|Istruzione non consentita|Instrução ilegal|잘못된 명령어",
        ),
    ),
    # Limits of a process, as batch systems and containers set them.
    Kind(
        "system.threads",
        (
            r"RLIMIT_NPROC (?P<limit>\d+) current",
            r"pthread_create(?:\(\))? failed[^\n]{0,60}(?:Resource temporarily unavailable|error code: EAGAIN)",
            r"can't start new thread",
            r"Thread \S+ creation via pthread_create\(\) failed",
            r"(?:cannot fork|fork: retry)[^\n]{0,40}: Resource temporarily unavailable",
            r"BlockingIOError: \[Errno 11\] Resource temporarily unavailable",
        ),
    ),
    Kind(
        "system.open-files",
        (
            r"Too many open files",
            # TensorFlow opens `/proc/self/cmdline`, which only this limit denies it.
            r"env\.cc:\d+\] Check failed: -1 != fd",
            r"received \d+ items of ancdata",
            r"\[Errno 24\]",
            r"\bEMFILE\b",
        ),
    ),
    Kind(
        "system.shm-permission",
        (
            r"\bshm_open failed ?: Permission denied",
            r"Permission denied[^\n]{0,40}/dev/shm|/dev/shm[^\n]{0,80}Permission denied",
            r"_multiprocessing\.SemLock\([^\n]*\n(?:[^\n]*\n)?\s*PermissionError: \[Errno 13\]",
        ),
    ),
    Kind(
        "build.cpu-only",
        (
            r"Torch not compiled with CUDA enabled",
            r"CUDA-enabled jaxlib is not installed",
            r"TensorFlow GPU support is not available on native Windows",
            r"tf\.test\.is_built_with_cuda\(\)\)?\s+False",
            r"not (?:been )?built with (?:CUDA|GPU) (?:support|backend)",
            r"provider 'CUDAExecutionProvider' is not in available provider names",
            r"(?:(?:built|compiled) without|not compiled with) (?:CUDA|GPU)\b",
            r"Op type not registered '(?:Nccl|Cudnn)\w+'",
        ),
    ),
    Kind(
        "profiler.privileges",
        (r"CUPTI_ERROR_INSUFFICIENT_PRIVILEGES", r"CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES"),
    ),
    Kind(
        "gpu.not-registered",
        (
            r"only supports? (?:the )?NHWC(?: tensor format)?(?: on the CPU)?",
            r"Could not satisfy explicit device specification '?[\w/:]*(?:GPU|gpu)",
            r"unknown device[^\n]{0,80}GPU",
            r"Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False",
            r"Unknown backend:? '?(?:gpu|cuda)'?|Backend '(?:gpu|cuda)' failed to initialize|No visible GPU",
            r"Cannot assign a device (?:for operation|to node)[^\n]{0,200}GPU",
            r"Invalid CUDA 'device=[^'\n]*' requested|CUDA unavailable, invalid device",
            r"No supported gpu backend found|But your machine only has: \[\]",
            r"SystemError: GPU device not found",
        ),
    ),
)
