"""`gpuenv explain`: which releases fit this machine, and what is in the way of each other."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns, quoted, wrapped
from gpuenv.errors import Hint, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpuenv.extension import ArtifactSource
    from gpuenv.model import Host, LoadedRecipe, Request
    from gpuenv.recipes.explain import Verdict
    from gpuenv.session import Session

PLATFORMS = {"linux": "linux-64", "wsl": "linux-64", "windows": "win-64"}
_CODE = {"native": "runs at once", "ptx": "compiles once", "unknown": "", None: ""}
_HEAD = ("release", "CUDA", "cuDNN", "Python", "least driver", "GPU code")
_ALLOW_CPU = "gpuenv makes such an environment with `--allow-cpu` only. For another machine, name its GPU: `--gpu 8.6`."
_ANOTHER_GPU = "No change but another GPU would help; without it there is `gpuenv create -n cpu --allow-cpu`"
_COMPILES = "compiles once: its GPU code is compiled at the first use, which takes minutes, or ahead by `gpuenv warm`"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `explain`."""
    options.add_host_overrides(parser)
    add_platform(parser)
    parser.add_argument("--python", metavar="VERSION", help="Python that it has to be, as 3.8")
    parser.add_argument("--engine", default="uv", metavar="ENGINE", help="what would build it (default: uv)")
    parser.add_argument("--framework", metavar="NAME[==VERSION]", help="only these releases, as tensorflow==2.9")


