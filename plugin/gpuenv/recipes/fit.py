"""Hold one recipe, and one of its sources, against a machine: what is in the way, and what the user should know. Pure.

Every reason has a stable code, one sentence, and the smallest change that would help.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from gpuenv import facts
from gpuenv.gpu_code import service_of
from gpuenv.model import (
    ComputeCapability,
    Gpu,
    GpuService,
    Host,
    PythonInterpreter,
    Reason,
    Recipe,
    Request,
    Source,
    format_compute_capability,
    format_driver_version,
    parse_compute_capability,
)
from gpuenv.recipes.fit_python import other_patch_warning, pick_python, python_reason

_FOR_PTX = "driver.too-old-for-ptx"
OVERRIDE = "override"  # the source of what the user says about the machine


@dataclass(frozen=True, slots=True)
class RecipeFit:
    """How a recipe fits, whatever the source of CUDA."""

    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]
    gpus: tuple[GpuService, ...]
    python_version: str
    python: PythonInterpreter | None


@dataclass(frozen=True, slots=True)
class SourceFit:
    """How one source of a recipe fits."""

    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stack:
    """A recipe by one of its sources, on a platform, and the machine that it is held against."""

    host: Host
    recipe: Recipe
    source: Source
    platform: str


def is_override(host: Host) -> bool:
    """Say whether GPU or driver are what the user says, not what was found."""
    return any(gpu.source == OVERRIDE for gpu in host.gpus) or (
        host.driver is not None and host.driver.source == OVERRIDE
    )


def gpu_text(gpu: Gpu | GpuService) -> str:
    """Print a GPU: ``GPU 0 `GeForce GTX 1080 Ti` (compute capability 6.1)``."""
    capability = gpu.compute_capability
    known = format_compute_capability(capability) if capability is not None else "unknown"
    return f"GPU {gpu.index}{f' `{gpu.name}`' if gpu.name else ''} (compute capability {known})"


def recipe_fit(host: Host, request: Request, recipe: Recipe) -> RecipeFit:
    """Look at platform, Python and GPUs."""
    platform = request.platform or host.platform
    installed = host.pythons if platform == host.platform else ()
    version, python = pick_python(recipe, request.python, installed)
    reasons: list[Reason] = []
    if platform not in recipe.platforms:
        reasons.append(_platform_reason(recipe, platform))
    too_old = _glibc_reason(host, recipe, platform)
    reasons += [too_old] if too_old is not None else []
    excluded = python_reason(recipe, request.python)
    if excluded is not None:
        reasons.append(excluded)
    gpus, unserved, warnings = _gpus(host, recipe, platform)
    other_patch = other_patch_warning(request.python, python, installed)
    warnings += [other_patch] if other_patch else []
    return RecipeFit((*reasons, *unserved), tuple(warnings), gpus, version, python)


def source_fit(host: Host, request: Request, recipe: Recipe, name: str, gpus: Sequence[GpuService]) -> SourceFit:
    """Look at the driver, the GPUs that the source's libraries serve, and libraries that must be there already."""
    platform, source = request.platform or host.platform, recipe.sources[name]
    if platform not in source.driver_min:
        known = " and ".join(source.driver_min)
        return SourceFit((Reason("source.platform", f"`{name}` exists for {known}, not for {platform}"),), ())
    reasons = list(_above(gpus, source.compute_capability_max, f"CUDA {source.cuda_toolkit} from `{name}`", host))
    warnings = [*_missing_libraries(host, recipe, source, platform), *_newer_than_libraries(source, gpus)]
    if host.gpus or is_override(host):
        driver_reason, driver_warning = _driver(_Stack(host, recipe, source, platform), gpus)
        reasons += [driver_reason] if driver_reason else []
        warnings += [driver_warning] if driver_warning else []
    return SourceFit(tuple(reasons), tuple(warnings))


def _platform_reason(recipe: Recipe, platform: str) -> Reason:
    """Say that the framework uses no GPU there, where that is known, or else that nobody has written a recipe."""
    message = f"has a recipe for {' and '.join(recipe.platforms)}, not for {platform}"
    fix = "use Linux, or WSL 2 on Windows" if platform.startswith("win") else None
    series = ".".join(recipe.framework.version.split(".")[:2])
    known = facts.claims(series, "gpu", platform) if _is_tensorflow(recipe) else ()
    if known and known[0].value == "no":
        message = f"uses no GPU on {'Windows itself' if fix else platform}, only on {' and '.join(recipe.platforms)}"
    return Reason("platform.other", message, fix)


def _glibc_reason(host: Host, recipe: Recipe, platform: str) -> Reason | None:
    """Refuse a Linux that is older than the packages, where both are known."""
    found = host.fact("glibc")
    if recipe.glibc_min is None or not isinstance(found, str) or not platform.startswith("linux"):
        return None
    if platform != host.platform or Version(found) >= Version(recipe.glibc_min):
        return None
    message = f"needs glibc {recipe.glibc_min} or newer, this system has {found}"
    return Reason("glibc.too-old", message, "use a newer Linux, or a container of one")


