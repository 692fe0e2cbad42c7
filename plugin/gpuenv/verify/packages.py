"""The part of the check `files` that compares the installed packages with the recipe and the receipt."""

from __future__ import annotations

import json
import re

from gpuenv.extension import CheckContext
from gpuenv.paths import receipt_path
from gpuenv.verify.finding import Finding

_METADATA = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-py[\d.]+)?\.(dist|egg)-info")


def framework_version(context: CheckContext) -> Finding:
    """Compare the installed version with the recipe's, by the package's metadata."""
    framework = context.recipe.framework
    installed = installed_versions(framework.name, context)
    found = ", ".join(installed)
    evidence = {"framework": f"{framework.name} {found or 'not installed'}"}
    if not installed:
        return Finding((f"{framework.name} is not installed, expected `{framework.version}`",), evidence)
    if installed != [framework.version]:
        return Finding((f"{framework.name} is `{found}`, expected `{framework.version}`",), evidence)
    return Finding(evidence=evidence)


def changed_packages(context: CheckContext) -> Finding:
    """Compare what is installed with the receipt, which is there once `create` has ended.

    A user may change packages, so that is no problem in itself; when an import fails, it is the first thing to know.
    """
    try:
        receipt = json.loads(receipt_path(context.built.prefix).read_bytes())
        locked = dict(str(package).split("==", 1) for package in receipt["packages"])
    except (OSError, ValueError, KeyError, TypeError):
        return Finding()
    installed = _distributions(context)
    changed = [
        f"{name} {' and '.join(found)} (was {version})" if found else f"{name} is gone (was {version})"
        for name, version in sorted(locked.items())
        if (found := installed.get(_normal(name), [])) != [version]
    ]
    summary = f"changed since it was made: {', '.join(changed)}" if changed else None
    return Finding(evidence={"changed_packages": changed}, summary=summary)


def installed_versions(name: str, context: CheckContext) -> list[str]:
    """Return the versions of a package that are installed: none, one, or after a mishap several."""
    return _distributions(context).get(_normal(name), [])


def _distributions(context: CheckContext) -> dict[str, list[str]]:
    """Return the versions of each installed package, by the names of their metadata; nothing in them is read.

    These are `six-1.15.0.dist-info`, and from an old pip for what has no wheel `wrapt-1.12.1-py3.8.egg-info`.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(context.built.site_packages.glob("*-*info")):
        match = _METADATA.fullmatch(path.name)
        if match is not None:
            found.setdefault(_normal(match["name"]), []).append(match["version"])
    return found


def _normal(name: str) -> str:
    """Write a package's name in the one way that all its spellings share (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
