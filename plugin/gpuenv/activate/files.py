"""Write the blocks and the start-up file into an environment, and take them out again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from gpuenv.activate.conda import scripts, tool_links
from gpuenv.activate.render import PTH, render, startup_module, with_blocks
from gpuenv.activate.script import has_block, without_blocks
from gpuenv.errors import GpuenvError
from gpuenv.model import Built, CudaFiles, Manifest, StagedFile, Variable

# fish and csh have no Windows of their own: their scripts there are left as they are.
_POSIX_ONLY = ("activate.fish", "activate.csh")
_OWN_DIRECTORIES = ("activate.d", "deactivate.d", "conda")
_CACHE_VARIABLE = "CUDA_CACHE_PATH"


def activate(built: Built, variables: Mapping[str, Variable], cuda: CudaFiles) -> Manifest:
    """Write everything that sets the variables of an environment; doing it twice is the same as once.

    In a conda prefix these are scripts of our own, and links to CUDA tools, which `stage` knows how to take out. In a
    virtual environment scripts that do not exist, or whose `deactivate` is of an unknown kind, are left out.
    Raises UsageError for a variable that cannot be written, GpuenvError when a file cannot; then the files are as they
    were.
    """
    place = (variables, built.prefix, cuda.cuda_dir, built.platform)
    if built.conda:
        wanted = {built.prefix / path: text for path, text in scripts(*place).items()}
        links = tool_links(built.prefix, cuda.cuda_dir, built.platform)
    else:
        wanted, links = _scripts(built, render(*place)), ()
    wanted[built.site_packages / "_gpuenv_startup.py"] = startup_module(*place)
    wanted[built.site_packages / "gpuenv-startup.pth"] = PTH  # last: it imports the module
    before = {path: _read(path) if path.exists() else None for path in wanted}
    written: list[Path] = []
    try:
        _make_cache_dir(built.prefix, variables)
        for path, text in wanted.items():
            written.append(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, text)
        for link in links:
            _link(built.prefix, link, written, before)
    except BaseException as err:
        for path in written:
            _put_back(path, before[path])
        if isinstance(err, OSError):
            raise GpuenvError("cannot write the activation scripts", cause=str(err)) from err
        raise
    original = {} if built.conda else before  # there every file is ours alone
    staged = (_staged(built.prefix, path, text, original.get(path)) for path, text in wanted.items())
    return Manifest((*staged, *links))


def deactivate_files(prefix: Path, manifest: Manifest) -> tuple[str, ...]:
    """Undo `activate`; return a message for each file that somebody else has changed since.

    Of such a script only our blocks are taken out; such a start-up file is left as it is. Links in the manifest are
    not ours, files that are gone are no matter.
    """
    messages = []
    for file in reversed(manifest.files):
        path = prefix / file.path
        if file.kind != "text" or _leaves(file.path) or not path.is_file():
            continue
        text = _read(path)
        if _sha256(text) == file.sha256:
            _put_back(path, file.original)
        elif text == file.original:
            continue
        elif file.original is not None:
            _replace(path, without_blocks(text))
            messages.append(f"`{file.path}` was changed by somebody else, their changes are kept")
        else:
            messages.append(f"`{file.path}` is no longer the file that gpuenv wrote, left as it is")
    return tuple(messages)


def _scripts(built: Built, texts: Mapping[str, str]) -> dict[Path, str]:
    """Return the scripts that exist, with the blocks in them."""
    wanted = {}
    windows = built.platform.startswith("win")
    for path in sorted((built.prefix / ("Scripts" if windows else "bin")).glob("*activate*")):
        if not path.is_file() or (windows and path.name in _POSIX_ONLY):
            continue
        edited = with_blocks(path.name, _read(path), texts)
        if edited is not None:
            wanted[path] = edited
    return wanted


def _make_cache_dir(prefix: Path, variables: Mapping[str, Variable]) -> None:
    """Make the directory for compiled GPU code: a driver that cannot write there compiles again at every start."""
    cache = variables.get(_CACHE_VARIABLE)
    if cache is not None and cache.value.startswith("{prefix}/"):
        (prefix / cache.value.removeprefix("{prefix}/")).mkdir(parents=True, exist_ok=True)


def _staged(prefix: Path, path: Path, text: str, before: str | None) -> StagedFile:
    """Describe a file: a script's original is what it was without us, a start-up file of an earlier run has none."""
    original = None
    if before is not None:
        original = without_blocks(before) or None if has_block(before) else before
    return StagedFile(path.relative_to(prefix).as_posix(), "text", sha256=_sha256(text), original=original)


def _put_back(path: Path, text: str | None) -> None:
    if text is not None:
        _replace(path, text)
        return
    path.unlink(missing_ok=True)
    _forget_compiled(path)
    for directory in path.parents[:2]:  # of our own making in a conda prefix
        if directory.name in _OWN_DIRECTORIES and directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()


def _link(prefix: Path, link: StagedFile, written: list[Path], before: dict[Path, str | None]) -> None:
    """Make a link to a tool unless it is there: relative inside the environment, which can then be copied."""
    path, target = prefix / link.path, link.target or ""
    if not path.is_symlink():
        written.append(path)
        before[path] = None
        path.symlink_to(target if os.path.isabs(target) else os.path.relpath(prefix / target, path.parent))


def _forget_compiled(path: Path) -> None:
    """Remove what Python compiled of a module: it would take it for current when time and size are the same."""
    if path.suffix == ".py":
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()


def _replace(path: Path, text: str) -> None:
    """Write beside and rename: an installer's files can be hard links into its cache, which must not change."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".gpuenv-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_bytes(text))
        os.chmod(name, path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask())
        os.replace(name, path)
        _forget_compiled(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _read(path: Path) -> str:
    """Read without changing line ends; bytes that are not UTF-8 come back the same when written."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sha256(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()


def _leaves(path: str) -> bool:
    """Say whether a manifest (which is a file that anybody could edit) names something outside the environment."""
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts
