"""Bring one of NVIDIA's archives into a toolkit directory: find or fetch it, unpack it, put it in its place, prove it.

Above the single steps, which know nothing of each other, and below the commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gpuenv.archive import extract
from gpuenv.errors import Hint, UsageError
from gpuenv.facts.cudnn import archive_named, cuda_components, cudnn_archives
from gpuenv.fetch import FetchOptions, fetch
from gpuenv.model import Archive, Artifacts, Extracted, PhaseDone, PhaseStarted, Reporter, Warned
from gpuenv.paths import env_of_toolkit_dir, toolkit_note_path
from gpuenv.toolkit import StagedArchive, Wanted, layout_of, problems, stage

# The parts of CUDA that a framework opens, and the compiler's that XLA calls; `cusparse` needs `nvjitlink` from 12 on.
_PARTS = (
    "cuda_cudart",
    "libcublas",
    "libcufft",
    "libcurand",
    "libcusolver",
    "libcusparse",
    "libnvjitlink",
    "cuda_nvcc",
)
# `cudnn-11.0-linux-x64-v8.0.4.30.tgz`, and since 8.3.1 `cudnn-linux-x86_64-8.3.1.22_cuda11.5-archive.tar.xz`.
_OLD = re.compile(r"cudnn-(?P<cuda>[\d.]+)-(?P<os>linux|windows|windows10)-x64-v(?P<version>[\d.]+)\.(tgz|zip)")
_NEW = re.compile(r"cudnn-(?P<os>linux|windows)-x86_64-(?P<version>[\d.]+)_cuda(?P<cuda>[\d.]+)-archive\.(tar\.xz|zip)")
# A browser's second copy: `cudnn-11.0-windows-x64-v8.0.4.30 (1).zip`.
_COPY = re.compile(r" ?\(\d+\)(?=\.(zip|tgz|tar\.xz)$)")


@dataclass(frozen=True, slots=True)
class Brought:
    """What was staged, whether anything had to be done for it, and what the directory lacks now."""

    staged: tuple[StagedArchive, ...]
    changed: bool
    problems: tuple[str, ...]


def cudnn_archive(version: str, cuda: str, platform: str) -> Archive:
    """Find NVIDIA's archive of a cuDNN. Raises UsageError for one that is not known."""
    found = cudnn_archives(version, cuda, platform)
    if not found:
        others = [one.version for major in "987" for one in cudnn_archives(major, cuda, platform)][:1]
        raise UsageError(
            f"no archive of cuDNN {version} for CUDA {cuda} is known for `{platform}`",
            hints=[
                *(Hint("stage.version", f"take the newest for that CUDA: `--version {other}`") for other in others),
                Hint("stage.archive", "if you have one, name its file with `--archive FILE`"),
            ],
        )
    return found[0]


def archive_of(path: Path) -> Archive:
    """Say which archive of NVIDIA's a file is, by its name, without looking into it.

    One that the table does not have is known by its name alone, and has no hash. Raises UsageError for a file that is
    not there, or whose name says nothing.
    """
    if not path.is_file():
        raise UsageError(f"there is no file `{path}`", hints=[Hint("stage.archive", "name the archive itself")])
    name = _COPY.sub("", path.name)
    known = archive_named(name)
    if known is not None:
        return known
    match = _OLD.fullmatch(name) or _NEW.fullmatch(name)
    if match is None:
        raise UsageError(
            f"`{path.name}` is no name of an archive that NVIDIA gives out",
            cause="expected one such as `cudnn-11.0-linux-x64-v8.0.4.30.tgz`, by which version and platform are known",
            hints=[Hint("stage.name", "give the file the name back that it had on NVIDIA's page")],
        )
    platform = "win-64" if match["os"].startswith("windows") else "linux-64"
    return Archive(name, "cudnn", "cudnn", match["version"], match["cuda"], platform)