def _gpus(host: Host, recipe: Recipe, platform: str) -> tuple[tuple[GpuService, ...], list[Reason], list[str]]:
    """Say how each GPU is served, why one is not, and what the user should know."""
    served: list[GpuService] = []
    reasons: list[Reason] = []
    warnings: list[str] = []
    machine_code = [parse_compute_capability(code) for code in recipe.gpu.machine_code]
    ptx = [parse_compute_capability(recipe.gpu.ptx)] if recipe.gpu.ptx else []
    framework = f"{recipe.framework.name} {recipe.framework.version}"
    for gpu in host.gpus:
        capability = gpu.compute_capability or (facts.capability_of_product(gpu.name) if gpu.name else None)
        if capability is None:
            warnings.append(f"the compute capability of {gpu_text(gpu)} was not checked: name it with `--gpu 8.6`")
            continue
        code = service_of(capability, machine_code, ptx)
        service = GpuService(gpu.index, gpu.name, capability, code or "unknown")
        served.append(service)
        if capability < (low := parse_compute_capability(recipe.gpu.compute_capability_min)):
            message = (
                f"{framework} needs compute capability {format_compute_capability(low)} or more, {gpu_text(service)}"
            )
            reasons.append(Reason("gpu.too-old", message + " is older", _leave_out(host, gpu.index)))
        elif code is None:
            message = f"{framework} has no code that {gpu_text(service)} can run"
            reasons.append(Reason("gpu.no-code", message, _leave_out(host, gpu.index)))
        elif code == "ptx":
            warnings += _reported(framework_version=recipe.framework.version, gpu=service)
            warnings.append(f"{gpu_text(service)} has to compile {framework}'s GPU code, which takes minutes, once")
            own = [parse_compute_capability(code) for code in recipe.gpu.without_ptx_machine_code] or machine_code
            failing = ", ".join(recipe.gpu.fails_without_ptx(platform))
            if failing and service_of(capability, own, ()) is None:
                fail = "they fail" if len(recipe.gpu.fails_without_ptx(platform)) > 1 else "it fails"
                warnings.append(f"on {gpu_text(service)} {framework} has no code for {failing}: {fail}")
    reasons += _above(served, recipe.gpu.compute_capability_max, framework, host)
    if not host.gpus:
        warnings.append("no GPU is known: nothing was checked against one, and without one everything runs on the CPU")
    return tuple(served), reasons, warnings


def _reported(*, framework_version: str, gpu: GpuService) -> list[str]:
    """Return what is known to go wrong with a release on such a GPU."""
    found = facts.problems(framework_version, gpu.compute_capability)
    return [f"{problem.value} ({problem.source})" for problem in found]


def _above(gpus: Sequence[GpuService], limit: str | None, what: str, host: Host) -> Iterator[Reason]:
    """Say which GPUs are newer than what the framework or the source's libraries have code for."""
    if limit is None:
        return
    for gpu in gpus:
        if gpu.compute_capability > parse_compute_capability(limit):
            message = f"{what} serves compute capability {limit} at most, {gpu_text(gpu)} is newer"
            yield Reason("gpu.too-new", message, _leave_out(host, gpu.index))


def _leave_out(host: Host, index: int) -> str:
    """Say how to build for the other GPUs of a machine with several; an only GPU leaves the CPU."""
    others = [gpu for gpu in host.gpus if gpu.index != index and gpu.compute_capability is not None]
    if not others:
        return "accept the CPU with `--allow-cpu`, or use another GPU"
    options = " ".join(
        f"--gpu {format_compute_capability(gpu.compute_capability)}" for gpu in others if gpu.compute_capability
    )
    visible = ",".join(str(gpu.index) for gpu in others)
    return f"build for the other GPUs with `{options}`, and set `CUDA_VISIBLE_DEVICES={visible}` to use only them"


def least_driver(
    host: Host, recipe: Recipe, source: str, platform: str, gpus: Sequence[GpuService]
) -> tuple[Version, str]:
    """Return the least driver that a recipe by one of its sources needs for these GPUs, and why."""
    stack = _Stack(host, recipe, recipe.sources[source], platform)
    least, _, why = max(_driver_needs(stack, gpus), key=lambda need: need[0])
    return least, why


