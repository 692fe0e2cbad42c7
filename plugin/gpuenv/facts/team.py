"""Facts that a team adds or corrects, in YAML files: those that the settings name, then those that `facts update` took.

A row of theirs wins over gpuenv's own of the same subject. A whole file is::

    gpuenv_facts_version: "1"
    products:
      - {name: GeForce RTX 6090, compute_capability: "13.0", source: the data sheet of 2027-01}
    drivers:
      - {cuda: "13.3.0", linux: "600.10", windows: "600.20", source: release notes of CUDA 13.3}
    architectures:
      - {compute_capability: "13.0", name: Rubin, first_cuda: "13.3", source: release notes of CUDA 13.3}
    tensorflow:
      - {release: "2.22.0", platform: linux-64, key: pythons, value: "3.14 3.13", source: tags of the wheels, read:
      "2027-02-01"}
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gpuenv.errors import Hint, UsageError
from gpuenv.text_files import typed

DIRECTORY = "facts"
DRIVER_MIN = "driver_min"
CapabilityText = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]+\.[0-9]$", description='a quoted compute capability, as "8.6"')
]
VersionText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]+)*$", description='a quoted version, as "11.0"')]
SourceText = Annotated[str, msgspec.Meta(min_length=1)]


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A GPU by its product name."""

    name: str
    compute_capability: CapabilityText
    source: SourceText


class ToolkitDriver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The driver that a CUDA toolkit came with."""

    cuda: VersionText
    source: SourceText
    linux: VersionText | None = None
    windows: VersionText | None = None


class Architecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A compute capability, and the first CUDA toolkit whose compiler knows it."""

    compute_capability: CapabilityText
    name: str
    first_cuda: VersionText
    source: SourceText


class FrameworkClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A claim about a TensorFlow release; the keys are those of gpuenv's own table."""

    release: VersionText
    key: str
    value: str
    source: SourceText
    platform: Literal["linux-64", "win-64", "any"] = "any"
    read: str = ""


class FactsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of facts."""

    gpuenv_facts_version: Literal["1"]
    products: list[Product] = []
    drivers: list[ToolkitDriver] = []
    architectures: list[Architecture] = []
    tensorflow: list[FrameworkClaim] = []


def read_facts(path: Path) -> FactsFile:
    """Read and check a file of facts. Raises UsageError with file, line and column of every mistake."""
    from gpuenv.conform import differences
    from gpuenv.document import DocumentError, error_of, plain, read_file

    try:
        value = read_file(path)
    except DocumentError as err:
        raise error_of([err.problem], UsageError) from err
    except OSError as err:
        hint = Hint("facts.file", "name a file of facts, or take it out of `facts` in the settings")
        raise UsageError(f"the facts `{path}` cannot be read", cause=str(err), hints=[hint]) from err
    problems = differences(value, FactsFile)
    if problems:
        raise error_of(problems, UsageError)
    facts = msgspec.convert(plain(value), FactsFile)
    for row in facts.tensorflow:
        if row.key == DRIVER_MIN and re.fullmatch(r"[0-9]+(\.[0-9]+)*", row.value) is None:
            hint = Hint("facts.driver-min", 'write it as `value: "460.32.03"`')
            message = f"`{path}`: expected a driver version as `{DRIVER_MIN}` of {row.release}, found `{row.value}`"
            raise UsageError(message, hints=[hint])
    return facts


def _read_again(path: Path) -> FactsFile:
    """Read a file that was right once. Raises UsageError: a mistake in it is in the way of every command."""
    from gpuenv.settings import data_dir

    try:
        return read_facts(path)
    except UsageError as err:
        taken = path.parent == data_dir(os.environ) / DIRECTORY
        how = f"run `gpuenv facts update {path.name}` with a right one, or `rm {typed(path)}`"
        own = Hint("facts.mend", how if taken else "mend it, or take it out of `facts` in the settings")
        raise UsageError(err.message, cause=err.cause, hints=err.hints or [own]) from err


def team_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files that count, those of the settings first."""
    from gpuenv.settings import data_dir, load_settings

    taken = sorted((data_dir(environ) / DIRECTORY).glob("*.yaml"))
    return (*(Path(file) for file in load_settings(environ).facts), *taken)


def team_facts() -> FactsFile:
    """Return everything that teams say, in one. Raises UsageError for a file that is wrong.

    The files are read once in a process, and again when they changed.
    """
    files = team_files(os.environ)
    return _together(tuple((str(file), _changed(file)) for file in files))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # reading it will say what is wrong


@lru_cache(maxsize=4)
def _together(files: tuple[tuple[str, int], ...]) -> FactsFile:
    read = [_read_again(Path(file)) for file, _ in files]
    return FactsFile(
        gpuenv_facts_version="1",
        products=[row for one in read for row in one.products],
        drivers=[row for one in read for row in one.drivers],
        architectures=[row for one in read for row in one.architectures],
        tensorflow=[row for one in read for row in one.tensorflow],
    )
