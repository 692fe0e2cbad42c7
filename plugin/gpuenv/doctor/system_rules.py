"""The C library, the processor, and packages that are the wrong build."""

from __future__ import annotations

from gpuenv.doctor.log_rule import LogRule
from gpuenv.doctor.sources import BROKEN, TENSORFLOW

SYSTEM_RULES = (
    LogRule(
        "system.glibc",
        ("system.glibc",),
        "the system's C library is older than {version}, which a binary needs",
        "run `ldd --version` to see what is here; a newer system or container is needed",
        ("https://sourceware.org/glibc/wiki/FAQ",),
        order=3,
    ),
    LogRule(
        "system.libstdcxx",
        ("system.libstdcxx",),
        "the `libstdc++.so.6` that was loaded first has no {version}",
        "run `unset LD_LIBRARY_PATH`, then `gpuenv verify import`; with conda `conda install libstdcxx-ng`",
        (TENSORFLOW + "56562", TENSORFLOW + "10596"),
        order=4,
    ),
    LogRule(
        "system.avx",
        ("system.avx",),
        "the processor, or the one that a virtual machine shows, lacks AVX, which TensorFlow's wheels need since 1.6",
        "run `grep -c avx /proc/cpuinfo`; in a virtual machine, choose the host's processor model",
        (TENSORFLOW + "17411", TENSORFLOW + "19104"),
        confidence="likely",
        order=18,
    ),
    LogRule(
        "system.threads",
        ("system.threads",),
        "the limit on processes and threads is reached: {limit}",
        "run `ulimit -u` to see it, and raise it, in a container with `--pids-limit`; or start fewer threads, as with "
        "`export OPENBLAS_NUM_THREADS=4 OMP_NUM_THREADS=4`",
        ("setrlimit(2), RLIMIT_NPROC", BROKEN),
        order=2,
        explains=("python.numpy-broken", "python.module-missing", "python.numpy-abi", "system.dll-load"),
    ),
    LogRule(
        "system.open-files",
        ("system.open-files",),
        "the limit on open files is reached",
        "run `ulimit -n 65536` in the shell that starts the program; where workers load data, "
        "`torch.multiprocessing.set_sharing_strategy('file_system')`",
        ("setrlimit(2), RLIMIT_NOFILE", "https://docs.pytorch.org/docs/stable/multiprocessing.html"),
        order=46,
        explains=("gpu.busy", "gpu.any-error", "python.module-missing"),
    ),
    LogRule(
        "system.shm-permission",
        ("system.shm-permission",),
        "the process may not use the machine's shared memory, `/dev/shm`",
        "run `ls -ld /dev/shm`: it must be `drwxrwxrwt`, as `sudo chmod 1777 /dev/shm` makes it",
        ("shm_open(3), EACCES", "https://github.com/NVIDIA/nccl/issues/328"),
        order=46,
        explains=("container.shared-memory", "nccl.failed"),
    ),
    LogRule(
        "build.cpu-only",
        ("build.cpu-only",),
        "the framework that is installed is a build for the processor, without CUDA",
        "run `gpuenv create --dry-run` for an environment with a GPU build",
        (
            "https://github.com/pytorch/pytorch/issues/3717",
            TENSORFLOW + "61691",
            "https://github.com/jax-ml/jax/issues/29068",
        ),
        order=26,
        explains=("loader.some-missing", "gpu.not-registered", "loader.no-cuda", "driver.no-device"),
    ),
)
