"""Choose the recipe, source and Python that fit a machine and a request, and say why each other does not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from gpuenv.errors import GpuenvError, Hint, NoGpuError, NoRecipeError
from gpuenv.extension import ArtifactSource, Brings
from gpuenv.model import Choice, Host, LoadedRecipe, Reason, Rejection, Request, format_driver_version
from gpuenv.recipes.fit import OVERRIDE, gpu_text, is_override, recipe_fit, source_fit
from gpuenv.recipes.fit_python import check_python
from gpuenv.recipes.lock_conda import conda_inputs
from gpuenv.recipes.rejections import cause_of, hints_of

# (recipe, source, platform, Python version) -> bytes that an environment of it takes, or None when nobody knows.
Size = Callable[[LoadedRecipe, str, str, str], int | None]
_LIST = Hint("recipe.list", "run `gpuenv recipes list` to see all recipes")


@dataclass(frozen=True, slots=True)
class Disk:
    """The room where the environment shall be, and how much of it a recipe takes."""

    free_bytes: int
    needed: Size


@dataclass(frozen=True, slots=True)
class _Terms:
    """What every recipe is held against."""

    host: Host
    request: Request
    artifact_sources: Collection[str] | Mapping[str, ArtifactSource]
    disk: Disk | None
    conda_packages: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """One recipe by one source: what it would be, and what is in the way of it."""

    choice: Choice
    of_recipe: tuple[Reason, ...]
    of_source: tuple[Reason, ...]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Return all that is in the way, of the recipe first."""
        return (*self.of_recipe, *self.of_source)

    @property
    def is_provided(self) -> bool:
        """Say whether a plugin provides the source."""
        return all(reason.code != "source.unavailable" for reason in self.of_source)

    @property
    def only_the_engine(self) -> bool:
        """Say whether another engine is all that it takes."""
        return [reason.code for reason in self.reasons] == ["source.engine"]

    @property
    def only_the_gpu(self) -> bool:
        """Say whether it would do on the CPU."""
        return all(reason.code.startswith(("gpu.", "driver.")) for reason in self.reasons)


def choose(
    host: Host,
    request: Request,
    recipes: Sequence[LoadedRecipe],
    *,
    default: str,
    artifact_sources: Collection[str] | Mapping[str, ArtifactSource],
    disk: Disk | None = None,
    conda_packages: bool = False,
) -> Choice:
    """Choose the first recipe, and of it the first source, that fits.

    `conda_packages` says that the engine installs these: sources that consist of them then come before the others, and
    Python does too, so that the Pythons of the machine do not count. Without it such sources do not fit.

    A recipe that the request names is the only candidate. Otherwise the project's own comes first, then the default,
    then newer frameworks before older ones. Within a recipe its own order of sources counts.

    Raises NoGpuError when there is no GPU or driver and neither options nor `allow_cpu` say that this is known,
    NoRecipeError with every reason when nothing fits, UsageError for a Python version that is none.
    """
    check_python(request.python)
    _require_gpu(host, request)
    asked, left_out = _asked(request, _ordered(recipes, default))
    if not asked and request.framework_version is not None:
        raise _no_such_version(request, recipes)
    terms = _Terms(host, request, artifact_sources, disk, conda_packages)
    judged = [_candidate(terms, loaded, name) for loaded in asked for name in _preferred(terms, loaded)]
    rejected = (*left_out, *_without_source(asked, request), *_rejections(judged))
    chosen = next((one for one in judged if not one.reasons), None)
    if chosen is None and request.allow_cpu:
        chosen = next((one for one in judged if one.only_the_gpu), None)
    if chosen is None:
        raise _nothing_fits(host, request, asked, rejected)
    warnings = (*chosen.choice.warnings, *(f"without the GPU: {reason.message}" for reason in chosen.reasons))
    return replace(chosen.choice, rejected=rejected, warnings=warnings)


def candidates(
    host: Host,
    request: Request,
    loaded: LoadedRecipe,
    artifact_sources: Collection[str] | Mapping[str, ArtifactSource],
    *,
    conda_packages: bool = False,
) -> tuple[Candidate, ...]:
    """Hold one recipe against a machine, by each of its sources, in the order in which `choose` would take them."""
    terms = _Terms(host, request, artifact_sources, None, conda_packages)
    return tuple(_candidate(terms, loaded, name) for name in _preferred(terms, loaded))


def _ordered(recipes: Sequence[LoadedRecipe], default: str) -> list[LoadedRecipe]:
    newest_first = sorted(recipes, key=lambda loaded: Version(loaded.recipe.framework.version), reverse=True)
    return sorted(newest_first, key=lambda loaded: (loaded.origin != "project", loaded.recipe.name != default))


