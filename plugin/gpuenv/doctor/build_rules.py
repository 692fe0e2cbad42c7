"""Building GPU code, and the packages of drivers and of CUDA that systems bring."""

from __future__ import annotations

from gpuenv.doctor import reason
from gpuenv.doctor.log_rule import LogRule

_INSTALL = "https://docs.nvidia.com/cuda/cuda-installation-guide-linux/"

BUILD_RULES = (
    LogRule(
        "build.nvcc-host-compiler",
        ("build.host-compiler",),
        "this CUDA's nvcc does not work with the C++ compiler or the C library's headers that it found: they are "
        "newer than it knows, or the compiler is missing",
        "name an older compiler, `export NVCC_CCBIN=g++-11` (CMake: `CUDAHOSTCXX`), or install a newer CUDA toolkit",
        (_INSTALL + "#host-compiler-support-policy", "https://github.com/NVIDIA/cccl/issues/10"),
        order=27,
        explains=("build.no-toolkit",),
    ),
    LogRule(
        "build.cuda-mismatch",
        ("build.cuda-mismatch",),
        "the extension would be built with CUDA {toolkit}, and PyTorch was built with {framework}",
        "set `CUDA_HOME` to a toolkit of that version, as `conda install -c nvidia cuda-toolkit={framework}` brings it",
        ("torch/utils/cpp_extension.py",),
        order=27,
    ),
    LogRule(
        "build.no-toolkit",
        ("build.no-toolkit",),
        "the CUDA toolkit's compiler, headers or libraries for building are not found ({header}{library}); the driver "
        "and the framework's packages do not bring them",
        "install the toolkit, as with `conda install -c nvidia cuda-toolkit`, and `export CUDA_HOME=` its directory",
        (_INSTALL, "torch/utils/cpp_extension.py"),
        confidence="likely",
        order=87,
        when=lambda log: not reason.works_in_the_end(log),
    ),
    LogRule(
        "install.driver-conflict",
        ("install.driver-conflict",),
        "the system's installer cannot put these packages of NVIDIA together ({package}): they come from several "
        "sources, or from a name that is no more",
        "keep to one source (the system's or NVIDIA's): run `sudo apt-get remove --purge '^nvidia-.*' "
        "'^libnvidia-.*'`, then install one driver by its current name; `apt-cache policy` shows where each comes from",
        (
            _INSTALL + "#removing-cuda-toolkit-and-driver",
            "https://github.com/canonical/nvidia-graphics-drivers/issues/24",
        ),
        confidence="likely",
        order=26,
        explains=("driver.not-built",),
    ),
    LogRule(
        "install.driver-repository",
        ("install.driver-repository",),
        "the system's installer does not know NVIDIA's packages, or not the key that they are signed with "
        "({package}{key})",
        "set the repository up anew as NVIDIA describes it, with the package `cuda-keyring` for apt, then `sudo "
        "apt-get update`",
        (_INSTALL, "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"),
        order=27,
    ),
)