def cuda_archives(cuda: str, platform: str) -> tuple[Archive, ...]:
    """Find NVIDIA's archives of the parts of CUDA that a framework needs. Raises UsageError where there are none."""
    found = [one for one in cuda_components(cuda, platform) if one.component in _PARTS]
    newest = {one.component: one for one in found}  # in the order of their versions
    if not newest:
        raise UsageError(
            f"no archives of the parts of CUDA {cuda} are known for `{platform}`",
            cause="NVIDIA gives them out from CUDA 11.4 on",
            hints=[Hint("stage.installer", "install the toolkit itself, or take `--cuda-from pypi`")],
        )
    return tuple(newest.values())


def bring(
    directory: Path, archives: Sequence[Archive], artifacts: Artifacts, options: FetchOptions, report: Reporter
) -> Brought:
    """Stage archives into a directory, one after the other; what is staged already is neither fetched nor read.

    Raises FetchError for an archive that cannot be had or has another hash than NVIDIA's, TargetError for a directory
    that may not be written or holds another version.
    """
    staged, changed = [], False
    for archive in archives:
        report(PhaseStarted("bring", f"Staging {archive.name}"))
        one, done = _bring(directory, archive, artifacts, options, report)
        staged.append(one)
        changed = changed or done
        said = f"Staged {len(one.files)} files of {archive.component} {archive.version}"
        report(PhaseDone("bring", said if done else f"{archive.component} {archive.version} is staged already", 0.0))
    windows = any(archive.platform.startswith("win") for archive in archives)
    return Brought(tuple(staged), changed, problems(directory, _beside(directory), windows=windows))


def _beside(directory: Path) -> Iterator[Path]:
    """Give the other directories with libraries of CUDA in an environment: NVIDIA's wheels, conda's, the toolkit's."""
    prefix = env_of_toolkit_dir(directory)
    if prefix is None:
        return
    for pattern in ("lib/python3.*/site-packages/nvidia/*/lib", "Lib/site-packages/nvidia/*/bin"):
        yield from prefix.glob(pattern)
    yield from (prefix / "lib", prefix / "Library" / "bin")
    note = toolkit_note_path(prefix)
    if note.is_file():
        toolkit = Path(note.read_text("utf-8").rstrip("\n"))
        yield from (toolkit / "lib64", toolkit / "bin")


def _bring(
    directory: Path, archive: Archive, artifacts: Artifacts, options: FetchOptions, report: Reporter
) -> tuple[StagedArchive, bool]:
    if artifacts.archive is not None:
        # Who has the file has had NVIDIA's licence before.
        options = replace(options, given={**options.given, archive.name: artifacts.archive}, state_dir=None)
    checked = artifacts.check_hash and archive.sha256 is not None
    sha256 = archive.sha256 if checked else _own_hash(archive, artifacts, report)
    wanted = Wanted(archive.component, archive.version, archive.cuda, archive.name, sha256 or "", checked)

    def unpack(target: Path) -> Sequence[Extracted]:
        (path,) = fetch([archive], options, report)
        place = layout_of(archive.component, archive.platform)
        return extract(path, place, target, sha256=sha256 if checked else None)

    return stage(directory, wanted, unpack)


def _own_hash(archive: Archive, artifacts: Artifacts, report: Reporter) -> str:
    """Hash a file that is not compared with NVIDIA's, and say so loudly. Raises UsageError unless it was asked for."""
    from gpuenv.fetch.cache import hash_file

    if artifacts.archive is None or artifacts.check_hash:
        raise UsageError(
            f"the hash of `{archive.name}` is not known, so it cannot be told whether it is NVIDIA's",
            hints=[
                Hint("stage.other", "take a version whose hash is known: `--version 8.0.4 --cuda 11.0`"),
                Hint("stage.trust", "or take the file as it is: `--archive FILE --allow-any-hash`"),
            ],
        )
    found = hash_file(artifacts.archive)
    if archive.sha256 is not None and found == archive.sha256:
        return found
    known = f"NVIDIA's is `{archive.sha256}`" if archive.sha256 else "NVIDIA's is not known"
    report(Warned(f"THE HASH WAS NOT CHECKED: `{artifacts.archive}` has SHA-256 `{found}`, {known}"))
    return found
