"""Put CUDA and cuDNN where the framework's loader looks, in a way that can be undone.

Linux: relative links in the directory that the loader's own `$ORIGIN` search path names, so that they are found with
no environment variable, activated or not. Windows: hard links in one directory of gpuenv's, which the start-up file
puts on PATH, because TensorFlow's `LoadLibraryExW` call looks there and not beside TensorFlow.

Linked is what is needed and no more: the names that the framework opens, those that cuDNN opens later, and what those
need in turn as far as the source has it. The last part matters because the dynamic linker takes `$ORIGIN` of a linked
library to be the directory of the link: `libcudnn_ops_infer.so.8` no longer finds cuBLAS by its own relative path.
What the loader's search path leads to already gets no link: TensorFlow names the directories of NVIDIA's wheels from
2.14 on. Whatever else lies beside them stays out: `libOpenCL.so.1` would shadow the system's, `libnvblas.so` and the
profiler's libraries nobody opens.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar

from gpuenv.binaries import dlopened_names, read_elf, read_pe
from gpuenv.errors import GpuenvError, Hint, TargetError
from gpuenv.model import Built, CudaFiles, Manifest, Recipe, Source, StagedFile
from gpuenv.paths import dll_dir
from gpuenv.text_files import typed

T = TypeVar("T")

# Not CUDA, but beside it where CUDA comes from conda packages: what the compiler and everybody else needs. Python or
# the framework has loaded it long before, and a second one beside the framework would win over that of the system.
_RUNTIME = re.compile(r"lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|gomp|gfortran|quadmath|z)\.so", re.ASCII)


def stage(built: Built, recipe: Recipe, source: Source, cuda: CudaFiles) -> Manifest:
    """Link the CUDA files into a built environment; doing it twice is the same as once.

    All or nothing: on any error the links that were made are gone again. Raises TargetError when a file of somebody
    else stands where a link belongs, GpuenvError when a library is missing or a link cannot be made.
    """
    planned = plan_links(built, recipe, source, cuda)
    foreign = [file.path for file in planned if _state(built.prefix, file) == "foreign"]
    if foreign:
        raise TargetError(
            f"files that gpuenv did not put there are in the way: {_quoted(foreign)}",
            cause=f"`{recipe.framework.name}` would open them instead of the libraries of this environment",
            hints=[Hint("stage.foreign", "move them away, then run the same command again")],
        )
    made: list[Path] = []
    try:
        return Manifest(tuple(_put(built.prefix, file, made) for file in planned))
    except BaseException as err:
        _take_back(built.prefix, made)
        if isinstance(err, OSError):
            raise GpuenvError("cannot link the CUDA libraries", cause=str(err)) from err
        raise


def unstage(prefix: Path, manifest: Manifest) -> tuple[str, ...]:
    """Remove the links of a manifest; return a message for each file that is no longer what gpuenv put there.

    Such files are left alone, files that are gone already are no matter, and text files in the manifest are not ours.
    """
    messages = []
    removed = []
    for file in manifest.files:
        if file.kind == "text":
            continue
        state = "foreign" if _leaves_prefix(file.path) else _state(prefix, file)
        if state == "foreign":
            messages.append(f"`{file.path}` is no longer the link that gpuenv made, left as it is")
        elif state == "ours":
            removed.append(prefix / file.path)
    _take_back(prefix, removed)
    return tuple(messages)


def plan_links(built: Built, recipe: Recipe, source: Source, cuda: CudaFiles) -> tuple[StagedFile, ...]:
    """Say which links are needed, in order; reads the loader and the libraries, changes nothing.

    Raises GpuenvError naming every library that is missing, or saying that the loader has no place for links.
    """
    windows = built.platform.startswith("win")
    directory = dll_dir(built.prefix) if windows else _link_dir(built, _loader(built, recipe))
    available = _available(cuda.library_dirs, windows=windows)
    wanted = _wanted(built, recipe)
    aliases = _for_platform(source.aliases, built.platform) or {}
    found = {name: available.get(_key(name)) or available.get(_key(aliases.get(name, ""))) for name in wanted}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise _missing(missing, recipe, built, cuda)
    at_hand = set() if windows else _found_without(found, _loader(built, recipe))
    links = {name: path for name, path in found.items() if path is not None and name not in at_hand}
    links.update(_needed_in_turn(links, available, windows=windows))
    kind: Literal["hardlink", "symlink"] = "hardlink" if windows else "symlink"
    return tuple(
        StagedFile(_in_prefix(built.prefix, directory / name), kind, target=_in_prefix(built.prefix, path))
        for name, path in links.items()
        if path.parent != directory
    )


def _wanted(built: Built, recipe: Recipe) -> tuple[str, ...]:
    """Return the names that must be there: those read from the loader, else the recipe's; then those opened later."""
    framework = recipe.framework
    listed = _for_platform(framework.libraries, built.platform) or []
    opened = () if built.platform.startswith("win") else dlopened_names(_loader(built, recipe))
    return (*(opened or listed), *(_for_platform(framework.lazy_libraries, built.platform) or ()))


def _loader(built: Built, recipe: Recipe) -> Path:
    """Return the binary that opens the CUDA libraries. Raises GpuenvError when the recipe names none."""
    relative = _for_platform(recipe.framework.loader, built.platform)
    if relative is None:
        raise GpuenvError(f"recipe `{recipe.name}` names no `framework.loader` for platform `{built.platform}`")
    return built.site_packages / relative


