r"""Find the Visual C++ runtime on Windows and its version: in the registry, and in the DLLs themselves.

Guides ask for a whole Visual Studio; TensorFlow needs the runtime only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gpuenv.binaries import read_pe
from gpuenv.errors import GpuenvError
from gpuenv.model import Fact, Note
from gpuenv.registry import Registry

# Where the redistributable package writes its version, by the documentation below the second one. 14.0 is the key of
# 2015 and of all later ones, which are binary compatible.
# https://learn.microsoft.com/cpp/windows/redistributing-visual-cpp-files (read November 2026).
_KEYS = (
    r"SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\x64",
    r"SOFTWARE\Wow6432Node\Microsoft\VisualStudio\14.0\VC\Runtimes\x64",
)
# The runtime must not be older than the compiler (the same page). TensorFlow 2.4.0's wheel for Windows names 14.27 in
# its `build_info.py` and in the PE header of `_pywrap_tensorflow_internal.pyd`, which imports the third of the DLLs;
# the first two are those that `build_info.py` names (measured November 2026).
_LEAST = (14, 27)
_NEEDED = ("msvcp140.dll", "msvcp140_1.dll", "vcruntime140_1.dll")
# Python brings this one itself.
_DLLS = (*_NEEDED, "vcruntime140.dll")
_INSTALL = "install the Microsoft Visual C++ Redistributable for Visual Studio 2015-2022 (x64): `vc_redist.x64.exe`"


def registered(registry: Registry) -> str | None:
    """Return the version that the registry says is installed: `14.29.30133.0`; None when it says none."""
    for key in _KEYS:
        if (installed := registry.read("HKLM", key, "Installed")) is not None and installed.data == 1:
            parts = [registry.read("HKLM", key, name) for name in ("Major", "Minor", "Bld", "Rbld")]
            return ".".join(str(part.data) for part in parts if part is not None) or None
    return None


def in_files(system: Path) -> dict[str, str | None]:
    """Read the version of each DLL of the runtime that is there; None for one that does not tell or cannot be read."""
    found: dict[str, str | None] = {}
    for name in _DLLS:
        if (system / name).is_file():
            try:
                found[name] = read_pe(system / name).version
            except GpuenvError:
                found[name] = None
    return found


def facts(registry: Registry, system: Path) -> Iterator[Fact]:
    """Tell the runtime's version twice, as the registry and as the file has it."""
    version = registered(registry)
    if version is not None:
        yield Fact("visual_cpp", version, "registry")
    of_file = in_files(system).get(_DLLS[0])
    if of_file is not None:
        yield Fact("visual_cpp", of_file, str(system / _DLLS[0]))


def notes(registered_version: str | None, files: Mapping[str, str | None]) -> Iterator[Note]:
    """Say what is wrong with the runtime: not there, older than TensorFlow's compiler, or taken apart. Pure."""
    missing = [name for name in _NEEDED if name not in files]
    versions = {name: version for name, version in files.items() if version is not None}
    old = [f"`{name}` {version}" for name, version in versions.items() if _release(version) < _LEAST]
    if len(missing) == len(_NEEDED) and registered_version is None:
        message = (
            "Windows has no Visual C++ runtime (x64): TensorFlow ends at `import`; no more of Visual Studio is needed"
        )
        yield Note("visual-cpp.missing", message, _INSTALL)
    elif old:
        least = ".".join(map(str, _LEAST))
        message = f"the Visual C++ runtime is older than the compiler of TensorFlow 2.4.0 ({least}): {', '.join(old)}"
        yield Note("visual-cpp.old", message, _INSTALL)
    elif missing:
        has = f"{registered_version} is registered" if registered_version else "a part is there"
        said = ", ".join(f"`{name}`" for name in missing)
        message = f"the Visual C++ runtime is not whole: {has}, {said} {'is' if len(missing) == 1 else 'are'} missing"
        yield Note("visual-cpp.broken", message, "repair it: `vc_redist.x64.exe /repair`")


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:2])
