"""The part of the check `files` that follows the loader to each library it will open, and looks whether it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from gpuenv.binaries.search import expanded, system_dirs
from gpuenv.extension import CheckContext
from gpuenv.paths import dll_dir
from gpuenv.toolkit_files import unmet
from gpuenv.verify.finding import Finding, entry, in_prefix

# Comes with the NVIDIA driver and not with the environment; whether it is there is not a question about files.
_DRIVER_LIBRARIES = frozenset({"libcuda.so.1", "libnvidia-ml.so.1", "nvcuda.dll", "nvml.dll"})


def libraries(context: CheckContext) -> Finding:
    """Check every library that the framework opens at start, and that cuDNN opens later."""
    windows = context.built.platform.startswith("win")
    opened, later = _names(context)
    if not opened:
        return Finding((f"the recipe names no libraries for `{context.built.platform}`",))
    directories = windows_search_path(context) if windows else _search_path(context)
    found = {name: _find(name, directories) for name in (*opened, *later)}
    absent = {name: _absence(name, path) for name, path in found.items() if path is None or not path.is_file()}
    present = {name: path for name, path in found.items() if path is not None and name not in absent}
    problems = [
        *_grouped(absent, {name: _consequence(name, opened, context) for name in absent}),
        *([] if windows else _wrong_names(present, context)),
        *(unmet(present, directories, windows=True) if windows else _unmet_needs(present, directories)),
        *_mixed_cudnn(present, context),
        *_wrong_cuda(present, context),
    ]
    targets = {name: in_prefix(path.resolve(), context) for name, path in present.items()}
    evidence = {"files": targets, "missing": sorted(absent)}
    return Finding(tuple(problems), evidence, f"all {len(found)} CUDA and cuDNN libraries are in place")


def windows_search_path(context: CheckContext) -> tuple[Path, ...]:
    """Return where TensorFlow's LoadLibraryExW call looks: gpuenv's own directory, python's, and PATH.

    The start-up file puts gpuenv's on PATH. On another operating system there is no PATH to ask: only these two count.
    """
    own = (dll_dir(context.built.prefix), context.built.python.parent)
    if os.name != "nt":
        return own
    environment = context.environment or os.environ
    system = Path(environment.get("SYSTEMROOT", r"C:\Windows")) / "System32"
    return (*own, system, *(Path(entry) for entry in environment.get("PATH", "").split(os.pathsep) if entry))


def _names(context: CheckContext) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names opened at start, read from the loader where that is possible, and those opened later."""
    from gpuenv.binaries import dlopened_names

    framework, platform = context.recipe.framework, context.built.platform
    listed = tuple(entry(framework.libraries, context) or ())
    if not platform.startswith("win"):
        listed = dlopened_names(_loader(context)) or listed
    return listed, tuple(entry(framework.lazy_libraries, context) or ())


def _loader(context: CheckContext) -> Path:
    return context.built.site_packages / str(entry(context.recipe.framework.loader, context))


def _search_path(context: CheckContext) -> tuple[Path, ...]:
    """Return the directories that the loader's own RPATH or RUNPATH names; no variable is needed for them."""
    from gpuenv.binaries import read_elf

    loader = _loader(context)
    return expanded(read_elf(loader).search_path, loader.parent)


def _find(name: str, directories: Iterable[Path]) -> Path | None:
    """Return the first directory's entry of that name, a link to nowhere too."""
    return next((path for directory in directories if os.path.lexists(path := directory / name)), None)


def _absence(name: str, path: Path | None) -> str:
    """Describe a library that is not there: its name, and for a link to nowhere also where that is."""
    if path is None or not path.is_symlink():
        return f"`{name}`"
    return f"`{name}` (a link to `{os.readlink(path)}`)"


def _consequence(name: str, opened: tuple[str, ...], context: CheckContext) -> str:
    """Say what a missing library breaks, as measured: without `libcudnn_ops_infer.so.8` the process aborts."""
    if name in opened:
        return f"{context.recipe.framework.name} will see no GPU"
    return "training will end the process" if "_train" in name else "the first convolution will end the process"


def _grouped(absent: Mapping[str, str], consequences: Mapping[str, str]) -> list[str]:
    """Name missing libraries together that break the same thing."""
    problems = []
    for consequence in dict.fromkeys(consequences.values()):
        names = [absent[name] for name in absent if consequences[name] == consequence]
        problems.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing: {consequence}")
    return problems


def _wrong_names(present: Mapping[str, Path], context: CheckContext) -> list[str]:
    """Find libraries that call themselves otherwise than they are opened by, unless the recipe says so."""
    from gpuenv.binaries import read_elf

    aliases = entry(context.recipe.sources[context.source_name].aliases, context) or {}
    problems = []
    for name, path in present.items():
        soname = read_elf(path).soname
        if soname is not None and soname not in (name, aliases.get(name)):
            problems.append(f"`{name}` is `{soname}` inside, expected `{aliases.get(name, name)}`")
    return problems


def _unmet_needs(present: Mapping[str, Path], directories: tuple[Path, ...]) -> list[str]:
    """Follow what each library needs, and what that needs in turn, to the last one."""
    from gpuenv.binaries import read_elf

    problems: dict[str, str] = {}
    seen = set(present)
    waiting = list(present.values())
    while waiting:
        path = waiting.pop()
        info = read_elf(path)
        own = expanded(info.search_path, path.parent)
        for name in info.needed:
            if name in seen or name in _DRIVER_LIBRARIES:
                continue
            seen.add(name)
            found = _find(name, (*own, *directories))
            if found is not None and found.is_file():
                waiting.append(found)
            elif _find(name, system_dirs()) is None:
                problems[name] = f"`{name}`, which `{path.name}` needs, is missing"
    return list(problems.values())


def _mixed_cudnn(present: Mapping[str, Path], context: CheckContext) -> list[str]:
    """Compare the versions of the files of cuDNN; only one and the same works together."""
    from gpuenv.binaries import library_version

    versions = {name: library_version(path) for name, path in present.items() if "cudnn" in name}
    releases = {name: version.release for name, version in versions.items() if version is not None}
    problems = []
    if len(set(releases.values())) > 1:
        shown = ", ".join(f"`{name}` {'.'.join(map(str, release))}" for name, release in sorted(releases.items()))
        problems.append(f"the files of cuDNN are of different versions ({shown}): convolutions will end the process")
    expected = int(context.recipe.sources[context.source_name].cudnn.partition(".")[0])
    problems += [
        f"`{name}` is of cuDNN {release[0]}, expected {expected}"
        for name, release in releases.items()
        if release[0] != expected
    ]
    return problems


def _wrong_cuda(present: Mapping[str, Path], context: CheckContext) -> list[str]:
    """Compare the CUDA runtime's major version with the recipe's."""
    from gpuenv.binaries import library_version

    expected = int(context.recipe.sources[context.source_name].cuda_toolkit.partition(".")[0])
    runtimes = {name: library_version(path) for name, path in present.items() if "cudart" in name}
    return [
        f"`{name}` is of CUDA {version.release[0]}, expected {expected}"
        for name, version in runtimes.items()
        if version is not None and version.release[0] != expected
    ]
