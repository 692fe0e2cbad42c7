"""The plugin manager: built-ins first, then installed plugins, each isolated from the others' failures.

A plugin may fail in any way but one: Ctrl-C while it runs is the user's, and goes through.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, TypeVar

import pluggy

from gpuenv import hookspec
from gpuenv.errors import GpuenvError, Hint
from gpuenv.extension import ArtifactSource, Check, Engine, Probe, RecipeSource, Rule
from gpuenv.model import Host, Plan

BUILT_INS = (
    "gpuenv.probe",
    "gpuenv.recipes",
    "gpuenv.engines",
    "gpuenv.artifact_sources",
    "gpuenv.toolkit_source",
    "gpuenv.verify",
    "gpuenv.doctor",
)
T = TypeVar("T")
# Attributes of what a hook gives, and what each must be; a Protocol's are looked at too, since nobody inherits from it.
_CALLABLE = "something to call"
_SHAPES: dict[str, tuple[type, dict[str, str | type]]] = {
    "gpuenv_probes": (Probe, {"name": str, "run": _CALLABLE, "order": int}),
    "gpuenv_recipe_sources": (RecipeSource, {"name": str, "find": _CALLABLE, "order": int}),
    "gpuenv_engines": (
        Engine,
        {"name": str, "resolve": _CALLABLE, "fetch": _CALLABLE, "build": _CALLABLE, "describe": _CALLABLE},
    ),
    "gpuenv_artifact_sources": (ArtifactSource, {"name": str, "locate": _CALLABLE}),
    "gpuenv_checks": (Check, {"name": str, "run": _CALLABLE, "order": int}),
    "gpuenv_doctor_rules": (Rule, {"id": str, "find": _CALLABLE, "order": int}),
}


class PluginWarning(UserWarning):
    """A plugin raised and was skipped."""


class Plugins:
    """Typed access to the hooks. Tests make their own with `Plugins(manager)`; everybody else uses `plugins()`."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager

    def probes(self) -> list[Probe]:
        """Return all probes in the order they run."""
        return sorted(self._collect("gpuenv_probes"), key=attrgetter("order"))

    def recipe_sources(self) -> list[RecipeSource]:
        """Return all recipe sources, the one that wins a name first."""
        return sorted(self._collect("gpuenv_recipe_sources"), key=attrgetter("order"))

    def engines(self) -> dict[str, Engine]:
        """Return engines by name; a later plugin replaces a built-in of the same name."""
        return {engine.name: engine for engine in self._collect("gpuenv_engines")}

    def artifact_sources(self) -> dict[str, ArtifactSource]:
        """Return artifact sources by name."""
        return {source.name: source for source in self._collect("gpuenv_artifact_sources")}

    def checks(self) -> dict[str, Check]:
        """Return checks by name, in the order they run."""
        return {check.name: check for check in sorted(self._collect("gpuenv_checks"), key=attrgetter("order"))}

    def doctor_rules(self) -> list[Rule]:
        """Return all doctor rules, the one that speaks first at the front."""
        return sorted(self._collect("gpuenv_doctor_rules"), key=attrgetter("order"))

    def adjust_plan(self, host: Host, plan: Plan) -> Plan:
        """Let each plugin change the plan, in the order of their names.

        Raises GpuenvError that names the plugin when it fails or returns no plan; its own GpuenvError goes through.
        """
        implementations = sorted(self._manager.hook.gpuenv_adjust_plan.get_hookimpls(), key=attrgetter("plugin_name"))
        for implementation in implementations:
            plan = _adjusted(implementation, host, plan)
        return plan

    def phase_done(self, phase: str, value: object) -> None:
        """Tell every plugin that a phase ended; one that raises does not stop the others."""
        for implementation in self._manager.hook.gpuenv_phase_done.get_hookimpls():
            _isolated(implementation, partial(_call, implementation, phase=phase, value=value))

    def _collect(self, hook: str) -> list[Any]:
        """Call one hook plug-in by plug-in, built-ins first, and consume generators inside the isolation."""
        found: list[Any] = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            for value in _isolated(implementation, partial(_listed, implementation)) or ():
                mistake = _mistake(value, hook)
                if mistake is None:
                    found.append(value)
                else:
                    _warn(implementation.plugin_name, f"`{hook}` gave {mistake}")
        return found


