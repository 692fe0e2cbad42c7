"""What the user says the machine has: options `--gpu` and `--driver`, variables `CONDA_OVERRIDE_CUDA[_ARCH]`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from packaging.version import InvalidVersion, Version

from gpuenv.errors import Hint, UsageError
from gpuenv.model import (
    ComputeCapability,
    Driver,
    Gpu,
    Host,
    Note,
    Overrides,
    format_compute_capability,
    parse_compute_capability,
)

CUDA_VARIABLE = "CONDA_OVERRIDE_CUDA"
ARCH_VARIABLE = "CONDA_OVERRIDE_CUDA_ARCH"
SOURCE = "override"
_EXAMPLES = Hint("usage.gpu", "name a compute capability or a product: `--gpu 8.6`, `--gpu 'RTX 3080'`, `--gpu none`")


# `sm_86`, `compute_90a`: the last digit is the minor version. Without the word only what can be nothing else, as `86`
# and `120`: `8` may be any of 8.0 to 8.9, `12` may be 1.2 or 12.x, `980` is a product.
_COMPILERS_CAPABILITY = re.compile(r"(?:sm|compute)_?([0-9]{1,2})([0-9])[af]?")
_BARE_CAPABILITY = re.compile(r"([2-9]|1[0-9])([0-9])")


def overrides_from(gpus: Sequence[str], driver: str | None, environ: Mapping[str, str]) -> Overrides:
    """Read the options `--gpu` (each value) and `--driver`, and conda's variables; options win over variables.

    `--gpu` is a compute capability (`8.6`), a product (`RTX 3080`) or `none`. `CONDA_OVERRIDE_CUDA` is the CUDA driver
    API as conda's `__cuda`; empty means "no driver at all", as it does to conda, which then has no `__cuda`. It
    takes the place of what the driver says, in both directions. `CONDA_OVERRIDE_CUDA_ARCH` is the lowest compute
    capability of all GPUs as conda's `__cuda_arch`, taken as one GPU; empty means "no GPU".

    Raises UsageError for a value that is none of these.
    """
    cuda, arch = environ.get(CUDA_VARIABLE), environ.get(ARCH_VARIABLE)
    if cuda is not None and not cuda.strip() and not gpus and driver is None:
        return Overrides(gpus=(), source=CUDA_VARIABLE)
    capabilities = driver_version = api = None
    sources: list[str] = []
    if gpus:
        capabilities = _gpus(gpus)
        sources.append("--gpu")
    elif arch is not None:
        capabilities = (_capability(arch.strip(), ARCH_VARIABLE),) if arch.strip() else ()
        sources.append(ARCH_VARIABLE)
    if driver is not None:
        driver_version = _driver_version(driver)
        sources.append("--driver")
    elif cuda is not None and cuda.strip():
        api = _cuda_driver_api(cuda.strip())
        sources.append(CUDA_VARIABLE)
    return Overrides(capabilities, driver_version, api, ", ".join(sources) or SOURCE)


def run(host: Host, overrides: Overrides) -> Host:
    """Put what the user said over what was found. GPUs get no name and no memory; notes on the real ones go."""
    if overrides.gpus is not None:
        host = _with_gpus(host, overrides.gpus, overrides.source)
    if overrides.driver_version is not None or overrides.cuda_driver_api is not None:
        host = replace(host, driver=_driver(host.driver, overrides))
    return host


def _with_gpus(host: Host, gpus: Sequence[ComputeCapability], source: str) -> Host:
    notes = tuple(note for note in host.notes if not note.code.startswith("gpu."))
    if not gpus:
        none = Note("gpu.none", f"no NVIDIA GPU is assumed, as `{source}` says", f"leave out `{source}`")
        return replace(host, gpus=(), driver=None, notes=(*notes, none))
    described = tuple(Gpu(index, None, capability, None, SOURCE) for index, capability in enumerate(gpus))
    return replace(host, gpus=described, notes=notes)


def _driver(found: Driver | None, overrides: Overrides) -> Driver:
    """Return the driver the user named. What they left out stays only where it belongs to the same driver."""
    if overrides.driver_version is None:
        same = found is not None and found.cuda_driver_api == overrides.cuda_driver_api
        return Driver(found.driver_version if found and same else None, overrides.cuda_driver_api, SOURCE)
    api = overrides.cuda_driver_api
    if api is None and found is not None and found.driver_version == overrides.driver_version:
        api = found.cuda_driver_api
    return Driver(overrides.driver_version, api, SOURCE)


def _gpus(values: Sequence[str]) -> tuple[ComputeCapability, ...]:
    if any(value.strip().lower() == "none" for value in values):
        if len(values) > 1:
            raise UsageError("`--gpu none` cannot be combined with another `--gpu`", hints=[_EXAMPLES])
        return ()
    return tuple(_gpu(value.strip()) for value in values)


def _gpu(text: str) -> ComputeCapability:
    """Read `8.6` or `RTX 3080`; also `8,6`, `3080`, and as compilers write it `86` or `sm_86`."""
    from gpuenv import facts

    if match := _COMPILERS_CAPABILITY.fullmatch(text.lower()) or _BARE_CAPABILITY.fullmatch(text):
        return _capability(f"{match[1]}.{match[2]}", "--gpu")
    if re.fullmatch(r"[0-9]+,[0-9]", text):
        return _capability(text.replace(",", "."), "--gpu")
    if re.fullmatch(r"[0-9]{1,2}(\.[0-9]+)*", text):
        return _capability(text, "--gpu")
    found = facts.capability_of_product(text)
    if found is None and text.isdecimal():  # `3090`: there is no GTX of that number
        series = {facts.capability_of_product(f"{brand} {text}") for brand in ("GTX", "RTX")} - {None}
        found = series.pop() if len(series) == 1 else None
    if found is not None:
        return found
    close = facts.product_suggestions(text)
    cause = f"similar names: {', '.join(f'`{name}`' for name in close)}" if close else None
    hints = [Hint("usage.gpu-name", f"try `--gpu '{name}'`") for name in close[:1]]
    raise UsageError(f"no compute capability is known for GPU `{text}`", cause=cause, hints=[*hints, _EXAMPLES])


def _capability(text: str, where: str) -> ComputeCapability:
    """Read `8.6`; refuse what no GPU has (the same bounds that the probes hold drivers to)."""
    from gpuenv.probe.answer import CAPABILITY_MAX, CAPABILITY_MIN

    try:
        found = parse_compute_capability(text)
    except ValueError:
        is_major = where == "--gpu" and re.fullmatch(r"[1-9][0-9]?", text)
        meant = [Hint("usage.gpu-meant", f"did you mean `--gpu {text}.0`?")] if is_major else []
        message = f"`{where}`: expected a compute capability such as `8.6`, found `{text}`"
        raise UsageError(message, hints=[*meant, _EXAMPLES]) from None
    if not (CAPABILITY_MIN <= found <= CAPABILITY_MAX and found[1] <= 9):
        low, high = format_compute_capability(CAPABILITY_MIN), format_compute_capability(CAPABILITY_MAX)
        message = f"`{where}`: expected a compute capability from {low} to {high}, found `{text}`"
        raise UsageError(message, hints=[_EXAMPLES])
    return found


def _driver_version(text: str) -> Version:
    """Read `460.89`, or a branch such as `535`, which is taken as the first driver of it.

    A number below 100 is no driver of today but a CUDA version taken for one.
    """
    hint = Hint("usage.driver", "run `nvidia-smi` on that machine; it prints `Driver Version: 460.89`")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){0,2}", text.strip()):
        raise UsageError(f"`--driver`: expected a driver version such as `460.89`, found `{text}`", hints=[hint])
    version = Version(text.strip())
    if version.major < 100:
        cause = f"`{text}` looks like a CUDA version; that is `{CUDA_VARIABLE}={text}`"
        raise UsageError(f"`--driver`: expected at least 100, found `{text}`", cause=cause, hints=[hint])
    return version


def _cuda_driver_api(text: str) -> Version:
    """Read `11.2`, as conda writes the version of its virtual package `__cuda`."""
    from gpuenv.probe.answer import CUDA_API_MAJORS

    hint = Hint("usage.cuda", f"set `{CUDA_VARIABLE}=11.2`, or leave it empty for a machine without a driver")
    try:
        version = Version(text)
    except InvalidVersion:
        raise UsageError(
            f"`{CUDA_VARIABLE}`: expected a CUDA version such as `11.2`, found `{text}`", hints=[hint]
        ) from None
    if version.major not in CUDA_API_MAJORS:
        low, high = CUDA_API_MAJORS[0], CUDA_API_MAJORS[-1]
        raise UsageError(f"`{CUDA_VARIABLE}`: expected {low} to {high}, found `{text}`", hints=[hint])
    return version
