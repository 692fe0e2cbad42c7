"""What a stack would do to an environment that is there already: what it replaces, and what that would break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from gpuenv.errors import Hint, UnsolvableError
from gpuenv.model import Built, Change, Lock


def changes(built: Built, lock: Lock) -> tuple[Change, ...]:
    """Return the packages that have another version than the lock's, in the order of their names.

    Nothing is imported or asked; the packages' metadata is read. Raises UnsolvableError for a package of conda's that
    would have to be replaced, and for a package of the user's that would no longer have what it needs.
    """
    found: dict[str, Distribution] = {canonicalize_name(one.metadata["Name"]): one for one in _distributions(built)}
    wanted: dict[str, str] = {canonicalize_name(package.name): package.version for package in lock.packages}
    differing = {
        name: version for name, version in wanted.items() if name in found and not _same(found[name].version, version)
    }
    of_conda = [
        f"`{name}` {found[name].version} is a conda package here, the stack needs {version}"
        for name, version in differing.items()
        if (found[name].read_text("INSTALLER") or "").strip() == "conda"
    ]
    reasons = [*of_conda, *_broken(found, wanted, str(built.python_version))]
    if reasons:
        raise UnsolvableError(
            f"the stack cannot be added to `{built.prefix}`",
            cause="; ".join(reasons),
            hints=[
                Hint("onto.create", "make an environment of its own for it: `gpuenv create -n NAME`"),
                Hint("onto.remove", "or remove what is in the way, then run the same command again"),
            ],
        )
    return tuple(Change(name, found[name].version, version) for name, version in sorted(differing.items()))


def _same(one: str, other: str) -> bool:
    """Say whether two versions are the same: `1.15` and `1.15.0` are."""
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _distributions(built: Built) -> Iterator[Distribution]:
    return (one for one in distributions(path=[str(built.site_packages)]) if one.metadata["Name"] is not None)


def _broken(found: Mapping[str, Distribution], wanted: Mapping[str, str], python_version: str) -> Iterator[str]:
    """Say what each package that stays would miss, and does not miss now: `pandas 2.0.3 needs numpy>=1.20.3`."""
    environment = {
        "python_full_version": python_version,
        "python_version": ".".join(python_version.split(".")[:2]),
        "extra": "",
    }
    for name, package in sorted(found.items()):
        if name in wanted:
            continue
        for text in package.requires or ():
            try:
                needed = Requirement(text)
            except InvalidRequirement:  # of a package from other times: nobody can say whether it is met
                continue
            other = canonicalize_name(needed.name)
            if other not in wanted or other not in found or (needed.marker and not needed.marker.evaluate(environment)):
                continue
            met = [needed.specifier.contains(one, prereleases=True) for one in (found[other].version, wanted[other])]
            if met == [True, False]:
                asked = f"{needed.name}{needed.specifier}"
                yield f"`{package.metadata['Name']}` {package.version} needs {asked}, the stack has {wanted[other]}"
