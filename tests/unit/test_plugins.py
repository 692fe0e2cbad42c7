from __future__ import annotations

import inspect
import re
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gpuenv import extension, hookspec, model
from gpuenv.errors import GpuenvError, UsageError
from gpuenv.extension import Check, Probe, RecipeSource, Rule
from gpuenv.hookspec import hookimpl
from gpuenv.model import CheckResult, Host
from gpuenv.plugins import BUILT_INS, Plugins, PluginWarning, _load_entry_points, new_manager

HOOKS = [name for name in vars(hookspec) if name.startswith("gpuenv_")]


def plugins_with(*extra: tuple[str, object]) -> Plugins:
    manager = new_manager()
    for name, plugin in extra:
        manager.register(plugin, name=name)
    return Plugins(manager)


def test_built_ins__are_registered_through_the_hooks() -> None:
    found = plugins_with()
    assert list(found.checks()) == ["files", "import", "device", "compute", "train", "xla"]
    assert list(found.engines()) == ["uv", "conda", "rattler"]
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
    with pytest.raises(GpuenvError, match=r"plugin `policy` ended the command: .*PermissionError.'not on this"):
        plugins_with(("policy", Policy())).adjust_plan(plan.host, plan)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda: [42], GpuenvError, r"plugin `policy` ended the command: .* gave `\[42\]`, expected a Plan or None"),
        (lambda: 0, GpuenvError, "gave `0`"),
        (lambda: sys.exit(3), GpuenvError, "plugin `policy` ended the command: .*SystemExit"),
        (lambda: _raise(UsageError("no CUDA 11 here")), UsageError, "^no CUDA 11 here$"),
        (lambda: _raise(KeyboardInterrupt()), KeyboardInterrupt, "^$"),
    ],
    ids=["list", "zero", "exit", "own error", "ctrl-c"],
)
def test_adjust_plan__plugin_misbehaves__named(answer: Any, error: type[BaseException], words: str) -> None:
    class Policy:
        @hookimpl
        def gpuenv_adjust_plan(self):  # type: ignore[no-untyped-def]
            return answer()

    plan: Any = _plan()
    with pytest.raises(error, match=words):
        plugins_with(("policy", Policy())).adjust_plan(plan.host, plan)


GOOD = {
    "gpuenv_probes": Probe("good", lambda host, overrides: host),
    "gpuenv_recipe_sources": RecipeSource("good", lambda: ()),
    "gpuenv_checks": Check("good", lambda context: CheckResult("good", "ok", "")),
    "gpuenv_doctor_rules": Rule("good", lambda log: None),
}


@pytest.mark.parametrize(
    ("hook", "value", "words"),
    [
        *((hook, 42, "gave `42`, expected a ") for hook in GOOD),
        ("gpuenv_engines", 42, "gave `42`, whose `name` is `None`, expected `str`"),
        ("gpuenv_engines", SimpleNamespace(name="half"), "which has no `resolve` to call"),
        ("gpuenv_artifact_sources", "mirror", "whose `name` is `None`"),
        ("gpuenv_probes", replace(GOOD["gpuenv_probes"], order="first"), "whose `order` is `'first'`, expected `int`"),
        ("gpuenv_checks", replace(GOOD["gpuenv_checks"], run=None), "which has no `run` to call"),
        ("gpuenv_checks", replace(GOOD["gpuenv_checks"], name=["a"]), "whose `name` is"),
    ],
)
def test_hooks__value_of_a_wrong_type__left_out_and_the_others_kept(hook: str, value: object, words: str) -> None:
    given = [value, GOOD[hook]] if hook in GOOD else [value]
    plugin = SimpleNamespace(**{hook: hookimpl(lambda: given)})
    found = plugins_with(("odd", plugin))
    getter = getattr(found, hook.removeprefix("gpuenv_"))
    with pytest.warns(PluginWarning, match=f"plugin `odd` was skipped: `{hook}` gave") as said:
        values = getter()
    assert words in str(said[0].message)
    kept = list(values.values()) if isinstance(values, dict) else values
    assert value not in kept
    assert (GOOD[hook] in kept) if hook in GOOD else kept


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook not in ("gpuenv_adjust_plan", "gpuenv_phase_done")])
def test_hooks__plugin_exits__is_skipped(hook: str) -> None:
    plugin = SimpleNamespace(**{hook: hookimpl(lambda: sys.exit("done"))})
    with pytest.warns(PluginWarning, match="`gpuenv_|<lambda>"):
        assert getattr(plugins_with(("exits", plugin)), hook.removeprefix("gpuenv_"))()


def test_hooks__ctrl_c_in_a_plugin__goes_through() -> None:
    def interrupted() -> object:
        raise KeyboardInterrupt

    plugin = SimpleNamespace(gpuenv_probes=hookimpl(interrupted))
    with pytest.raises(KeyboardInterrupt):
        plugins_with(("busy", plugin)).probes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise SystemExit(0)", r"plugin `bad` was skipped: its import raised SystemExit\(0\)"),
        (
            "class Stop(BaseException): pass\nraise Stop('x')",
            r"plugin `bad` was skipped: its import raised Stop\('x'\)",
        ),
        ("import no_such_module", "plugin `bad` was skipped: its import raised ModuleNotFoundError"),
        (
            "from gpuenv.hookspec import hookimpl\n@hookimpl\ndef gpuenv_checks(): return []\n"
            "@hookimpl\ndef gpuenv_probes(weather): return []",
            "plugin `bad` was skipped: it cannot be registered: .*weather",
        ),
    ],
    ids=["exit", "base exception", "missing module", "unknown argument"],
)
def test_load_entry_points__a_plugin_that_cannot_be_loaded__named_and_the_next_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    (tmp_path / "bad_plugin.py").write_text(text)
    (tmp_path / "fine_plugin.py").write_text("VALUE = 1\n")
    info = tmp_path / "both-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: both\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[gpuenv]\nbad = bad_plugin\nfine = fine_plugin\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "bad_plugin", raising=False)
    manager = new_manager()
    with pytest.warns(PluginWarning, match=words):
        _load_entry_points(manager)
    assert manager.has_plugin("fine")
    assert not manager.has_plugin("bad")
    assert list(Plugins(manager).checks()) == ["files", "import", "device", "compute", "train", "xla"]


def _raise(error: BaseException) -> None:
    raise error


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
    parts = dict.fromkeys(("resolve", "fetch", "build", "describe", "locate"), print)
    names["MyEngine"] = lambda: SimpleNamespace(name="mine", **parts)
    names["CompanyMirror"] = lambda: SimpleNamespace(name="mirror", **parts)
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