def _asked(request: Request, recipes: list[LoadedRecipe]) -> tuple[list[LoadedRecipe], tuple[Rejection, ...]]:
    """Keep the recipes that the request allows; the others are rejected for their framework.

    A single recipe is the named one whatever it is called, for it may have been named by its file.
    """
    if request.recipe is not None:
        return [one for one in recipes if one.recipe.name == request.recipe] or recipes[:1], ()
    asked = [one for one in recipes if request.framework in (None, one.recipe.framework.name)]
    if request.framework_version == "newest":
        return sorted(asked, key=lambda one: Version(one.recipe.framework.version), reverse=True), ()
    kept = [one for one in asked if _has_version(one, request.framework_version)]
    wanted = f"{request.framework or 'the framework'} {request.framework_version or ''}".strip()
    left_out = (
        Rejection(
            one.recipe.name,
            None,
            (
                Reason(
                    "framework.other",
                    f"has {one.recipe.framework.name} {one.recipe.framework.version}, not {wanted}",
                    f"use {one.recipe.framework.name} {one.recipe.framework.version}: `--recipe {one.recipe.name}`",
                ),
            ),
        )
        for one in recipes
        if one not in kept
    )
    return kept, tuple(left_out)


def _has_version(loaded: LoadedRecipe, wanted: str | None) -> bool:
    """Say whether the framework's version is the wanted one, or one of the wanted series: 2.4.0 for `2.4`."""
    return wanted is None or f"{loaded.recipe.framework.version}.".startswith(f"{wanted.rstrip('.')}.")


def _source_names(loaded: LoadedRecipe, request: Request) -> list[str]:
    return [name for name in loaded.recipe.sources if request.cuda_from in (None, name)]


def _preferred(terms: _Terms, loaded: LoadedRecipe) -> list[str]:
    """Order the sources: the recipe's order, but what an engine for conda packages is made for comes first."""
    names = _source_names(loaded, terms.request)
    if not terms.conda_packages:
        return names
    return sorted(names, key=lambda name: not loaded.recipe.sources[name].packages)


def _without_source(asked: list[LoadedRecipe], request: Request) -> list[Rejection]:
    """Reject the recipes that do not have the source that the request names."""
    rejected = []
    for loaded in asked:
        if not _source_names(loaded, request):
            known = [f"`{name}`" for name in loaded.recipe.sources]
            message = f"has CUDA from {', '.join(known)}, not from `{request.cuda_from}`"
            fix = f"take CUDA from another place: `--cuda-from {next(iter(loaded.recipe.sources))}`"
            rejected.append(Rejection(loaded.recipe.name, None, (Reason("source.other", message, fix),)))
    return rejected


def _candidate(terms: _Terms, loaded: LoadedRecipe, source_name: str) -> Candidate:
    """Look at one recipe by one source."""
    # Where Python is one of the packages, those of the machine do not count.
    host = replace(terms.host, pythons=()) if terms.conda_packages else terms.host
    of_recipe = recipe_fit(host, terms.request, loaded.recipe)
    of_source = source_fit(terms.host, terms.request, loaded.recipe, source_name, of_recipe.gpus)
    if source_name in terms.artifact_sources:
        room = _disk_reasons(terms, loaded, source_name, of_recipe.python_version)
        reasons = (*of_source.reasons, *room, *_place_reasons(terms, loaded, source_name))
        reasons = (*reasons, *_engine_reasons(terms, loaded, source_name, alone=not reasons))
    else:  # what else is wrong with it helps nobody
        message = f"no plugin of gpuenv provides the source `{source_name}`"
        reasons = (Reason("source.unavailable", message, _provided(terms, loaded)),)
    choice = Choice(
        loaded=loaded,
        source_name=source_name,
        python_version=of_recipe.python_version,
        python=of_recipe.python,
        gpus=of_recipe.gpus,
        warnings=(*of_recipe.warnings, *of_source.warnings),
    )
    return Candidate(choice, of_recipe.reasons, reasons)


def _place_reasons(terms: _Terms, loaded: LoadedRecipe, source_name: str) -> tuple[Reason, ...]:
    """Ask a source whose files are no packages whether it can have them on this machine."""
    place = terms.artifact_sources[source_name] if isinstance(terms.artifact_sources, Mapping) else None
    if not isinstance(place, Brings):
        return ()
    return place.reasons(terms.host, terms.request, loaded.recipe.sources[source_name])


def _provided(terms: _Terms, loaded: LoadedRecipe) -> str | None:
    """Say which source there is instead, to somebody who asked for one that nobody provides."""
    others = [name for name in loaded.recipe.sources if name in terms.artifact_sources]
    return f"take CUDA from another place: `--cuda-from {others[0]}`" if others and terms.request.cuda_from else None


def _engine_reasons(terms: _Terms, loaded: LoadedRecipe, source_name: str, *, alone: bool) -> tuple[Reason, ...]:
    """Refuse conda packages where the engine does not install any; another engine helps when nothing else is wrong."""
    platform = terms.request.platform or terms.host.platform
    if terms.conda_packages or not conda_inputs(loaded.recipe, source_name, platform):
        return ()
    fix = "use an engine that installs conda packages: `--engine conda` or `--engine rattler`"
    message = "needs conda packages, which this engine does not install"
    return (Reason("source.engine", message, fix if alone else None),)