def add_platform(parser: argparse.ArgumentParser) -> None:
    """Add `--os`."""
    parser.add_argument("--os", choices=sorted(PLATFORMS), help="operating system (default: this one)")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Look at the machine, judge every recipe, and say so; nothing is installed."""
    from gpuenv import probe
    from gpuenv.recipes.explain import explain

    request = request_of(args)
    host = probe.look(options.overrides(args, session), session.plugins.probes())
    if args.os is not None:
        # What else is known is of this machine: its glibc, or why it has no GPU, says nothing about another one.
        host = replace(host, facts=(), notes=host.notes if args.gpu else ())
    verdicts = explain(
        host,
        request,
        recipes_of(session),
        sources_of(session, here=args.os is None),
        conda_packages=session.engine(args.engine).conda_packages,
    )
    if not verdicts:
        wanted = f"{request.framework} {request.framework_version or ''}".strip()
        hints = [Hint("explain.matrix", "run `gpuenv matrix` to see every release")]
        raise UsageError(f"there is no recipe with {wanted}", hints=hints)
    return Outcome(document_of(host, request, verdicts), text_of(host, request, verdicts, _typed(args)))


@dataclass(frozen=True, slots=True)
class Typed:
    """What `create` has to be told again: options about the machine, or that it is to be typed on another one."""

    options: str
    elsewhere: bool


def _typed(args: argparse.Namespace) -> Typed:
    """Return what was said about the machine. Of another system nothing has to be said there: gpuenv looks itself."""
    machine = [("--gpu", gpu) for gpu in args.gpu] + ([("--driver", args.driver)] if args.driver else [])
    given = [] if args.os else machine
    given += [("--python", args.python)] if args.python else []
    given += [("--engine", args.engine)] if args.engine != "uv" else []
    return Typed("".join(f" {name} {quoted(value)}" for name, value in given), args.os is not None)


def sources_of(session: Session, *, here: bool) -> dict[str, ArtifactSource]:
    """Return the sources of CUDA; of another machine nobody knows what is installed there, so only what can be had."""
    from gpuenv.extension import Brings

    known = session.plugins.artifact_sources()
    return {name: one for name, one in known.items() if here or not isinstance(one, Brings)}


def recipes_of(session: Session) -> tuple[LoadedRecipe, ...]:
    """Load every recipe; a wrong one is a warning."""
    from gpuenv.model import Warned
    from gpuenv.recipes.search import list_recipes

    recipes, problems = list_recipes(session.plugins.recipe_sources(), forgiving=True)
    for problem in problems:
        session.report(Warned(problem))
    return recipes


def request_of(args: argparse.Namespace) -> Request:
    """Return what was asked for. Raises UsageError for a framework that is not written as a requirement."""
    from gpuenv.model import Request

    framework = version = None
    if args.framework is not None:
        match = re.fullmatch(r"([A-Za-z][\w.-]*)(?:==?([0-9]+(?:\.[0-9]+)*))?", args.framework.replace(" ", ""))
        if match is None:
            hint = Hint("explain.framework", "write it as `--framework tensorflow==2.9`")
            raise UsageError(f"`--framework`: expected a name and a version, found `{args.framework}`", hints=[hint])
        framework, version = match[1].lower(), match[2]
    platform = PLATFORMS[args.os] if args.os else None
    return Request(framework=framework, framework_version=version, python=args.python, platform=platform)


def document_of(host: Host, request: Request, verdicts: Sequence[Verdict]) -> dict[str, object]:
    """Describe the verdicts for a program."""
    from gpuenv.recipes.explain import nearest, newest_that_fits

    newest, near = newest_that_fits(verdicts), nearest(verdicts)
    return {
        "platform": request.platform or host.platform,
        "gpus": host.gpus,
        "driver": host.driver,
        "python": request.python,
        "newest_that_fits": newest.recipe if newest else None,
        "nearest": near.recipe if near else None,
        "recipes": verdicts,
    }


def text_of(host: Host, request: Request, verdicts: Sequence[Verdict], typed: Typed) -> str:
    """Describe the verdicts for people: the machine, what fits, what does not and why, what to type next."""
    verdicts = _told_apart(verdicts)
    fitting = [one for one in verdicts if one.fits]
    others = [one for one in verdicts if not one.fits]
    lines = [machine(host, request), ""]
    if not host.gpus:
        lines += _without_gpu(host)
    if fitting:
        lines += [
            "Fits:" if host.gpus else "Exists for this system:",
            *_table(fitting, with_code=bool(host.gpus)),
            "",
        ]
    for message in dict.fromkeys(_notes(fitting)):
        lines += wrapped(f"  note: {message}", "    ")
    if others:
        lines += ["", "Does not fit:"] if fitting else ["Nothing fits.", ""]
        for together in _alike(others):
            lines += _why_not(together)
    text = "\n".join([*lines, "", *_next(host, verdicts, typed)])
    return re.sub(r"\n{3,}", "\n\n", text)


def _told_apart(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Put the recipe's name behind a version that several recipes have, as a team's own recipe and the shipped one."""
    from collections import Counter

    times = Counter((one.framework, one.version) for one in verdicts)
    several = {key for key, count in times.items() if count > 1}
    return [
        replace(one, version=f"{one.version} ({one.recipe})") if (one.framework, one.version) in several else one
        for one in verdicts
    ]


def machine(host: Host, request: Request) -> str:
    """Describe the machine: ``GPU 0 (compute capability 8.6, Ampere), driver 450.80.02, linux-64``."""
    from gpuenv.facts import architecture_name
    from gpuenv.model import format_compute_capability, format_driver_version

    parts = []
    for gpu in host.gpus:
        capability = gpu.compute_capability
        known = format_compute_capability(capability) if capability else "unknown"
        family = architecture_name(capability) if capability else None
        parts.append(
            f"GPU {gpu.index}{f' {gpu.name}' if gpu.name else ''} ({', '.join(filter(None, [known, family]))})"
        )
    parts = parts or ["no GPU"]
    driver = host.driver.driver_version if host.driver is not None else None
    parts.append(f"driver {format_driver_version(driver)}" if driver else "driver unknown")
    parts.append(request.platform or host.platform)
    parts += [f"Python {request.python}"] if request.python else []
    return ", ".join(parts)


def _without_gpu(host: Host) -> list[str]:
    """Say what it means that there is none, and why none was found."""
    said = [note.message for note in host.notes if note.code.startswith("gpu.")]
    return [
        *wrapped(f"Without a GPU every release computes on the processor{f' ({said[0]})' if said else ''}.", ""),
        *wrapped(_ALLOW_CPU, ""),
        "",
    ]


