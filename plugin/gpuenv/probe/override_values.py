"""Read what the user says of a GPU, a driver or CUDA, and refuse what cannot be with what was probably meant.

What cannot be is told from the facts: a compute capability that no known GPU has though newer ones are known, a CUDA
that never came out though newer ones did. What is newer than everything known stays possible: it may be new.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence

from packaging.version import Version

from gpuenv.errors import Hint, UsageError
from gpuenv.model import (
    ComputeCapability,
    format_compute_capability,
    format_driver_version,
    parse_compute_capability,
)

CUDA_VARIABLE = "CONDA_OVERRIDE_CUDA"
ARCH_VARIABLE = "CONDA_OVERRIDE_CUDA_ARCH"
GPU_OPTION = "--gpu"
GPU_EXAMPLES = Hint(
    "usage.gpu", "name a compute capability or a product: `--gpu 8.6`, `--gpu 'RTX 3080'`, `--gpu none`"
)
_ARCH_EXAMPLES = Hint("usage.gpu", f"set `{ARCH_VARIABLE}=8.6`, or leave it empty for a machine without a GPU")

# `sm_86`, `compute_90a`: the last digit is the minor version. Without the word only what can be nothing else, as `86`
# and `120`: `8` may be any of 8.0 to 8.9, `12` may be 1.2 or 12.x, `980` is a product.
_COMPILERS_CAPABILITY = re.compile(r"(?:sm|compute)_?([0-9]{1,2})([0-9])[af]?")
_BARE_CAPABILITY = re.compile(r"([2-9]|1[0-9])([0-9])")
# Windows numbers a driver's files otherwise: the last five digits of `31.0.15.3179` are NVIDIA's 531.79.
_WINDOWS_FILE_VERSION = re.compile(r"[0-9]{2}\.[0-9]+\.[0-9]*([0-9])\.([0-9]{2})([0-9]{2})")
# A driver's major number and CUDA's are refused when they are more than this many times the newest known.
_TOO_NEW = 2


def gpu(text: str) -> ComputeCapability:
    """Read `8.6` or `RTX 3080`; also `8,6`, `3080`, and as compilers write it `86` or `sm_86`. Raises UsageError."""
    from gpuenv import facts

    if match := _COMPILERS_CAPABILITY.fullmatch(text.lower()) or _BARE_CAPABILITY.fullmatch(text):
        return _existing((int(match[1]), int(match[2])), GPU_OPTION, text)
    if re.fullmatch(r"[0-9]+,[0-9]", text):
        return capability(text.replace(",", "."), GPU_OPTION)
    if re.fullmatch(r"[0-9]{1,2}(\.[0-9]+)*", text):
        return capability(text, GPU_OPTION)
    found = facts.capability_of_product(text)
    if found is None and text.isdecimal():  # `3090`: there is no GTX of that number
        series = {facts.capability_of_product(f"{brand} {text}") for brand in ("GTX", "RTX")} - {None}
        found = series.pop() if len(series) == 1 else None
    if found is not None:
        return found
    close = facts.product_suggestions(text)
    cause = f"similar names: {', '.join(f'`{name}`' for name in close)}" if close else None
    hints = [Hint("usage.gpu-name", f"try `--gpu '{name}'`") for name in close[:1]]
    raise UsageError(f"no compute capability is known for GPU `{text}`", cause=cause, hints=[*hints, GPU_EXAMPLES])


def capability(text: str, where: str) -> ComputeCapability:
    """Read `8.6`; `where` is the option or variable that says it. Raises UsageError for what no GPU can have."""
    try:
        found = parse_compute_capability(text)
    except ValueError:
        is_major = where == GPU_OPTION and re.fullmatch(r"[1-9][0-9]?", text)
        meant = [Hint("usage.gpu-meant", f"did you mean `--gpu {text}.0`?")] if is_major else []
        message = f"`{where}`: expected a compute capability such as `8.6`, found `{text}`"
        raise UsageError(message, hints=[*meant, _gpu_examples(where)]) from None
    return _existing(found, where, text)


def _existing(found: ComputeCapability, where: str, text: str) -> ComputeCapability:
    """Return a capability that a known GPU has, or that is newer than all known ones. Raises UsageError for another."""
    from gpuenv import facts
    from gpuenv.probe.answer import CAPABILITY_MAX, CAPABILITY_MIN

    if not (CAPABILITY_MIN <= found <= CAPABILITY_MAX and found[1] <= 9):
        low, high = format_compute_capability(CAPABILITY_MIN), format_compute_capability(CAPABILITY_MAX)
        message = f"`{where}`: expected a compute capability from {low} to {high}, found `{text}`"
        raise UsageError(message, hints=[_gpu_examples(where)])
    known = facts.known_capabilities()
    if found in known or found > known[-1]:
        return found
    said = format_compute_capability(found)
    place = bisect(known, found)
    nearest = known[max(0, place - 1) : place + 1]
    cause = f"the nearest are {_words([_named(one) for one in nearest])}"
    meant = [format_compute_capability(one) for one in nearest]
    option = f"{GPU_OPTION} " if where == GPU_OPTION else f"{where}="
    message = f"`{where}`: no GPU has compute capability {said}{'' if said == text else f', which `{text}` means'}"
    hint = Hint("usage.gpu-meant", f"did you mean {_words([f'`{option}{one}`' for one in meant], 'or')}?")
    raise UsageError(message, cause=cause, hints=[hint, _gpu_examples(where)])


def _gpu_examples(where: str) -> Hint:
    return GPU_EXAMPLES if where == GPU_OPTION else _ARCH_EXAMPLES


def _named(one: ComputeCapability) -> str:
    """Name a capability with its architecture and a product: `8.6 (Ampere, as GeForce RTX 3090)`."""
    from gpuenv import facts

    products = facts.products_of(one)
    words = [word for word in (facts.architecture_name(one), f"as {products[0]}" if products else None) if word]
    return format_compute_capability(one) + (f" ({', '.join(words)})" if words else "")


def _words(texts: Sequence[str], last: str = "and") -> str:
    return f" {last} ".join(texts)


def driver_version(text: str) -> Version:
    """Read `460.89`, or a branch such as `535`, which is taken as the first driver of it. Raises UsageError.

    A number below 100 is no driver of today but a CUDA version taken for one; so is `128`, which is 12.8.
    """
    from gpuenv import facts

    hint = Hint("usage.driver", "run `nvidia-smi` on that machine; it prints `Driver Version: 460.89`")
    said = text.strip()
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){0,2}", said):
        meant = _meant_driver(said)
        message = f"`--driver`: expected a driver version such as `460.89`, found `{text}`"
        raise UsageError(message, hints=[*meant, hint])
    version = Version(said)
    if version.major < 100:
        cause = f"`{said}` looks like a CUDA version; that is `{CUDA_VARIABLE}={said}`"
        raise UsageError(f"`--driver`: expected at least 100, found `{said}`", cause=cause, hints=[hint])
    if (cuda := _without_dot(said)) is not None:
        cause = f"`{said}` looks like CUDA {cuda} without its dot; that is `{CUDA_VARIABLE}={cuda}`"
        raise UsageError(f"`--driver`: expected a driver version, found `{said}`", cause=cause, hints=[hint])
    newest = facts.newest_driver()
    if version.major > _TOO_NEW * newest.major:
        cause = f"the newest driver that gpuenv knows is {format_driver_version(newest)}"
        message = f"`--driver`: expected at most {_TOO_NEW * newest.major}, found `{said}`"
        raise UsageError(message, cause=cause, hints=[*_meant_driver(said), hint])
    return version


def _meant_driver(text: str) -> list[Hint]:
    """Guess which driver somebody meant who wrote `31.0.15.3179`, `46089`, `460,89`, `v460.89` or `R535`."""
    if text.lower() == "none":
        return [Hint("usage.driver-meant", "say `--gpu none` for a machine without a GPU and a driver")]
    if match := _WINDOWS_FILE_VERSION.fullmatch(text):
        meant = f"{match[1]}{match[2]}.{match[3]}"
    elif re.fullmatch(r"[0-9]{5}", text):
        meant = f"{text[:3]}.{text[3:]}"
    elif match := re.fullmatch(r"\D*([1-9][0-9]{2}([.,][0-9]{2,3}){0,2})\D*", text):
        meant = match[1].replace(",", ".")
    else:
        return []
    return [Hint("usage.driver-meant", f"did you mean `--driver {meant}`?")]


def cuda_driver_api(text: str) -> Version:
    """Read `11.2`, as conda writes the version of its virtual package `__cuda`. Raises UsageError."""
    from gpuenv import facts
    from gpuenv.probe.answer import CUDA_API_MAJORS

    hint = Hint("usage.cuda", f"set `{CUDA_VARIABLE}=11.2`, or leave it empty for a machine without a driver")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){0,3}", text):
        raise UsageError(f"`{CUDA_VARIABLE}`: expected a CUDA version such as `11.2`, found `{text}`", hints=[hint])
    version = Version(text)
    known = facts.known_cudas()
    low, high = CUDA_API_MAJORS[0], _TOO_NEW * known[-1].major
    if not low <= version.major <= high:
        message = f"`{CUDA_VARIABLE}`: expected {low} to {high}, found `{text}`"
        raise UsageError(message, hints=[*_meant_cuda(text, None), hint])
    series = Version(f"{version.major}.{version.minor}")
    if known[0] <= series <= known[-1] and series not in known:
        place = bisect(known, series)
        nearest = known[place - 1 : place + 1]
        message = f"`{CUDA_VARIABLE}`: there is no CUDA {series}"
        cause = f"the nearest are {_words([str(one) for one in nearest])}"
        raise UsageError(message, cause=cause, hints=[*_meant_cuda(text, nearest[0]), hint])
    return version


def _meant_cuda(text: str, nearest: Version | None) -> list[Hint]:
    """Guess what somebody meant who wrote `112`, a compute capability (`8.6`, `86`) or a driver (`460.89`)."""
    from gpuenv import facts

    said = text if "." in text else f"{text[:-1]}.{text[-1:]}"
    if any(said == format_compute_capability(one) for one in facts.known_capabilities()):
        meant = f"{ARCH_VARIABLE}={said}` or `{GPU_OPTION} {said}"
    elif cuda := _without_dot(text) or nearest:
        meant = f"{CUDA_VARIABLE}={cuda}"
    elif re.fullmatch(r"[1-9][0-9]{2}(\.[0-9]+)*", text):
        meant = f"--driver {text}"
    else:
        return []
    return [Hint("usage.cuda-meant", f"did you mean `{meant}`?")]


def _without_dot(text: str) -> Version | None:
    """Return the CUDA that a whole number spells without its dot: 12.8 for `128`."""
    from gpuenv import facts

    return next((one for one in facts.known_cudas() if text == f"{one.major}{one.minor}"), None)