def _driver(stack: _Stack, gpus: Sequence[GpuService]) -> tuple[Reason | None, str | None]:
    """Hold the driver against the greatest of what the source, the GPUs and their PTX need."""
    needs = sorted(_driver_needs(stack, gpus), key=lambda need: need[0])
    least, code, why = needs[-1]
    driver, source = stack.host.driver, stack.source
    fix = f"update the NVIDIA driver to {format_driver_version(least)} or newer"
    if driver is not None and driver.driver_version is not None:
        if driver.driver_version >= least:
            return None, None
        older = f"driver {format_driver_version(driver.driver_version)} is older than {format_driver_version(least)}"
        return Reason(code, f"{older}, {why}", fix), None
    if driver is None and not is_override(stack.host):
        install = f"install the NVIDIA driver {format_driver_version(least)} or newer"
        return Reason("driver.none", "no NVIDIA driver works on this machine", install), None
    api = driver.cuda_driver_api if driver is not None else None
    toolkit = Version(source.cuda_toolkit)
    if api is not None and api.major < toolkit.major:
        # Any driver of the same major CUDA version will do; an older major version's will not.
        return Reason("driver.too-old", f"the driver knows CUDA {api}, which is older than CUDA {toolkit}", fix), None
    compiling = next((words for _, needed_for, words in needs if needed_for == _FOR_PTX), None)
    made = max((Version(one) for gpu in gpus for one in _compiled_from(stack, gpu)), default=None)
    if api is not None and made is not None and api < made and compiling is not None:
        return Reason(_FOR_PTX, f"the driver knows CUDA {api} and not {made}, {compiling}", fix), None
    return None, f"the driver's version is not known; it has to be {format_driver_version(least)} or newer, {why}"


def _newer_than_libraries(source: Source, gpus: Sequence[GpuService]) -> Iterator[str]:
    """Warn where the libraries have to be compiled too, as far as they can: 9 of 10 parts of cuDNN 8.6 have no PTX."""
    newest = source.machine_code_max
    for gpu in gpus:
        if newest is not None and gpu.compute_capability > parse_compute_capability(newest):
            libraries = f"CUDA {source.cuda_toolkit} and cuDNN {source.cudnn}"
            message = f"{libraries} have machine code up to {newest}, and not for all of it PTX"
            yield f"{message}: on {gpu_text(gpu)} some operations may fail, convolutions first"


def _driver_needs(stack: _Stack, gpus: Sequence[GpuService]) -> Iterator[tuple[Version, str, str]]:
    """List least drivers, each with the code and words for one that is older."""
    host, source, platform = stack.host, stack.source, stack.platform
    least = next(version for key, version in source.driver_min.items() if key == platform)
    yield Version(least), "driver.too-old", f"which CUDA {source.cuda_toolkit} needs"
    own = facts.team_driver_min(stack.recipe.framework.version, platform) if _is_tensorflow(stack.recipe) else None
    if own is not None:
        yield own[0], "driver.too-old", f"which your facts ask for ({own[1]})"
    for gpu in gpus:
        capability = gpu.compute_capability
        # A driver that was found lists the GPU, so it knows it; one that the user named may not.
        first = facts.first_driver_for(capability, platform) if is_override(host) else None
        if first is not None:
            yield first, "driver.unknown-gpu", f"the first that knows {_architecture(capability)}"
        # Minor-version compatibility does not cover PTX: the driver must know the PTX of the toolkit that made it.
        for toolkit in _compiled_from(stack, gpu):
            made = facts.toolkit_driver(toolkit, platform)
            if made is not None:
                yield made, _FOR_PTX, f"which {gpu_text(gpu)} needs to compile code of CUDA {toolkit}"


def _is_tensorflow(recipe: Recipe) -> bool:
    return recipe.framework.name == "tensorflow"


def _compiled_from(stack: _Stack, gpu: GpuService) -> Iterator[str]:
    """Name the toolkits whose PTX a GPU compiles: the framework's own, and of libraries older than the GPU theirs."""
    own, newest = stack.recipe.gpu.ptx_toolkit, stack.source.machine_code_max
    if gpu.code == "ptx":
        yield own or stack.source.cuda_toolkit
    if newest is not None and gpu.compute_capability > parse_compute_capability(newest):
        yield stack.source.cuda_toolkit


def _architecture(capability: ComputeCapability) -> str:
    name = facts.architecture_name(capability)
    return f"compute capability {format_compute_capability(capability)}" + (f" ({name})" if name else "")


def _missing_libraries(host: Host, recipe: Recipe, source: Source, platform: str) -> Iterator[str]:
    """Warn of libraries that a probe looked for in vain. What no probe looked for is not known, so not said."""
    for table, owner in (
        (recipe.framework.external_libraries, recipe.framework.name),
        (source.external_libraries, "cuDNN"),
    ):
        for name in next((names for key, names in table.items() if key == platform), ()):
            if host.fact(f"dll:{name}") is False:
                yield f"`{name}` was not found, which {owner} needs: {_LIBRARY_HELP.get(name, 'install it first')}"


# Where to get the libraries that NVIDIA and TensorFlow leave to the user.
_VISUAL_CPP = "install the Microsoft Visual C++ Redistributable for Visual Studio 2015-2019 or newer (x64)"
_LIBRARY_HELP = {
    "msvcp140.dll": _VISUAL_CPP,
    "msvcp140_1.dll": _VISUAL_CPP,
    "zlibwapi.dll": "put the 64-bit file into a directory on PATH (NVIDIA's cuDNN installation guide, for Windows)",
}
