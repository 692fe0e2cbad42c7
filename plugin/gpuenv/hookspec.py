"""The hooks of gpuenv (pluggy project `gpuenv`, entry-point group `gpuenv`).

A plugin is a module or object with functions of these names marked `@gpuenv.hookimpl`. Every hook that returns values
may return any iterable, a generator too. `plugins.py` sorts what comes back by `order` and isolates a plugin that
raises, or gives something else than it should: its values are left out, a warning names it, and everybody else's are
kept. Whatever a plugin prints goes to standard error; standard output is the command's. Arguments are only ever added.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from gpuenv.extension import ArtifactSource, Check, Engine, Probe, RecipeSource, Rule
from gpuenv.model import Host, Plan

PROJECT = "gpuenv"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def gpuenv_probes() -> Iterable[Probe]:  # type: ignore[empty-body]
    """Give probes that look at the machine. Called once per command that needs the host, before anything else.

    Example::

        def room(host, overrides):
            return dataclasses.replace(host, facts=(*host.facts, Fact("room", "B12", "inventory")))

        @hookimpl
        def gpuenv_probes():
            return [Probe("room", room)]
    """


@hookspec
def gpuenv_recipe_sources() -> Iterable[RecipeSource]:  # type: ignore[empty-body]
    """Give places with recipes. Called when recipes are listed or chosen; the smallest `order` wins a name.

    Example::

        @hookimpl
        def gpuenv_recipe_sources():
            return [RecipeSource("share", lambda: Path("/srv/recipes").glob("*.yaml"), order=15)]
    """


@hookspec
def gpuenv_engines() -> Iterable[Engine]:  # type: ignore[empty-body]
    """Give engines that build environments. Called when a plan is made; `--engine NAME` picks one.

    Example::

        @hookimpl
        def gpuenv_engines():
            return [MyEngine()]
    """


@hookspec
def gpuenv_artifact_sources() -> Iterable[ArtifactSource]:  # type: ignore[empty-body]
    """Give kinds of places that CUDA and cuDNN come from.

    Called when a recipe is chosen and when an environment is built or verified. A recipe's source without one of that
    name is rejected.

    Example::

        @hookimpl
        def gpuenv_artifact_sources():
            return [CompanyMirror()]
    """


@hookspec
def gpuenv_checks() -> Iterable[Check]:  # type: ignore[empty-body]
    """Give checks that prove something about an environment.

    Called when one is created or verified. A recipe's `checks`, `--verify` and `gpuenv verify` name them.

    Example::

        def quick(context):
            return CheckResult("quick", "ok", f"looked at {context.built.prefix}")

        @hookimpl
        def gpuenv_checks():
            return [Check("quick", quick, needs_activation=False)]
    """


@hookspec
def gpuenv_doctor_rules() -> Iterable[Rule]:  # type: ignore[empty-body]
    """Give rules that name the cause of a failure. Called when a check has failed; the smallest `order` speaks first.

    Example::

        def find(log):
            if "licence server" in log:
                return Diagnosis("acme.licence", "the licence server is down", "call 1234", "certain", "ACME wiki")

        @hookimpl
        def gpuenv_doctor_rules():
            return [Rule("acme.licence", find)]
    """


@hookspec
def gpuenv_adjust_plan(host: Host, plan: Plan) -> Plan | None:
    """Change a plan before it is shown or carried out, or return None to leave it. Called once, after `resolve`.

    Plugins are called in the order of their names, each with the plan the one before returned. Unlike in the other
    hooks an exception is not skipped: it ends the command with the plugin's name, since a policy that fails must not be
    passed over. A `GpuenvError` ends it with its own words, hints and exit code.

    Example::

        @hookimpl
        def gpuenv_adjust_plan(host, plan):
            return dataclasses.replace(plan, checks=("files", "import"))
    """


@hookspec
def gpuenv_phase_done(phase: str, value: object) -> None:
    """Learn that a phase ended well; `value` is what it returned. Called after each phase, in the order of the flow.

    Example::

        @hookimpl
        def gpuenv_phase_done(phase, value):
            print(phase)
    """
