"""Python packages, the C library and the processor."""

from __future__ import annotations

from gpuenv.doctor.pattern import Pattern

_TF = "https://github.com/tensorflow/tensorflow/issues/"
_SMOKE = "measured: plain installations of 23 TensorFlow releases, November 2026"
_RECREATE = "run `gpuenv create --force`, then `gpuenv verify`"


def _reinstall(package: str) -> str:
    """Say how one package gets the locked version back; the command line adds environment and version."""
    return f"run `gpuenv run -- python -m pip install {package}`, then `gpuenv verify import`"


PYTHON_PATTERNS = (
    Pattern(
        "python.protobuf",
        r"Descriptors cannot(?: not)? be created directly",
        "protobuf is newer than this TensorFlow's generated code allows; 2.4 needs `protobuf<3.21`",
        _reinstall("protobuf"),
        (_SMOKE, _TF + "56266"),
        order=70,
    ),
    Pattern(
        "python.numpy-2",
        r"A module that was compiled using NumPy 1\.x cannot be run in NumPy 2|_(?:ARRAY|UFUNC)_API not found"
        r"|numpy\.core\.(?:_multiarray_umath|umath) failed to import",
        "NumPy 2 is installed, but this TensorFlow was built for NumPy 1",
        _reinstall("numpy"),
        (_SMOKE, _TF + "90245"),
        order=71,
    ),
    Pattern(
        "python.numpy-abi",
        r"numpy\.(?P<type>dtype|ndarray|ufunc) size changed",
        "a module was compiled for another NumPy than the one installed",
        _reinstall("numpy"),
        (_TF + "98406",),
        order=72,
    ),
    Pattern(
        "python.numpy-alias",
        r"module 'numpy' has no attribute '(?P<name>object|bool|int|float|typeDict|complex)'",
        "NumPy 1.24 or newer is installed, which no longer has {name}",
        _reinstall("numpy"),
        (_TF + "62832",),
        order=73,
    ),
    Pattern(
        "system.glibc",
        r"version `(?P<version>GLIBC_[\d.]+)' not found",
        "the system's C library is older than {version}, which a binary needs",
        "run `ldd --version` to see what is here; a newer system or container is needed",
        ("https://sourceware.org/glibc/wiki/FAQ",),
        order=74,
    ),
    Pattern(
        "system.libstdcxx",
        r"version `(?P<version>(?:GLIBCXX|CXXABI)_[\d.]+)' not found",
        "the `libstdc++.so.6` that was loaded first has no {version}",
        "run `unset LD_LIBRARY_PATH`, then `gpuenv verify import`",
        (_TF + "56562", _TF + "10596"),
        order=75,
    ),
    Pattern(
        "system.vc-runtime",
        r"Could not find the DLL\(s\) '(?P<library>msvcp140[^']*)'",
        "the Visual C++ 2015-2019 runtime is not installed: {library}",
        "run `winget install Microsoft.VCRedist.2015+.x64`, then `gpuenv verify import`",
        ("tensorflow/python/platform/self_check.py of TensorFlow 2.4.0",),
        order=76,
    ),
    Pattern(
        "system.dll-load",
        r"DLL load failed[^\n]*_pywrap_tensorflow_internal",
        "Windows could not load TensorFlow: the Visual C++ runtime is missing or old, or the processor lacks AVX",
        "run `winget install Microsoft.VCRedist.2015+.x64`, then `gpuenv verify import`",
        (_TF + "45273", _TF + "75111"),
        confidence="likely",
        order=77,
    ),
    Pattern(
        "system.avx",
        r"signal SIGILL|Illegal instruction|compiled to use AVX2? instructions, but these aren't available",
        "the processor, or the one that a virtual machine shows, lacks AVX, which TensorFlow's wheels need since 1.6",
        "run `grep -c avx /proc/cpuinfo`; in a virtual machine, choose the host's processor model",
        (_TF + "17411", _TF + "19104"),
        confidence="likely",
        order=78,
    ),
    Pattern(
        "python.module-missing",
        r"ModuleNotFoundError: No module named '(?P<module>[\w.]+)'",
        "a Python package is not installed in the environment: {module}",
        _RECREATE,
        ("https://docs.python.org/3/library/exceptions.html#ModuleNotFoundError",),
        order=79,
    ),
)
