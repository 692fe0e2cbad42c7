"""What gpuenv wrote into an environment, and where its environments are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
from packaging.version import Version

from gpuenv import __version__
from gpuenv.errors import Hint, TargetError
from gpuenv.model import (
    Built,
    CheckResult,
    GpuReadiness,
    GpuService,
    Manifest,
    Plan,
    Receipt,
    Recipe,
    format_compute_capability,
    format_driver_version,
)
from gpuenv.paths import added_path, etc_dir, is_aside, receipt_path
from gpuenv.text_files import typed

RECEIPT_VERSION = "1"
# Directories of an environment that others may write into as well.
_SHARED = frozenset({"etc", "var"})
# What uv, conda and their likes put at the top of an environment.
_ENGINE_ENTRIES = frozenset(
    {".gitignore", ".lock", "CACHEDIR.TAG", "Include", "Lib", "Scripts", "bin", "include", "lib", "lib64", "opt"}
    | {"pyvenv.cfg", "share"}
)


def to_builtins(value: object) -> object:
    """Turn any value of the model into what JSON can hold; versions and paths become text, capabilities `8.6`."""
    plain = msgspec.to_builtins(value, enc_hook=_encode_other)
    return _as_printed(plain)


def make_receipt(planned: Plan, built: Built, results: tuple[CheckResult, ...], manifest: Manifest) -> Receipt:
    """Put together what was decided, built and proven."""
    choice = planned.choice
    found = planned.host.driver.driver_version if planned.host.driver else None
    return Receipt(
        gpuenv_receipt_version=RECEIPT_VERSION,
        gpuenv_version=__version__,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        name=planned.name,
        prefix=str(planned.prefix),
        recipe=choice.recipe.name,
        recipe_origin=choice.loaded.origin,
        framework=choice.recipe.framework.name,
        framework_version=choice.recipe.framework.version,
        source=choice.source_name,
        cuda_toolkit=choice.source.cuda_toolkit,
        cudnn=choice.source.cudnn,
        platform=planned.platform,
        python_version=str(built.python_version),
        python_base=str(built.python.resolve()),
        engine=planned.engine,
        lock_origin=planned.lock.origin,
        lock_sha256=hashlib.sha256(planned.lock.text.encode()).hexdigest(),
        packages=tuple(f"{package.name}=={package.version}" for package in planned.lock.packages),
        gpus=tuple(describe_gpu(gpu) for gpu in choice.gpus),
        driver_version=format_driver_version(found) if found else None,
        entries=tuple(sorted((set() if planned.adds else _entries(built.prefix)) | {"etc/gpuenv", "var/gpuenv"})),
        checks=results,
        manifest=manifest,
        warnings=choice.warnings,
        conda_packages=tuple(f"{one.channel}/{one.subdir}/{one.file_name}" for one in planned.lock.conda_packages),
    )


def _entries(prefix: Path) -> set[str]:
    """List what is at the top of an environment; of directories that others write into, what is in these."""
    found = {entry.name for entry in prefix.iterdir()}
    shared = (prefix / name for name in found & _SHARED)
    return (found - _SHARED) | {f"{parent.name}/{it.name}" for parent in shared for it in parent.iterdir()}


def describe_gpu(gpu: GpuService) -> str:
    """Describe how a GPU is served: `NVIDIA H100 80GB HBM3 (9.0, ptx)`."""
    return f"{gpu.name or 'GPU'} ({format_compute_capability(gpu.compute_capability)}, {gpu.code})"


def write_receipt(receipt: Receipt, recipe: Recipe, lock_text: str, *, added: bool = False) -> Receipt:
    """Write receipt, recipe and lock into the environment, the receipt last: with it the environment is whole.

    `added` says that the environment was there before, which is written down in a file of its own: it shall be known
    even when the receipt is damaged.
    """
    directory = etc_dir(Path(receipt.prefix))
    directory.mkdir(parents=True, exist_ok=True)
    if added:
        _write(added_path(Path(receipt.prefix)), b"gpuenv added to this environment and did not make it\n")
    else:
        added_path(Path(receipt.prefix)).unlink(missing_ok=True)
    _write(directory / "lock.txt", lock_text.encode())
    _write(directory / "recipe.json", _pretty(msgspec.structs.replace(recipe, locks=[])))
    _write(receipt_path(Path(receipt.prefix)), _pretty(receipt))
    return receipt


def update_checks(receipt: Receipt, results: Iterable[CheckResult]) -> Receipt:
    """Put new results in the place of older ones of the same check, write the receipt, and return it.

    A check that could not run now says nothing against what it found before: `not run` replaces nothing else.
    """
    merged = {(result.check, result.activated): result for result in receipt.checks}
    for result in results:
        before = merged.get((result.check, result.activated))
        if before is None or result.status != "not run" or before.status == "not run":
            merged[result.check, result.activated] = result
    changed = replace(receipt, checks=tuple(merged.values()))
    _write(receipt_path(Path(receipt.prefix)), _pretty(changed))
    return changed


def update_gpu_code(receipt: Receipt, state: GpuReadiness) -> Receipt:
    """Put down whether the GPU code is ready now, write the receipt, and return it."""
    changed = replace(receipt, gpu_code=state)
    _write(receipt_path(Path(receipt.prefix)), _pretty(changed))
    return changed


def note_driver(receipt: Receipt, driver_version: str | None) -> None:
    """Write down which driver the environment was proven with, and what verifies it again, for its activation scripts.

    The file looks like this; it is gone where the version of the loaded driver cannot be read::

        460.91.03
        conda gpuenv verify -n
    """
    path = etc_dir(Path(receipt.prefix)) / "driver.txt"
    if driver_version is None:
        path.unlink(missing_ok=True)
        return
    command = "conda gpuenv verify" if receipt.engine == "conda" else "gpuenv verify"
    _write(path, f"{driver_version}\n{command} {'-p' if receipt.name is None else '-n'}\n".encode())


def was_made(prefix: Path) -> bool:
    """Say whether gpuenv made an environment here, whatever has become of its receipt."""
    return receipt_path(prefix).exists()


def was_added(prefix: Path) -> bool:
    """Say whether gpuenv added to an environment that was there before."""
    return added_path(prefix).exists()


def read_manifest(prefix: Path) -> Manifest:
    """Return what gpuenv put into an environment or into that which it was cloned from; nothing without a receipt."""
    try:
        return msgspec.json.decode(receipt_path(prefix).read_bytes(), type=Receipt).manifest
    except (OSError, msgspec.DecodeError):
        return Manifest()


def read_receipt(prefix: Path) -> Receipt:
    """Read the receipt of an environment.

    A conda environment may have been cloned or renamed by conda, which leaves it whole: the receipt then says where it
    is now. Raises TargetError when gpuenv did not make it, the file is damaged, or a virtual environment was made
    somewhere else: its scripts then lead to that other place.
    """
    path = receipt_path(prefix)
    try:
        receipt = msgspec.json.decode(path.read_bytes(), type=Receipt)
    except (FileNotFoundError, NotADirectoryError) as err:
        what = "is not an environment that gpuenv made" if prefix.exists() else "does not exist"
        hints = [Hint("target.list", "run `gpuenv list` to see the environments there are")]
        if (prefix / "pyvenv.cfg").exists() or (prefix / "conda-meta").is_dir():
            any_kind = f"run `gpuenv doctor -p {typed(prefix)}`, which looks at environments of any kind"
            hints.append(Hint("target.doctor", any_kind))
        raise TargetError(f"`{prefix}` {what}", hints=hints) from err
    except msgspec.DecodeError as err:
        raise TargetError(f"`{path}` is damaged", cause=str(err), hints=[_remake(prefix)]) from err
    if (prefix / "conda-meta" / "history").exists():
        return replace(receipt, prefix=str(prefix), name=prefix.name if receipt.name is not None else None)
    if os.path.realpath(receipt.prefix) != os.path.realpath(prefix):
        raise TargetError(f"`{prefix}` was moved or copied from `{receipt.prefix}`", hints=[_remake(prefix)])
    return receipt


def read_recipe(prefix: Path) -> Recipe:
    """Read the recipe that an environment was made from. Raises TargetError when it is not there."""
    try:
        return msgspec.json.decode((etc_dir(prefix) / "recipe.json").read_bytes(), type=Recipe)
    except (OSError, msgspec.DecodeError) as err:
        raise TargetError(f"`{prefix}` has no readable recipe", cause=str(err)) from err


def check_python(receipt: Receipt, built: Built) -> None:
    """Look whether the environment's Python can be started. Raises TargetError when it, or its base, is gone."""
    if not built.python.exists():
        raise TargetError(
            f"the Python of `{built.prefix}` is missing",
            cause=f"expected `{built.python}`, made from `{receipt.python_base}`",
            hints=[_remake(built.prefix)],
        )


