"""The check `files`: is everything in place that will be opened, and does the GPU code fit? No child, no GPU needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gpuenv.errors import GpuenvError
from gpuenv.extension import CheckContext
from gpuenv.gpu_code import service_of
from gpuenv.model import CheckResult, Gpu, format_compute_capability
from gpuenv.verify.finding import Finding, entry
from gpuenv.verify.packages import changed_packages, framework_version, installed_versions

if TYPE_CHECKING:
    from gpuenv.binaries import GpuCodeSummary


def check(context: CheckContext) -> CheckResult:
    """Run every part, and name every problem with what it will break."""
    from gpuenv.verify.libraries import libraries

    started = time.monotonic()
    parts: tuple[Callable[[CheckContext], Finding], ...] = (
        framework_version,
        changed_packages,
        libraries,
        gpu_code,
        cuda_tools,
        startup_file,
        external_libraries,
    )
    if not installed_versions(context.recipe.framework.name, context):
        # Everything else would only say in other words that the framework is not there.
        parts = parts[:2]
    findings = [_guarded(part, context) for part in parts]
    problems = list(dict.fromkeys(problem for finding in findings for problem in finding.problems))
    evidence: dict[str, Any] = {name: value for finding in findings for name, value in finding.evidence.items()}
    evidence["problems"] = problems
    summaries = [finding.summary for finding in findings if finding.summary is not None]
    return CheckResult(
        "files",
        "failed" if problems else "ok",
        "; ".join(problems or summaries),
        elapsed_s=round(time.monotonic() - started, 3),
        hint="make it again with `gpuenv create --force`" if problems else None,
        evidence=evidence,
    )


def gpu_code(context: CheckContext) -> Finding:
    """Read the framework's machine code and PTX, and say how each GPU of this machine is served."""
    from gpuenv.binaries import gpu_code as read_gpu_code

    relative = entry(context.recipe.framework.gpu_code, context)
    if relative is None:
        return Finding((f"the recipe does not say which file has GPU code on `{context.built.platform}`",))
    summary = read_gpu_code(context.built.site_packages / relative)
    if not summary.regions:
        return Finding((f"`{relative}` has no GPU code: this build computes on the processor only",))
    # Machine code that only some kernels have saves no GPU from compiling the others.
    compiled, ptx = summary.machine_code_everywhere, summary.ptx
    evidence = {
        "machine_code": [format_compute_capability(it) for it in sorted(compiled)],
        "ptx": [format_compute_capability(it) for it in sorted(ptx)],
    }
    known = [(gpu, gpu.compute_capability) for gpu in context.host.gpus if gpu.compute_capability is not None]
    served = [(gpu, service_of(capability, compiled, ptx)) for gpu, capability in known]
    problems = tuple(
        f"{context.recipe.framework.name} has no code for {_named(gpu)}" for gpu, by in served if by is None
    )
    words = {
        "native": "runs machine code",
        "ptx": "compiles PTX at first use",
        "unknown": "is served in an unknown way",
    }
    said = [f"{_named(gpu)} {words[by]}{_gaps(context, summary, gpu)}" for gpu, by in served if by is not None]
    lines = list(dict.fromkeys(said))
    return Finding(problems, {**evidence, "gpus": lines}, ", ".join(lines) or None)


def _gaps(context: CheckContext, summary: GpuCodeSummary, gpu: Gpu) -> str:
    """Say what of the framework a GPU has no code for, though it has for the rest: regions without PTX."""
    if gpu.compute_capability is None:
        return ""
    without = sum(
        count
        for (machine_code, ptx), count in summary.regions_by_code.items()
        if service_of(gpu.compute_capability, machine_code, ptx) is None
    )
    if not without:
        return ""
    failing = context.recipe.gpu.fails_without_ptx(context.built.platform)
    named = f" ({', '.join(failing)})" if failing else ""
    return f", but {without} of {summary.regions} parts have no code for it and fail{named}"


def cuda_tools(context: CheckContext) -> Finding:
    """Look for ptxas and libdevice, which XLA needs, where the source promises them."""
    variables = context.recipe.variables(context.source_name)
    if not any("{cuda_dir}" in variable.value for variable in variables.values()):
        return Finding(evidence={"cuda_dir": None})
    cuda_dir = context.cuda.cuda_dir
    if cuda_dir is None:
        return Finding(("libdevice is missing: XLA will not compile",), {"cuda_dir": None})
    ptxas = cuda_dir / "bin" / ("ptxas.exe" if context.built.platform.startswith("win") else "ptxas")
    libdevice = cuda_dir / "nvvm" / "libdevice" / "libdevice.10.bc"
    problems = [f"`{path}` is missing: XLA will not compile" for path in (ptxas, libdevice) if not path.is_file()]
    if not problems and not os.access(ptxas, os.X_OK):
        problems.append(f"`{ptxas}` is not executable: XLA will not compile")
    return Finding(tuple(problems), {"cuda_dir": str(cuda_dir)})


def startup_file(context: CheckContext) -> Finding:
    """Look for the file that sets the variables in every Python of the environment, activated or not."""
    found = sorted(path.name for path in context.built.site_packages.glob("*gpuenv*.pth"))
    if not found and context.recipe.variables(context.source_name):
        names = ", ".join(f"`{name}`" for name in context.recipe.variables(context.source_name))
        return Finding((f"the start-up file of gpuenv is missing: without activation {names} will not be set",))
    return Finding(evidence={"startup_files": found})


def external_libraries(context: CheckContext) -> Finding:
    """Look for what the machine itself must have; from another operating system that cannot be seen."""
    recipe = context.recipe
    source = recipe.sources[context.source_name]
    names = [
        *(entry(recipe.framework.external_libraries, context) or ()),
        *(entry(source.external_libraries, context) or ()),
    ]
    if not names:
        return Finding()
    if not (os.name == "nt" and context.built.platform.startswith("win")):
        return Finding(evidence={"external_libraries": f"not checked: {', '.join(names)}"})
    from gpuenv.verify.libraries import windows_search_path

    directories = windows_search_path(context)
    missing = [name for name in names if not any((directory / name).is_file() for directory in directories)]
    name = recipe.framework.name
    problems = tuple(f"`{library}` is missing on this machine: {name} will not start" for library in missing)
    return Finding(problems, {"external_libraries": names})


def _guarded(part: Callable[[CheckContext], Finding], context: CheckContext) -> Finding:
    """Turn a file that cannot be read into a problem: the other parts still have something to say."""
    try:
        return part(context)
    except GpuenvError as err:
        return Finding((f"{err.message}: {err.cause}" if err.cause else err.message,))


def _named(gpu: Gpu) -> str:
    """Name a GPU: `NVIDIA GeForce RTX 3080 (8.6)`."""
    capability = gpu.compute_capability
    return f"{gpu.name or f'GPU {gpu.index}'}" + (f" ({format_compute_capability(capability)})" if capability else "")