def _call(implementation: pluggy.HookImpl, **arguments: object) -> Any:
    """Call one implementation with those of the arguments it declares, as pluggy does."""
    return implementation.function(*(arguments[name] for name in implementation.argnames))


def _listed(implementation: pluggy.HookImpl) -> list[Any]:
    return list(_call(implementation))


def _adjusted(implementation: pluggy.HookImpl, host: Host, plan: Plan) -> Plan:
    """Return the plan as one plugin wants it. Raises GpuenvError: a policy that fails must not be passed over."""
    plugin = implementation.plugin_name
    try:
        changed = _call(implementation, host=host, plan=plan)
    except (KeyboardInterrupt, GpuenvError):
        raise
    except BaseException as err:
        raise _refused(plugin, f"`gpuenv_adjust_plan` raised {err!r}") from err
    if changed is not None and not isinstance(changed, Plan):
        raise _refused(plugin, f"`gpuenv_adjust_plan` gave `{changed!r}`, expected a Plan or None")
    return plan if changed is None else changed


def _refused(plugin: str, what: str) -> GpuenvError:
    return GpuenvError(
        f"plugin `{plugin}` ended the command: {what}",
        hints=[Hint("plugin.policy", f"ask whoever installed `{plugin}`; without that package nothing is adjusted")],
    )


def _mistake(value: object, hook: str) -> str | None:
    """Say what is wrong with a value that a hook gave, None when it can be used."""
    kind, shape = _SHAPES[hook]
    if not getattr(kind, "_is_protocol", False) and not isinstance(value, kind):
        return f"`{value!r}`, expected a {kind.__name__}"
    for name, expected in shape.items():
        found = getattr(value, name, None)
        if expected is _CALLABLE and not callable(found):
            return f"`{value!r}`, which has no `{name}` to call"
        if isinstance(expected, type) and not isinstance(found, expected):
            return f"`{value!r}`, whose `{name}` is `{found!r}`, expected `{expected.__name__}`"
    return None


def _isolated(implementation: pluggy.HookImpl, call: Callable[[], T]) -> T | None:
    """Return what the call returns, or warn and return None when a plugin that is not ours raises."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as err:  # SystemExit too: a plugin does not decide that gpuenv ends
        if implementation.plugin_name in BUILT_INS:
            raise
        _warn(implementation.plugin_name, f"`{implementation.function.__name__}` raised {err!r}")
        return None


def _warn(plugin: str, what: str) -> None:
    warnings.warn(f"plugin `{plugin}` was skipped: {what}", PluginWarning, stacklevel=3)


def new_manager(built_ins: Iterable[str] = BUILT_INS) -> pluggy.PluginManager:
    """Make a manager with the specifications and the built-in plugins, and no installed one."""
    manager = pluggy.PluginManager(hookspec.PROJECT)
    manager.add_hookspecs(hookspec)
    for name in built_ins:
        manager.register(importlib.import_module(name), name=name)
    return manager


@lru_cache(maxsize=1)
def plugins() -> Plugins:
    """Return the process-wide plugins: built-ins and everything installed under the entry-point group."""
    manager = new_manager()
    _load_entry_points(manager)
    return Plugins(manager)


def _load_entry_points(manager: pluggy.PluginManager) -> None:
    """Load installed plugins one by one, so that a broken one is skipped with its name."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=hookspec.PROJECT):
        if manager.has_plugin(entry.name):
            continue
        try:
            plugin = entry.load()
        except KeyboardInterrupt:
            raise
        except BaseException as err:  # SystemExit too: a module that wants to be a script
            _warn(entry.name, f"its import raised {err!r}")
            continue
        _register(manager, plugin, entry.name)


def _register(manager: pluggy.PluginManager, plugin: object, name: str) -> None:
    """Register a plugin whole or not at all: one with a hook that takes an unknown argument is skipped."""
    try:
        manager.register(plugin, name=name)
    except KeyboardInterrupt:
        raise
    except BaseException as err:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        _warn(name, f"it cannot be registered: {' '.join(str(err).split())}")