def _remake(prefix: Path) -> Hint:
    return Hint("target.remake", f"make the environment again with `gpuenv create -p {typed(prefix)} --force`")


def own_entries(prefix: Path) -> tuple[str, ...]:
    """List the paths in an environment that gpuenv and its engine made, the receipt's own directory last.

    Of `etc` and `var` only what is gpuenv's counts. A damaged receipt is taken for that of an environment without
    anything but what engines make. Raises TargetError when there is no receipt at all.
    """
    try:
        receipt = msgspec.json.decode(receipt_path(prefix).read_bytes(), type=Receipt)
        names = frozenset(name for name in receipt.entries if _is_entry(name))
    except msgspec.DecodeError:
        names = frozenset() if was_added(prefix) else _ENGINE_ENTRIES & {entry.name for entry in prefix.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        read_receipt(prefix)
        raise
    return (*sorted(names - _SHARED - {"var/gpuenv", "etc/gpuenv"}), "var/gpuenv", "etc/gpuenv")


def _is_entry(name: str) -> bool:
    """Say whether a receipt, which is a file that anybody could edit, names something in the environment itself."""
    parts = name.split("/")
    inside = all(part not in ("", ".", "..") and Path(part).name == part for part in parts)
    return inside and (len(parts) == 1 or (len(parts) == 2 and parts[0] in _SHARED))


def foreign_entries(prefix: Path) -> tuple[str, ...]:
    """List the paths in an environment that the user put there. Raises TargetError when there is no receipt."""
    ours = set(own_entries(prefix))
    top = [entry.name for entry in prefix.iterdir() if entry.name not in ours and entry.name not in _SHARED]
    below = [f"{name}/{it.name}" for name in _SHARED if (prefix / name).is_dir() for it in (prefix / name).iterdir()]
    return tuple(sorted([*top, *(name for name in below if name not in ours)]))


def register(prefix: Path, data_dir: Path) -> None:
    """Remember an environment that lies outside gpuenv's own directory, so that `list` finds it."""
    from filelock import FileLock

    data_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(data_dir / "prefixes.lock"):
        known = [line for line in _registered(data_dir) if receipt_path(Path(line)).exists()]
        if str(prefix) not in known:
            known.append(str(prefix))
        _write(data_dir / "prefixes.txt", "".join(f"{line}\n" for line in known).encode())


def known_prefixes(environments_dir: Path, data_dir: Path, more: Iterable[Path] = ()) -> tuple[Path, ...]:
    """List every environment with a receipt: the named ones, those that were made by path, and of `more`."""
    named = sorted(environments_dir.iterdir()) if environments_dir.is_dir() else []
    others = [*(Path(line) for line in _registered(data_dir)), *more]
    visible = (prefix for prefix in (*named, *others) if not is_aside(prefix))
    found = dict.fromkeys(prefix for prefix in visible if receipt_path(prefix).exists())
    return tuple(found)


def _registered(data_dir: Path) -> list[str]:
    try:
        return (data_dir / "prefixes.txt").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=_encode_other), indent=2) + b"\n"


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _encode_other(value: object) -> str:
    if isinstance(value, (Version, Path)):
        return str(value)
    raise NotImplementedError(f"no JSON for {type(value).__name__}")


def _as_printed(value: object) -> object:
    """Write capabilities and driver versions as people write them: `8.6`, `450.51.06`."""
    if isinstance(value, dict):
        return {
            key: _PRINTED[key](item) if item and key in _PRINTED else _as_printed(item) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_as_printed(item) for item in value]
    return value


_PRINTED: dict[str, Callable[[Any], str]] = {
    "compute_capability": lambda pair: pair if isinstance(pair, str) else format_compute_capability((pair[0], pair[1])),
    "driver_version": lambda text: format_driver_version(Version(text)),
}
