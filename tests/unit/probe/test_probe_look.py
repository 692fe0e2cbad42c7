from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from gpuenv.extension import Probe
from gpuenv.model import Fact, Host, Overrides
from gpuenv.plugins import Plugins, new_manager
from gpuenv.probe import look, overrides_from
from gpuenv.probe.system import current_platform


def add_fact(name: str) -> Any:
    return lambda host, overrides: replace(host, facts=(*host.facts, Fact(name, True, "test")))


def fail(host: Host, overrides: Overrides) -> Host:
    raise RuntimeError("the bus is gone")


def test_look__probes__run_in_order_each_on_the_host_before() -> None:
    host = look(Overrides(), [Probe("a", add_fact("a")), Probe("b", add_fact("b"))])
    assert host.platform == current_platform()
    assert [fact.name for fact in host.facts] == ["a", "b"]


def test_look__probe_raises__others_still_run_and_a_note_names_it() -> None:
    host = look(Overrides(), [Probe("a", add_fact("a")), Probe("bad", fail), Probe("b", add_fact("b"))])
    assert [fact.name for fact in host.facts] == ["a", "b"]
    note = host.note("probe.failed")
    assert note is not None
    assert note.message == "probe `bad` failed: RuntimeError: the bus is gone"


def test_look__probe_returns_no_host__is_a_failure_of_that_probe() -> None:
    forgetful: Any = lambda host, overrides: None  # noqa: E731
    host = look(Overrides(), [Probe("forgetful", forgetful), Probe("b", add_fact("b"))])
    assert host.fact("b") is True
    assert "`forgetful` failed: TypeError: expected a Host, found `NoneType`" in str(host.note("probe.failed"))


def test_look__probe_is_interrupted__goes_through() -> None:
    def interrupted(host: Host, overrides: Overrides) -> Host:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(Overrides(), [Probe("slow", interrupted)])


def test_built_in_probes__order__system_before_nvidia_before_overrides() -> None:
    probes = Plugins(new_manager(["gpuenv.probe"])).probes()
    names = ["system", "nvidia", "overrides", "toolkits", "windows", "search path", "pythons"]
    assert [probe.name for probe in probes] == names


def test_look__this_machine__all_built_in_probes_work() -> None:
    probes = Plugins(new_manager(["gpuenv.probe"])).probes()
    host = look(overrides_from(["RTX 3080"], "460.89", os.environ), probes)
    assert host.note("probe.failed") is None
    assert [(gpu.compute_capability, gpu.source) for gpu in host.gpus] == [((8, 6), "override")]
    assert host.driver is not None
    assert host.driver.source == "override"
    assert host.pythons
    assert isinstance(host.fact("disk_free_bytes"), int)


@pytest.mark.skipif(os.path.exists("/proc/driver/nvidia/version"), reason="a driver is asked here, which takes longer")
def test_look__no_driver_here__takes_under_half_a_second_cold() -> None:
    # In a process of its own, with the imports: a start of `gpuenv info` pays for those too. Measured: 0.07 s on a
    # quiet 4-core machine; the limit leaves room for a busy one.
    code = (
        "import time; from gpuenv.plugins import Plugins, new_manager; from gpuenv.model import Overrides\n"
        "from gpuenv.probe import look\n"
        "probes = Plugins(new_manager(['gpuenv.probe'])).probes(); start = time.perf_counter()\n"
        "look(Overrides(), probes); print(time.perf_counter() - start)\n"
    )
    took_s = (
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    )
    assert any(once_s < 0.5 for once_s in took_s)


def test_import__probe_package__brings_nothing_heavy() -> None:
    code = "import sys, gpuenv.probe; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"findpython", "platformdirs", "shellingham", "gpuenv.probe.nvidia", "gpuenv.probe.pythons"}
