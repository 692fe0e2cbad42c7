"""What is wrong with a recipe beyond the types of its values. Pure; a rule yields pairs of path and message."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from gpuenv.document import Part
from gpuenv.model import Recipe, Source, Variable, parse_compute_capability

Finding = tuple[tuple[Part, ...], str]


def mistakes(recipe: Recipe) -> list[Finding]:
    """Return what is wrong with a recipe beyond the types of its values, as pairs of path and message.

    Names of checks and sources are not looked at: a plugin may bring more of them.
    """
    parts: tuple[Callable[[Recipe], Iterator[Finding]], ...] = (_pythons, _platforms, _gpus, _requirements, _variables)
    return [finding for part in parts for finding in part(recipe)]


def _pythons(recipe: Recipe) -> Iterator[Finding]:
    for index, version in enumerate(recipe.pythons):
        if not re.fullmatch(r"[0-9]+\.[0-9]+", version):
            yield ("pythons", index), f'expected a Python version of two numbers, as "3.8", found `{version}`'


def _platforms(recipe: Recipe) -> Iterator[Finding]:
    framework = recipe.framework
    tables: dict[str, Collection[str]] = {
        "loader": framework.loader,
        "gpu_code": framework.gpu_code,
        "libraries": framework.libraries,
    }
    for key, table in tables.items():
        for platform in recipe.platforms:
            if platform not in table:
                message = f"expected an entry for `{platform}`, which `platforms` names, found none"
                yield ("framework", key), message


def _gpus(recipe: Recipe) -> Iterator[Finding]:
    gpu = recipe.gpu
    low = gpu.compute_capability_min
    limits: list[tuple[tuple[Part, ...], str | None]] = [
        (("gpu", "compute_capability_max"), gpu.compute_capability_max),
        *((("sources", name, "compute_capability_max"), one.compute_capability_max) for name, one in _sources(recipe)),
    ]
    for path, high in limits:
        if high is not None and parse_compute_capability(high) < parse_compute_capability(low):
            yield path, f"expected at least compute_capability_min `{low}`, found `{high}`"


def _requirements(recipe: Recipe) -> Iterator[Finding]:
    lists: list[tuple[tuple[Part, ...], Iterable[str]]] = [(("requirements",), recipe.requirements)]
    for name, source in _sources(recipe):
        lists += [(("sources", name, "requirements", key), texts) for key, texts in source.requirements.items()]
    for path, texts in lists:
        for index, text in enumerate(texts):
            message = _requirement(text, recipe)
            if message is not None:
                yield (*path, index), message
    packages = (text for _, one in _sources(recipe) for listed in one.packages.values() for text in listed)
    wanted = (*packages, *(text for _, texts in lists for text in texts))
    if not any(_is_framework(_project(text), recipe) for text in wanted):
        name, version = recipe.framework.name, recipe.framework.version
        message = f"expected a requirement of the framework, as `{name}=={version}`, found none"
        yield ("requirements",), f"{message}; a list replaces the one that `extends` brings"


def _requirement(text: str, recipe: Recipe) -> str | None:
    """Say what is wrong with one requirement, or None."""
    try:
        wanted = Requirement(text)
    except InvalidRequirement as err:
        return f"expected a requirement such as `protobuf<3.21`, found `{text}`: {str(err).splitlines()[0].lower()}"
    if wanted.url is not None:
        # Locks hold no addresses, so that any mirror can serve them.
        return f"expected a requirement without an address, found `{text}`"
    framework = recipe.framework
    version = Version(framework.version)
    if _is_framework(wanted.name, recipe) and not wanted.specifier.contains(version, prereleases=True):
        return f"expected a requirement that allows framework.version `{framework.version}`, found `{text}`"
    return None


def _project(text: str) -> str:
    """Return the project of a requirement or conda package: `tensorflow` of `tensorflow==2.4.0`, `tensorflow=2.4`."""
    match = re.match(r"\s*(?:\S+::)?([A-Za-z0-9][A-Za-z0-9._-]*)", text)
    return match[1] if match else ""


def _is_framework(project: str, recipe: Recipe) -> bool:
    """Say whether a project is the framework, or its build for GPUs: `tensorflow-gpu`."""
    name = canonicalize_name(recipe.framework.name)
    return canonicalize_name(project) in (name, f"{name}-gpu")


def _variables(recipe: Recipe) -> Iterator[Finding]:
    tables: list[tuple[tuple[Part, ...], Mapping[str, Variable]]] = [(("environment",), recipe.environment)]
    tables += [(("sources", name, "environment"), source.environment) for name, source in _sources(recipe)]
    for path, table in tables:
        for name, variable in table.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                yield (*path, name), f"expected the name of a variable, as `XLA_FLAGS`, found `{name}`"
            rest = variable.value.replace("{prefix}", "").replace("{cuda_dir}", "")
            if "{" in rest or "}" in rest:
                message = f"expected no braces but `{{prefix}}` and `{{cuda_dir}}`, found `{variable.value}`"
                yield (*path, name, "value"), message
            if "\n" in rest or "\0" in rest:
                yield (*path, name, "value"), "expected one line, found more"


def _sources(recipe: Recipe) -> Iterable[tuple[str, Source]]:
    return recipe.sources.items()
