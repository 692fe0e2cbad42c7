"""Leave out of a lock the hashes of files that no installer would take for its platform and Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def fitting_hashes(text: str, listed: dict[str, Any], platform: str, python_version: str) -> str:
    """Keep of each package the hashes of wheels for this platform and Python, of one without such a wheel the sdist's.

    `text` is what `uv pip compile --generate-hashes` prints, which has every file of a release; `listed` is the same in
    the pylock format (PEP 751), which knows the files' names. A package for which that leaves nothing stays as it is.
    A lock of TensorFlow 2.4 shrinks from 49 to 9 KiB, and an installer has the same choice as before::

        cffi==1.17.1 \\
            --hash=sha256:045d61c734659cc045141be4bae381a41d89b741f795af1dd018bfb532fd0df8 \\
            --hash=sha256:0984a4925a435b1da406122d4d7968dd861c1385afe3b45ba82b750f229811e2
    """
    python = tuple(int(part) for part in python_version.split(".")[:2])
    kept = {
        str(canonicalize_name(package["name"])): frozenset(_hashes(package, platform, python))
        for package in listed.get("packages", ())
    }
    return "\n".join(line for entry in _entries(text) for line in _shortened(entry, kept)) + "\n"


def sdists_beside_wheels(text: str, listed: dict[str, Any]) -> set[str]:
    """Return the packages of which only the sdist fits, though the release has wheels for other systems.

    `listed` has the files that fit, `text` the hashes of all. h5py 3.16 is one for glibc 2.17, where 3.14 has a wheel.
    """
    only_sdist = {
        canonicalize_name(it["name"]) for it in listed.get("packages", ()) if "sdist" in it and not it.get("wheels")
    }
    return {
        canonicalize_name(pin[1])
        for entry in _entries(text)
        if (pin := _PIN.match(entry[0])) and canonicalize_name(pin[1]) in only_sdist and len(entry) > 2
    }


def _entries(text: str) -> Iterator[list[str]]:
    """Split a requirements text into entries, each with the lines of its hashes."""
    entry: list[str] = []
    for line in text.splitlines():
        if not line.startswith((" ", "\t")) and entry:
            yield entry
            entry = []
        entry.append(line)
    if entry:
        yield entry


def _shortened(entry: list[str], kept: dict[str, frozenset[str]]) -> list[str]:
    pin = _PIN.match(entry[0])
    wanted = kept.get(canonicalize_name(pin[1]), frozenset()) if pin else frozenset()
    hashes = [match[1] for line in entry[1:] if (match := _HASH.search(line)) and match[1] in wanted]
    if not hashes:
        return entry
    first = entry[0].rstrip().removesuffix("\\").rstrip()
    lines = [first, *(f"    --hash=sha256:{one}" for one in hashes)]
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def _hashes(package: dict[str, Any], platform: str, python: tuple[int, ...]) -> Iterator[str]:
    """Give the hashes of the files of a package that fit: those of wheels, else the sdist's."""
    fitting = [wheel for wheel in package.get("wheels", ()) if _fits(_file_name(wheel), platform, python)]
    sdist = [package["sdist"]] if "sdist" in package and not fitting else []
    for file in (*fitting, *sdist):
        if "sha256" in file.get("hashes", {}):
            yield file["hashes"]["sha256"]


def _file_name(file: dict[str, Any]) -> str:
    return str(file.get("name") or str(file.get("url", file.get("path", ""))).rpartition("/")[2])


def _fits(name: str, platform: str, python: tuple[int, ...]) -> bool:
    """Say whether an installer could take a wheel; which manylinux of several it is, depends on the machine."""
    try:
        tags = parse_wheel_filename(name.replace("%2B", "+"))[3]
    except InvalidWheelFilename:
        return False
    platforms = {tag.platform for tag in tags if _is_of(tag.platform, platform)}
    return bool(platforms) and not tags.isdisjoint(_tags(python, platforms))


def _tags(python: tuple[int, ...], platforms: Iterable[str]) -> Iterator[Tag]:
    listed = sorted(platforms)
    yield from cpython_tags(python, platforms=listed)
    yield from compatible_tags(python, f"cp{python[0]}{python[1]}", listed)


def _is_of(wheel_platform: str, platform: str) -> bool:
    if wheel_platform == "any":
        return True
    if platform.startswith("win"):
        return wheel_platform == "win_amd64"
    return wheel_platform.endswith("_x86_64") and wheel_platform.startswith(("manylinux", "linux"))
