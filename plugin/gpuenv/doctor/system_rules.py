"""The C library, the processor, Windows, and packages that are the wrong build."""

from __future__ import annotations

from gpuenv.doctor.event import Log
from gpuenv.doctor.log_rule import LogRule

_TF = "https://github.com/tensorflow/tensorflow/issues/"
_VC = "run `winget install Microsoft.VCRedist.2015+.x64`, then `gpuenv verify import`"


def _is_of_the_framework(log: Log) -> bool:
    """Say whether the DLL that did not load is the framework's, not any module's of the program."""
    modules = "".join(log.names("module", "system.dll-load"))
    return "pywrap" in log.text or "pywrap" in modules or "torch" in modules or "tensorflow" in log.text


SYSTEM_RULES = (
    LogRule(
        "system.paging-file",
        ("system.paging-file",),
        "Windows has not enough memory to load the libraries: its paging file is too small",
        "let Windows choose the paging file's size: run `SystemPropertiesPerformance`, Advanced, Virtual memory",
        ("Windows system error code 1455, ERROR_COMMITMENT_LIMIT", "https://github.com/tensorflow/models/issues/9783"),
        order=1,
        explains=("system.dll-load", "loader.cudnn-part"),
    ),
    LogRule(
        "system.vc-runtime",
        ("system.vc-runtime",),
        "the Visual C++ 2015-2019 runtime is not installed: {library}",
        _VC,
        ("tensorflow/python/platform/self_check.py of TensorFlow 2.4.0",),
        order=2,
        explains=("system.dll-load",),
    ),
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
        (_TF + "56562", _TF + "10596"),
        order=4,
    ),
    LogRule(
        "system.dll-load",
        ("system.dll-load",),
        "Windows could not load the framework: the Visual C++ runtime is missing or old, or the processor lacks AVX",
        _VC,
        (_TF + "45273", _TF + "75111"),
        confidence="likely",
        order=19,
        when=_is_of_the_framework,
        explains=("python.module-missing",),
    ),
    LogRule(
        "system.avx",
        ("system.avx",),
        "the processor, or the one that a virtual machine shows, lacks AVX, which TensorFlow's wheels need since 1.6",
        "run `grep -c avx /proc/cpuinfo`; in a virtual machine, choose the host's processor model",
        (_TF + "17411", _TF + "19104"),
        confidence="likely",
        order=18,
    ),
    LogRule(
        "build.cpu-only",
        ("build.cpu-only",),
        "the framework that is installed is a build for the processor, without CUDA",
        "run `gpuenv create --dry-run` for an environment with a GPU build",
        ("https://github.com/pytorch/pytorch/issues/3717", _TF + "61691", "https://github.com/jax-ml/jax/issues/29068"),
        order=26,
        explains=("loader.some-missing", "gpu.not-registered", "loader.no-cuda", "driver.no-device"),
    ),
    LogRule(
        "install.no-wheel",
        ("install.no-wheel",),
        "there is no build of {package} for this Python or platform",
        "run `gpuenv create`, which takes a Python that the release has wheels for",
        (_TF + "53709", _TF + "47140"),
        order=27,
        explains=("python.module-missing",),
    ),
    LogRule(
        "install.no-cuda-package",
        ("install.no-cuda-package",),
        "conda found no CUDA on the machine where it solved, as on a login node or in a container build: the virtual "
        "package `__cuda` is missing",
        "run `export CONDA_OVERRIDE_CUDA=11.8` before the installation, or solve where the GPU is",
        (
            "https://github.com/conda-forge/tensorflow-feedstock/issues/216",
            "https://github.com/prefix-dev/pixi/issues/1288",
        ),
        order=27,
    ),
    LogRule(
        "install.long-path",
        ("install.long-path",),
        "Windows allows paths of 260 characters, and TensorFlow's are longer in this directory",
        "let the environment be in a short directory, or switch on `LongPathsEnabled` in the registry and restart",
        ("https://pip.pypa.io/warnings/enable-long-paths",),
        order=25,
        explains=("install.no-wheel",),
    ),
    LogRule(
        "install.tensorflow-gpu",
        ("install.tensorflow-gpu",),
        "`tensorflow-gpu` has been removed from the package index; `tensorflow` has had the GPU code since 2.1",
        "run `gpuenv create`, or install `tensorflow` instead",
        (_TF + "60886", _TF + "60074"),
        order=26,
        explains=("install.no-wheel", "python.module-missing"),
    ),
)
