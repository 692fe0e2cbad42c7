from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gpuenv import extension, hookspec, model
from gpuenv.extension import Check, Probe
from gpuenv.hookspec import hookimpl
from gpuenv.model import CheckResult, Host
from gpuenv.plugins import BUILT_INS, Plugins, PluginWarning, new_manager

HOOKS = [name for name in vars(hookspec) if name.startswith("gpuenv_")]


def plugins_with(*extra: tuple[str, object]) -> Plugins:
    manager = new_manager()
    for name, plugin in extra:
        manager.register(plugin, name=name)
    return Plugins(manager)


def test_built_ins__are_registered_through_the_hooks() -> None:
    found = plugins_with()
    assert list(found.checks()) == ["files", "import", "device", "compute", "train", "xla"]
    assert list(found.engines()) == ["uv"]
    assert "pypi" in found.artifact_sources()
    assert [source.name for source in found.recipe_sources()] == ["project", "team", "user", "shipped"]
    assert found.probes()
    assert found.doctor_rules()


def test_checks__third_party_order__fits_between_built_ins() -> None:
    class Extra:
        @hookimpl
        def gpuenv_checks(self):  # type: ignore[no-untyped-def]
            yield Check("quick", lambda context: CheckResult("quick", "ok", "fine"), order=15)

    assert list(plugins_with(("extra", Extra())).checks())[:3] == ["files", "quick", "import"]


def test_probes__generator_raises_half_way__others_are_kept_and_plugin_is_named() -> None:
    class Broken:
        @hookimpl
        def gpuenv_probes(self):  # type: ignore[no-untyped-def]
            yield Probe("half", lambda host, overrides: host)
            raise RuntimeError("no luck")

    class Good:
        @hookimpl
        def gpuenv_probes(self):  # type: ignore[no-untyped-def]
            return [Probe("good", lambda host, overrides: host)]

    found = plugins_with(("broken", Broken()), ("good", Good()))
    with pytest.warns(PluginWarning, match="plugin `broken` was skipped: `gpuenv_probes` raised RuntimeError"):
        names = [probe.name for probe in found.probes()]
    assert "good" in names
    assert "half" not in names


def test_adjust_plan__two_plugins__called_in_the_order_of_their_names() -> None:
    calls: list[str] = []

    def adjuster(name: str) -> object:
        class Adjuster:
            @hookimpl
            def gpuenv_adjust_plan(self, plan):  # type: ignore[no-untyped-def]
                calls.append(name)
                return replace(plan, platform=plan.platform + name)

        return Adjuster()

    found = plugins_with(("b", adjuster("b")), ("a", adjuster("a")))
    plan: Any = _plan()
    assert found.adjust_plan(plan.host, plan).platform == "linux-64ab"
    assert calls == ["a", "b"]


def test_adjust_plan__plugin_raises__is_not_passed_over() -> None:
    class Policy:
        @hookimpl
        def gpuenv_adjust_plan(self, host, plan):  # type: ignore[no-untyped-def]
            raise PermissionError("not on this machine")

    plan: Any = _plan()
    with pytest.raises(PermissionError):
        plugins_with(("policy", Policy())).adjust_plan(plan.host, plan)


def test_phase_done__one_plugin_raises__others_hear_it() -> None:
    heard: list[tuple[str, object]] = []

    class Deaf:
        @hookimpl
        def gpuenv_phase_done(self, phase):  # type: ignore[no-untyped-def]
            raise OSError("deaf")

    class Listener:
        @hookimpl
        def gpuenv_phase_done(self, phase, value):  # type: ignore[no-untyped-def]
            heard.append((phase, value))

    with pytest.warns(PluginWarning, match="deaf"):
        plugins_with(("listener", Listener()), ("deaf", Deaf())).phase_done("stage", 1)
    assert heard == [("stage", 1)]


def test_built_ins__one_raises__is_a_bug_and_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = new_manager(BUILT_INS[:1])
    plugin = manager.get_plugin(BUILT_INS[0])
    manager.unregister(plugin)

    class Broken:
        @hookimpl
        def gpuenv_probes(self):  # type: ignore[no-untyped-def]
            raise KeyError("bug")

    manager.register(Broken(), name=BUILT_INS[0])
    with pytest.raises(KeyError):
        Plugins(manager).probes()


@pytest.mark.parametrize("name", HOOKS)
def test_hookspec__every_hook__has_an_example_that_runs(name: str) -> None:
    doc = inspect.getdoc(getattr(hookspec, name)) or ""
    assert re.search(r"Called ", doc), "say when it is called"
    example = textwrap.dedent(doc.split("Example::", 1)[1])
    names: dict[str, Any] = {**vars(model), **vars(extension), "hookimpl": hookimpl}
    names["MyEngine"] = lambda: SimpleNamespace(name="mine")
    names["CompanyMirror"] = lambda: SimpleNamespace(name="mirror")
    names["Path"] = __import__("pathlib").Path
    names["dataclasses"] = __import__("dataclasses")
    exec(example, names)  # the example in the docstring is what plugin authors copy
    plugin = SimpleNamespace(**{name: names[name]})
    found = plugins_with(("example", plugin))
    if name == "gpuenv_adjust_plan":
        plan: Any = _plan()
        assert found.adjust_plan(plan.host, plan).checks == ("files", "import")
    elif name == "gpuenv_phase_done":
        found.phase_done("probe", Host("linux-64"))
    elif name == "gpuenv_doctor_rules":
        rule = next(rule for rule in found.doctor_rules() if rule.id == "acme.licence")
        assert rule.find("the licence server is away") is not None
    else:
        getter = getattr(found, name.removeprefix("gpuenv_"))
        values = getter()
        got = {getattr(value, "name", value) for value in (values.values() if isinstance(values, dict) else values)}
        assert got & {"room", "share", "mine", "mirror", "quick"}


def _plan() -> model.Plan:
    from pathlib import Path

    return model.Plan(
        host=Host("linux-64"),
        choice=None,  # type: ignore[arg-type]
        lock=model.Lock("", (), "test"),
        engine="uv",
        prefix=Path("/x"),
        name="x",
        platform="linux-64",
        checks=(),
    )