def _table(fitting: Sequence[Verdict], *, with_code: bool) -> list[str]:
    """Describe what fits, a line each below a heading, within 80 columns."""
    rows = [_row(one) for one in fitting]
    shown = len(_HEAD) if with_code else len(_HEAD) - 1
    lines = columns([row[:shown] for row in (_HEAD, *rows)], indent="  ").splitlines()
    explained = with_code and any(one.code == "ptx" for one in fitting)
    return lines + (["", *wrapped(f"  {_COMPILES}", "    ")] if explained else [])


def _row(verdict: Verdict) -> tuple[str, ...]:
    """Describe what fits on one line."""
    pythons = verdict.pythons
    spread = pythons[0] if len(pythons) == 1 else f"{pythons[-1]} to {pythons[0]}"
    cuda, cudnn, driver = (text or "" for text in (verdict.cuda_toolkit, verdict.cudnn, verdict.driver_min))
    return (_name(verdict), cuda, cudnn, spread, driver, _CODE.get(verdict.code, ""))


def _name(verdict: Verdict) -> str:
    return f"{verdict.framework} {verdict.version}"


def _release(verdict: Verdict) -> str:
    """Write a release as reasons do, without the recipe's name that `_told_apart` puts behind it."""
    return _name(verdict).partition(" (")[0]


def _notes(verdicts: Sequence[Verdict]) -> list[str]:
    """Name what the user should know of releases that fit, releases with the same note together."""
    together: dict[str, list[str]] = {}
    for one in verdicts:
        for warning in one.warnings:
            if (
                "the driver's version is not known" in warning
                or "no GPU is known" in warning
                or "minutes, once" in warning
            ):
                continue  # the table says so
            together.setdefault(warning.replace(_release(one), "it"), []).append(one.version)
    return [f"{', '.join(versions)}: {warning}" for warning, versions in together.items()]


def _alike(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    """Put releases together that follow each other and have the same in their way."""
    groups: list[list[Verdict]] = []
    for one in verdicts:
        if groups and _said(groups[-1][-1]) == _said(one):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _said(verdict: Verdict) -> tuple[str, str | None]:
    """Word the reasons without the release's own name, and the change."""
    reasons = "; ".join(reason.message for reason in verdict.reasons)
    return reasons.replace(f"{_release(verdict)} ", ""), verdict.change


def _why_not(verdicts: list[Verdict]) -> list[str]:
    """Give the reasons, and the change that would help."""
    reasons, change = _said(verdicts[0])
    versions = ", ".join(one.version for one in verdicts)
    lines = wrapped(f"  {verdicts[0].framework} {versions}: {reasons}", "    ")
    return lines + (wrapped(f"    change: {change}", "      ") if change else [])


def _next(host: Host, verdicts: Sequence[Verdict], typed: Typed) -> list[str]:
    """Say what to type, or what to change first."""
    from gpuenv.recipes.explain import nearest, newest_that_fits

    newest, near = newest_that_fits(verdicts), nearest(verdicts)
    following = "Next, on that machine:" if typed.elsewhere else "Next:"
    if not host.gpus:
        return [f"{following} gpuenv create -n cpu --allow-cpu"] if newest else []
    if newest is not None:
        return [f"{following} gpuenv create -n tf {_which(newest, verdicts)}{typed.options}"]
    if near is not None:
        return wrapped(f"Nearest: {_name(near)}, if you {near.change}", "  ")
    return wrapped(_ANOTHER_GPU, "  ")


def _which(one: Verdict, verdicts: Sequence[Verdict]) -> str:
    """Name a release for `create`: by its series where that says which recipe is meant, else by the recipe."""
    series = ".".join(one.version.split(".")[:2])
    alike = [other for other in verdicts if f"{other.version}.".startswith(f"{series}.")]
    if one.framework == "tensorflow" and len(alike) == 1:
        return f"--tensorflow {series}"
    return f"--recipe {quoted(one.recipe)}"
