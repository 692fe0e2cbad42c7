"""Say of every recipe whether it fits a machine, why not, and the smallest change that would make it fit. Pure.

`select.choose` takes the first that fits; this looks at all of them, and at no environment, disk or engine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from gpuenv.extension import ArtifactSource
from gpuenv.model import GpuService, Host, LoadedRecipe, Reason, Recipe, Request, format_driver_version
from gpuenv.recipes.fit import least_driver
from gpuenv.recipes.fit_python import check_python
from gpuenv.recipes.select import Candidate, candidates


@dataclass(frozen=True, slots=True)
class Verdict:
    """One recipe against one machine, by the source of CUDA with the least in its way.

    `driver_min` is the least driver for these GPUs, None when no source serves the platform. `gpus` says how each is
    served. `change` is what would make it fit: a sentence to act on; None when it fits, or when only another GPU would.
    """

    recipe: str
    framework: str
    version: str
    fits: bool
    source: str | None
    cuda_toolkit: str | None
    cudnn: str | None
    pythons: tuple[str, ...]
    platforms: tuple[str, ...]
    driver_min: str | None
    gpus: tuple[GpuService, ...]
    reasons: tuple[Reason, ...]
    change: str | None
    warnings: tuple[str, ...]

    @property
    def code(self) -> str | None:
        """Return how the GPUs are served, `ptx` when one has to compile, else `native`; None without GPUs."""
        kinds = {gpu.code for gpu in self.gpus}
        return next((kind for kind in ("unknown", "ptx", "native") if kind in kinds), None)


def explain(
    host: Host,
    request: Request,
    recipes: Iterable[LoadedRecipe],
    artifact_sources: Collection[str] | Mapping[str, ArtifactSource],
    *,
    conda_packages: bool = False,
) -> tuple[Verdict, ...]:
    """Judge every recipe of the framework asked for, the newest first, as `select.choose` would with these arguments.

    Raises UsageError for no Python version.
    """
    check_python(request.python)
    asked = [one for one in recipes if _is_asked(one.recipe, request)]
    ordered = sorted(asked, key=lambda one: Version(one.recipe.framework.version), reverse=True)
    ordered.sort(key=lambda one: one.recipe.framework.name, reverse=True)
    return tuple(
        _verdict(host, request, one, candidates(host, request, one, artifact_sources, conda_packages=conda_packages))
        for one in ordered
    )


def newest_that_fits(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return what `--tensorflow newest` would take."""
    return next((verdict for verdict in verdicts if verdict.fits), None)


def nearest(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the recipe with the least in its way among those that a change would make fit.

    Of equals it is the one that does with the oldest driver, where the driver is in the way, and of those the newest.
    """
    changeable = [one for one in verdicts if one.change is not None]
    return min(changeable, key=_distance, default=None)


def _distance(verdict: Verdict) -> tuple[int, Version]:
    is_driver = any(reason.code.startswith("driver.") for reason in verdict.reasons)
    return len(verdict.reasons), Version(verdict.driver_min if is_driver and verdict.driver_min else "0")


def _is_asked(recipe: Recipe, request: Request) -> bool:
    framework, wanted = recipe.framework, request.framework_version
    if request.framework not in (None, framework.name):
        return False
    return wanted in (None, "newest") or f"{framework.version}.".startswith(f"{str(wanted).rstrip('.')}.")


def _verdict(host: Host, request: Request, loaded: LoadedRecipe, judged: Sequence[Candidate]) -> Verdict:
    """Take the source with the least in its way; of equals the one that `create` would try first."""
    recipe, provided = loaded.recipe, [one for one in judged if one.is_provided]
    best = min(provided, key=lambda one: len(one.reasons), default=None)
    shown = best or next(iter(judged), None)
    reasons = best.reasons if best else (*(shown.of_recipe if shown else ()), _no_source(recipe))
    source = best.choice.source if best else None
    return Verdict(
        recipe=recipe.name,
        framework=recipe.framework.name,
        version=recipe.framework.version,
        fits=not reasons,
        source=best.choice.source_name if best else None,
        cuda_toolkit=source.cuda_toolkit if source else None,
        cudnn=source.cudnn if source else None,
        pythons=tuple(recipe.pythons),
        platforms=tuple(recipe.platforms),
        driver_min=_driver_min(host, request, best) if best else None,
        gpus=shown.choice.gpus if shown else (),
        reasons=_once(reasons),
        change=_change(host, _once(reasons), [one for one in provided if one is not best]),
        warnings=best.choice.warnings if best else (),
    )


def _once(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Leave out what is wrong with sources on a platform that the whole recipe does not serve."""
    if any(reason.code == "platform.other" for reason in reasons):
        return tuple(reason for reason in reasons if not reason.code.startswith(("source.", "driver.")))
    return reasons


def _no_source(recipe: Recipe) -> Reason:
    names = " or ".join(f"`{name}`" for name in recipe.sources)
    return Reason("source.unavailable", f"takes CUDA from {names}, which no plugin of gpuenv provides")


def _driver_min(host: Host, request: Request, judged: Candidate) -> str | None:
    choice, platform = judged.choice, request.platform or host.platform
    if platform not in choice.source.driver_min:
        return None
    return format_driver_version(least_driver(host, choice.recipe, choice.source_name, platform, choice.gpus)[0])


def _change(host: Host, reasons: tuple[Reason, ...], others: Sequence[Candidate]) -> str | None:
    """Say all that has to change together, or which other engine would do; None when it takes another GPU."""
    if not reasons:
        return None
    ways = [" and ".join(one.fix for one in judged.reasons if one.fix) for judged in others if judged.only_the_engine]
    # One of several GPUs can be left out; what helps against an only one is said to be the CPU, which is no change.
    unserved = sum(reason.code.startswith("gpu.") for reason in reasons)
    if unserved <= (len(host.gpus) > 1) and all(reason.fix for reason in reasons):
        ways.insert(0, ", and ".join(dict.fromkeys(str(reason.fix) for reason in reasons)))
    return ", or ".join(dict.fromkeys(ways)) or None