def _disk_reasons(terms: _Terms, loaded: LoadedRecipe, source_name: str, python_version: str) -> list[Reason]:
    """Hold what the environment takes against the free room, where both are known."""
    if terms.disk is None:
        return []
    platform = terms.request.platform or terms.host.platform
    needed_bytes, free_bytes = terms.disk.needed(loaded, source_name, platform, python_version), terms.disk.free_bytes
    if needed_bytes is None or needed_bytes <= free_bytes:
        return []
    needed, free = f"{needed_bytes / 1024**3:.1f} GiB", f"{free_bytes / 1024**3:.1f} GiB"
    message = f"needs {needed} on the disk, where {free} are free"
    return [Reason("disk.full", message, f"free {needed} of disk, or choose another place with `-p PATH`")]


def _rejections(judged: list[Candidate]) -> list[Rejection]:
    """Word what was rejected: reasons of a whole recipe once, then those of its sources."""
    rejected: list[Rejection] = []
    for one in judged:
        name = one.choice.recipe.name
        whole = Rejection(name, None, one.of_recipe)
        if one.of_recipe and whole not in rejected:
            rejected.append(whole)
        if one.of_source:
            rejected.append(Rejection(name, one.choice.source_name, one.of_source))
    return rejected


def _require_gpu(host: Host, request: Request) -> None:
    """Refuse a machine without a GPU or driver. Raises NoGpuError."""
    if request.allow_cpu or is_override(host) or (host.gpus and host.driver is not None):
        return
    what = "no NVIDIA driver works on this machine" if host.gpus else "this machine has no usable NVIDIA GPU"
    notes = [note for note in host.notes if note.code.startswith("gpu.") and note.code != "gpu.none"]
    none = [note for note in host.notes if note.code == "gpu.none"]
    hints = [Hint(note.code, note.hint) for note in notes if note.hint]
    raise NoGpuError(
        what,
        cause="; ".join(note.message for note in notes or none) or "no probe found one",
        hints=[
            *hints,
            Hint("gpu.other-machine", "build for another machine: `gpuenv create -n tf --gpu 8.6 --driver 460.89`"),
            Hint("gpu.allow-cpu", "accept the CPU: run the same command with `--allow-cpu`"),
        ],
    )


def _nothing_fits(
    host: Host, request: Request, asked: list[LoadedRecipe], rejected: Sequence[Rejection]
) -> GpuenvError:
    """Say for what nothing fits, why not, and the smallest changes that would help."""
    if request.recipe is not None and asked:
        message = f"recipe `{asked[0].recipe.name}` does not fit {_machine(host, request)}"
    else:
        message = f"no recipe fits {_machine(host, request)}"
    hints = hints_of(rejected)
    if len({one.recipe for one in rejected}) > 1:
        hints.append(Hint("recipe.explain", f"run `{_explain(host, request)}` to see what is in the way of each"))
    return NoRecipeError(message, cause=cause_of(rejected), hints=[*hints, _LIST])


def _explain(host: Host, request: Request) -> str:
    """Return the command that explains the same machine: what was named has to be named again."""
    words = ["gpuenv explain"]
    for gpu in host.gpus:
        if gpu.source == OVERRIDE and gpu.compute_capability is not None:
            words.append(f"--gpu {'.'.join(map(str, gpu.compute_capability))}")
    if host.driver is not None and host.driver.source == OVERRIDE and host.driver.driver_version is not None:
        words.append(f"--driver {format_driver_version(host.driver.driver_version)}")
    return " ".join([*words, *([f"--python {request.python}"] if request.python else [])])


def _no_such_version(request: Request, recipes: Sequence[LoadedRecipe]) -> GpuenvError:
    """Name the versions that there are, and the one next to the one that was asked for."""
    framework = request.framework or "the framework"
    found = [one.recipe.framework for one in recipes if request.framework in (None, one.recipe.framework.name)]
    versions = sorted({Version(one.version) for one in found})
    near = _nearest(str(request.framework_version), versions) or ("newest" if versions else None)
    hints = [Hint("framework.nearest", f"did you mean `--{framework} {near}`?")] if near and request.framework else []
    cause = f"found {', '.join(map(str, versions))}" if versions else None
    return NoRecipeError(f"no recipe has {framework} {request.framework_version}", cause=cause, hints=[*hints, _LIST])


def _nearest(wanted: str, versions: Sequence[Version]) -> Version | None:
    """Return the version whose minor one is nearest, of two the newer; None for what is no version.

    `versions` are sorted, the oldest first.
    """
    try:
        asked = Version(wanted)
    except InvalidVersion:
        return None
    if versions and asked > versions[-1]:  # as 3 is, which is no nearer to 2.4 for its minor version 0
        return versions[-1]
    return min(
        reversed(versions),
        key=lambda one: (abs(one.major - asked.major), abs(one.minor - asked.minor)),
        default=None,
    )


def _machine(host: Host, request: Request) -> str:
    """Describe what the recipes were held against."""
    parts = [" and ".join(gpu_text(gpu) for gpu in host.gpus) or "a machine without a GPU"]
    if host.driver is not None and host.driver.driver_version is not None:
        parts.append(f"with driver {format_driver_version(host.driver.driver_version)}")
    parts.append(f"on {request.platform or host.platform}")
    if request.python is not None:
        parts.append(f"with Python {request.python}")
    return " ".join(parts)
