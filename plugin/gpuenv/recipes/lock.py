"""Locks: packages pinned by hash, one file for each source, platform and Python, in a directory beside the recipe.

A lock is a requirements file that any installer takes. It holds no index address, so any mirror serves it. Its first
lines say what it is for; a hash of the recipe's requirements among them shows when it is out of date::

    # gpuenv lock of tf-2.4: source pypi, linux-64, Python 3.8
    # made 2026-11-23 by uv 0.13.9
    # recipe sha256: 3f1c...
    # download_bytes: 2041839203
    # installed_bytes: unknown
    absl-py==0.15.0 \\
        --hash=sha256:0be59b82d65dfa1f995365dcfea2cc57989297b065fda696ef13f30fcc6c8e5b
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from gpuenv.errors import GpuenvError, Hint, RecipeError
from gpuenv.model import CondaPackage, LoadedRecipe, Lock, Package, Recipe
from gpuenv.recipes.lock_conda import START, conda_inputs, conda_lines, parse_conda_line
from gpuenv.text_files import typed

_FIRST_LINE = re.compile(r"# gpuenv lock of (?P<recipe>\S+): source (?P<source>\S+), (?P<platform>\S+), Python (\S+)")
_FIELD = re.compile(r"# (recipe sha256|download_bytes|installed_bytes): (\S+)")
_HASH = re.compile(r"--hash[= ](sha256:[0-9a-f]{64})")
# What names a place to fetch from, or a file that would; pip's and uv's spellings.
_ADDRESS = re.compile(
    r"^(-i|-f|-r|-c|-e|--(extra-)?index-url|--find-links|--requirement|--constraint|--editable|--trusted-host|--index)"
    r"\b|://|\s@\s"
)


@dataclass(frozen=True, slots=True)
class _Header:
    source: str
    platform: str
    python_version: str
    recipe_sha256: str
    download_bytes: int | None
    installed_bytes: int | None


def lock_path(recipe_file: Path, source: str, platform: str, python_version: str) -> Path:
    """Return the file of a lock: `tf-2.4.locks/pypi-linux-64-py3.8.txt` beside `tf-2.4.yaml`, whether it is there."""
    directory = recipe_file.with_name(f"{recipe_file.stem}.locks")
    return directory / f"{source}-{platform}-py{minor_of(python_version)}.txt"


def minor_of(python_version: str) -> str:
    """Return `3.8` for `3.8.18`: packages are built for a minor version, so a lock is too."""
    return ".".join(python_version.split(".")[:2])


def read_lock(loaded: LoadedRecipe, source: str, platform: str, python_version: str) -> Lock | None:
    """Read the recipe's lock: beside it, in it, or beside a recipe it extends, the first that fits the recipe.

    When none of its own fits, the first of these comes back, for the caller to say so; None when there is none. Raises
    RecipeError for a lock with an entry without a hash, or with an index address.
    """
    wanted = (source, platform, python_version)
    beside = _read(Path(loaded.path), *wanted)
    own = [*([beside] if beside is not None else []), *_written_in(loaded, *wanted)]
    bases = (lock for base in loaded.bases if (lock := _read(Path(base), *wanted)) is not None)
    fitting = (lock for lock in chain(own, bases) if not lock_is_stale(loaded, lock))
    return next(fitting, own[0] if own else None)


def _written_in(loaded: LoadedRecipe, source: str, platform: str, python_version: str) -> Iterator[Lock]:
    """Read the locks for that source, platform and Python that stand in the recipe's own file."""
    for text in loaded.recipe.locks:
        header = _header(text, loaded.path)
        if (header.source, header.platform, header.python_version) == (source, platform, minor_of(python_version)):
            yield parse_lock(text, loaded.path)


def lock_is_stale(loaded: LoadedRecipe, lock: Lock) -> bool:
    """Say whether the recipe's requirements are no longer those that the lock was made from."""
    header = _header(lock.text, lock.origin)
    if header.source not in loaded.recipe.sources:
        return True
    inputs = lock_inputs(loaded.recipe, header.source, header.platform)
    specs = conda_inputs(loaded.recipe, header.source, header.platform)
    return header.recipe_sha256 != inputs_sha256(inputs, header.platform, header.python_version, specs)