def _link_dir(built: Built, loader: Path) -> Path:
    """Return the directory in the environment that the loader searches relative to itself.

    Its own if that is one, else the first that is there: TensorFlow's paths name some that never are. Raises
    GpuenvError when there is none: then links would be found by nobody.
    """
    inside = [path for path in _searched(loader) if path.is_relative_to(built.prefix)]
    if not inside:
        found = _quoted(read_elf(loader).search_path) or "none"
        raise GpuenvError(
            f"`{loader}` has no search path inside the environment",
            cause=f"expected an `$ORIGIN` entry in its RPATH or RUNPATH, found {found}",
        )
    return loader.parent if loader.parent in inside else next((it for it in inside if it.is_dir()), inside[0])


def _searched(loader: Path) -> list[Path]:
    """Return the directories that the loader searches relative to itself."""
    own = [entry for entry in read_elf(loader).search_path if entry.startswith("$ORIGIN")]
    return [Path(os.path.normpath(entry.replace("$ORIGIN", str(loader.parent)))) for entry in own]


def _found_without(found: Mapping[str, Path | None], loader: Path) -> set[str]:
    """Return the names whose very file the loader's search path leads to, before any other of that name."""
    first = {name: next((it for it in _searched(loader) if os.path.lexists(it / name)), None) for name in found}
    return {name for name, path in found.items() if path is not None and first[name] == path.parent}


def _available(directories: Iterable[Path], *, windows: bool) -> dict[str, Path]:
    """List the libraries of a source by name; the first directory wins a name. Windows ignores case."""
    found: dict[str, Path] = {}
    for directory in directories:
        for path in sorted(directory.glob("*.dll" if windows else "lib*.so*")):
            found.setdefault(_key(path.name), path)
    return found


def _key(name: str) -> str:
    """Return the name to look a library up by: DLL names are the same in upper and lower case."""
    return name.lower() if name.lower().endswith(".dll") else name


def _needed_in_turn(links: Mapping[str, Path], available: Mapping[str, Path], *, windows: bool) -> dict[str, Path]:
    """Follow what each library needs, as far as the source has it, and return what is not linked under its name yet."""
    known = {_key(name) for name in links}
    more: dict[str, Path] = {}
    waiting = list(links.values())
    while waiting:
        path = waiting.pop()
        for name in read_pe(path).imports if windows else read_elf(path).needed:
            if _key(name) in available and _key(name) not in known and not _RUNTIME.match(name):
                known.add(_key(name))
                more[name] = available[_key(name)]
                waiting.append(more[name])
    return more


def _missing(names: list[str], recipe: Recipe, built: Built, cuda: CudaFiles) -> GpuenvError:
    framework = recipe.framework
    return GpuenvError(
        f"{framework.name} {framework.version} needs libraries that are not there: {_quoted(names)}",
        cause=f"looked in {_quoted(str(path) for path in cuda.library_dirs) or 'no directory'}",
        hints=[
            Hint("stage.recreate", f"make the environment again with `gpuenv create -p {typed(built.prefix)} --force`"),
            Hint("stage.alias", "if a library has another name there, add it to `aliases` of the recipe's source"),
        ],
    )


def _state(prefix: Path, file: StagedFile) -> Literal["absent", "ours", "foreign"]:
    """Say what stands at the place of a link."""
    link, target = prefix / file.path, prefix / (file.target or "")
    if not os.path.lexists(link):
        return "absent"
    if file.kind == "symlink":
        same = link.is_symlink() and os.readlink(link) == _link_text(prefix, file)
    else:  # a copy stands in where hard links cannot be made
        same = link.is_file() and target.is_file() and (link.samefile(target) or filecmp.cmp(link, target))
    return "ours" if same else "foreign"


def _put(prefix: Path, file: StagedFile, made: list[Path]) -> StagedFile:
    """Make one link unless it is there, and return it as it came to be: a hard link may have become a copy."""
    link, target = prefix / file.path, prefix / (file.target or "")
    if _state(prefix, file) == "absent":
        made.append(link)
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            if file.kind == "symlink":
                link.symlink_to(_link_text(prefix, file))
            else:
                _link_or_copy(target, link)
        except FileExistsError:  # somebody else was quicker, and theirs is not ours to take back
            made.remove(link)
            raise
    if file.kind == "symlink":
        return file
    kind: Literal["hardlink", "copy"] = "hardlink" if link.samefile(target) else "copy"
    return StagedFile(file.path, kind, target=file.target)


def _link_or_copy(target: Path, link: Path) -> None:
    """Link, or copy where the file system or another volume does not allow it (with the times, to compare quickly)."""
    try:
        os.link(target, link)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy2(target, link)


def _take_back(prefix: Path, links: Iterable[Path]) -> None:
    """Delete links, and gpuenv's own directory for DLLs if it is empty then."""
    for link in links:
        if os.path.lexists(link):
            link.unlink()
    own = dll_dir(prefix)
    for directory in (own, own.parent, own.parent.parent):
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()


def _link_text(prefix: Path, file: StagedFile) -> str:
    """Return what a symbolic link says: relative inside the environment, which can then be moved."""
    target = file.target or ""
    return target if os.path.isabs(target) else os.path.relpath(prefix / target, (prefix / file.path).parent)


def _in_prefix(prefix: Path, path: Path) -> str:
    """Return a path relative to the prefix, with `/`; one outside stays absolute."""
    return path.relative_to(prefix).as_posix() if path.is_relative_to(prefix) else str(path)


def _leaves_prefix(path: str) -> bool:
    """Say whether a manifest (which is a file that anybody could edit) names something outside the environment."""
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts


def _for_platform(table: Mapping[Any, T], platform: str) -> T | None:
    """Look up a recipe's entry for a platform, which is any text here."""
    return table.get(platform)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