def lock_inputs(recipe: Recipe, source_name: str, platform: str) -> tuple[str, ...]:
    """Return what a solver shall solve: the framework's requirements and the source's for that platform."""
    return (*recipe.requirements, *recipe.sources[source_name].requirements.get(platform, ()))  # type: ignore[call-overload]


def inputs_sha256(
    requirements: Iterable[str], platform: str, python_version: str, conda_specs: Iterable[str] = ()
) -> str:
    """Hash what a lock is made from; spelling and order of requirements do not matter, nor does the recipe's name."""
    lines = sorted({str(Requirement(text)) for text in requirements})
    lines += [f"conda {spec}" for spec in sorted(set(conda_specs))]
    text = "\n".join([platform, minor_of(python_version), *lines])
    return hashlib.sha256(text.encode()).hexdigest()


def format_lock(
    loaded: LoadedRecipe,
    source: str,
    platform: str,
    python_version: str,
    compiled_text: str,
    *,
    made: str,
    tool: str,
    download_bytes: int | None,
    installed_bytes: int | None,
    conda_packages: Iterable[CondaPackage] = (),
) -> str:
    """Return the text of a lock: the header, conda packages, and what a solver compiled without its comments.

    `made` is a date, `tool` the solver with its version. Raises RecipeError when the result could not be read again.
    """
    inputs = lock_inputs(loaded.recipe, source, platform)
    specs = conda_inputs(loaded.recipe, source, platform)
    header = [
        f"# gpuenv lock of {loaded.recipe.name}: source {source}, {platform}, Python {minor_of(python_version)}",
        f"# made {made} by {tool}",
        f"# recipe sha256: {inputs_sha256(inputs, platform, python_version, specs)}",
        f"# download_bytes: {_number(download_bytes)}",
        f"# installed_bytes: {_number(installed_bytes)}",
    ]
    pins = [line.rstrip() for line in compiled_text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    text = "\n".join([*header, *conda_lines(conda_packages), *pins]) + "\n"
    parse_lock(text, tool)
    return text


def parse_lock(text: str, origin: str) -> Lock:
    """Read a lock. Raises RecipeError for a wrong header, an entry that is not pinned by hash, an index address.

    Without `# conda:` lines (see lock_conda.py) its conda part is yet to be solved, where it needs one.
    """
    header = _header(text, origin)
    packages = tuple(_package(entry, f"{origin}:{line}") for line, entry in _entries(text))
    if not packages:
        raise _invalid(f"{origin}:1", "a package", "none")
    conda_packages = tuple(
        parse_conda_line(line, f"{origin}:{number}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.startswith(START)
    )
    return Lock(text, packages, origin, header.download_bytes, header.installed_bytes, conda_packages)


def with_sizes_of(lock: Lock, earlier: Lock | None) -> Lock:
    """Fill in sizes that were not found out this time from an earlier lock, where that one pins the same files."""
    if earlier is None or _pins(lock) != _pins(earlier):
        return lock
    text = lock.text
    for field, now, before in (
        ("download_bytes", lock.download_bytes, earlier.download_bytes),
        ("installed_bytes", lock.installed_bytes, earlier.installed_bytes),
    ):
        if now is None:
            text = text.replace(f"# {field}: {_number(None)}\n", f"# {field}: {_number(before)}\n", 1)
    return parse_lock(text, lock.origin)


def _pins(lock: Lock) -> set[tuple[str, str]]:
    return {(package.name, package.version) for package in lock.packages}


def says_the_same(earlier: Lock | None, lock: Lock, path: Path) -> bool:
    """Say whether the lock at that path is this one but for its date, so that writing it would change nothing."""
    if earlier is None or Path(earlier.origin) != path:
        return False
    texts = [[line for line in one.text.splitlines() if not line.startswith("# made ")] for one in (earlier, lock)]
    return texts[0] == texts[1]


def installed_bytes(loaded: LoadedRecipe, source: str, platform: str, python_version: str) -> int | None:
    """Return the size on disk that the lock records; None when it does not, or there is no lock that can be read.

    Of the lock beside the recipe only the first lines are read: this is asked of every recipe there is.
    """
    path = lock_path(Path(loaded.path), source, platform, python_version)
    try:
        with path.open(encoding="utf-8") as file:
            return _header("".join(islice(file, 10)), str(path)).installed_bytes
    except (OSError, UnicodeDecodeError, RecipeError):
        pass
    try:
        lock = read_lock(loaded, source, platform, python_version)
    except GpuenvError:
        return None  # whoever takes the lock will say what is wrong with it
    return lock.installed_bytes if lock is not None else None


def _read(recipe_file: Path, source: str, platform: str, python_version: str) -> Lock | None:
    path = lock_path(recipe_file, source, platform, python_version)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as err:
        raise RecipeError(f"the lock `{path}` cannot be read", cause=str(err)) from err
    return parse_lock(text, str(path))


def _header(text: str, origin: str) -> _Header:
    lines = text.splitlines()
    first = _FIRST_LINE.fullmatch(lines[0]) if lines else None
    if first is None:
        raise _invalid(f"{origin}:1", "`# gpuenv lock of NAME: source NAME, PLATFORM, Python X.Y`", _shown(lines[:1]))
    fields = {match[1]: match[2] for line in lines[1:10] if (match := _FIELD.fullmatch(line))}
    return _Header(
        source=first["source"],
        platform=first["platform"],
        python_version=first[4],
        recipe_sha256=fields.get("recipe sha256", ""),
        download_bytes=_bytes(fields.get("download_bytes")),
        installed_bytes=_bytes(fields.get("installed_bytes")),
    )


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Join lines that end in a backslash; yield each entry with the number of its first line."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if not parts and (not content or content.startswith("#")):
            continue
        begun = begun if parts else number
        parts.append(content.removesuffix("\\").strip())
        if not content.endswith("\\"):
            yield begun, " ".join(parts)
            parts = []
    if parts:
        yield begun, " ".join(parts)


def _package(entry: str, place: str) -> Package:
    """Read `absl-py==0.15.0 --hash=sha256:0be5... --hash=sha256:72d7...`, with or without `; marker`."""
    if _ADDRESS.search(entry):
        raise RecipeError(
            f"{place}: expected a package pinned by hash, found an address: `{_cut(entry)}`",
            cause="locks hold no addresses, so that any index or mirror can serve them",
            hints=[Hint("lock.index", "set `index-url` in uv's or pip's own configuration instead")],
        )
    hashes = tuple(_HASH.findall(entry))
    rest = _HASH.sub("", entry).strip()
    if not hashes:
        raise _invalid(place, "`--hash=sha256:...` behind the package", f"`{_cut(entry)}`")
    try:
        wanted = Requirement(rest)
    except InvalidRequirement:
        raise _invalid(place, "a package such as `absl-py==0.15.0`", f"`{_cut(rest)}`") from None
    pins = [one for one in wanted.specifier if one.operator in ("==", "===") and not one.version.endswith(".*")]
    if len(wanted.specifier) != 1 or len(pins) != 1:
        raise _invalid(place, f"one version, as `{wanted.name}==1.0`", f"`{_cut(rest)}`")
    return Package(wanted.name, pins[0].version, hashes)


def _invalid(place: str, expected: str, found: str) -> RecipeError:
    return RecipeError(
        f"{place}: expected {expected}, found {found}",
        hints=[Hint("lock.again", f"make the lock again with `gpuenv lock {_recipe_file(place)}`")],
    )


def _recipe_file(place: str) -> str:
    """Return the recipe whose lock is at `team/vision.locks/pypi-linux-64-py3.8.txt:6`: `team/vision.yaml`."""
    directory = Path(place).parent
    return typed(directory.with_suffix(".yaml")) if directory.suffix == ".locks" else "FILE"


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


def _shown(lines: list[str]) -> str:
    return f"`{_cut(lines[0])}`" if lines and lines[0].strip() else "nothing"


def _number(size: int | None) -> str:
    return "unknown" if size is None else str(size)


def _bytes(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
