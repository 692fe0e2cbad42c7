from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from packaging.version import Version

from check_contexts import DRIVER, RTX_3080
from gpuenv.doctor.rules import RULES
from gpuenv.extension import Check, CheckContext, Diagnosis, Rule
from gpuenv.model import CheckResult, Driver, Event, Gpu, Host, Progress, Warned, silent
from gpuenv.plugins import Plugins, new_manager
from gpuenv.verify import run_checks

GPU_HOST = Host("linux-64", gpus=(RTX_3080,), driver=DRIVER)
NAMED = Gpu(0, None, (8, 6), None, "override")


def no_rules() -> tuple[Rule, ...]:
    return ()


def answering(name: str, status: str = "ok", **fields: object) -> Callable[[CheckContext], CheckResult]:
    return lambda context: CheckResult(name, status, f"{name} {context.activated}", **fields)  # type: ignore[arg-type]


def test_run_checks__needs_activation__twice_in_order(context: CheckContext) -> None:
    checks = [Check("files", answering("files"), needs_activation=False), Check("import", answering("import"))]
    found = run_checks(checks, context, silent, no_rules)
    assert [(result.check, result.activated, result.message) for result in found] == [
        ("files", None, "files False"),
        ("import", False, "import False"),
        ("import", True, "import True"),
    ]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (Host("linux-64"), "not run: no NVIDIA driver"),
        (Host("linux-64", gpus=(RTX_3080,)), "not run: no NVIDIA driver"),
        (Host("linux-64", driver=DRIVER), "not run: no NVIDIA GPU"),
        (
            Host("linux-64", gpus=(NAMED,), driver=Driver(Version("460.89"), None, "override")),
            "not run: the GPU was named, not found on this machine",
        ),
    ],
    ids=["no driver", "gpu without driver", "no gpu", "override"],
)
def test_run_checks__needs_a_gpu_that_is_not_there__not_run(context: CheckContext, host: Host, message: str) -> None:
    def explode(context: CheckContext) -> CheckResult:
        raise AssertionError("ran without a GPU")

    found = run_checks([Check("train", explode, needs_gpu=True)], replace(context, host=host), silent, no_rules)
    assert [(it.status, it.message, it.activated) for it in found] == [
        ("not run", message, False),
        ("not run", message, True),
    ]


def test_run_checks__a_gpu_is_there__runs(context: CheckContext) -> None:
    check = Check("train", answering("train"), needs_gpu=True)
    found = run_checks([check], replace(context, host=GPU_HOST), silent, no_rules)
    assert [result.status for result in found] == ["ok", "ok"]


def test_run_checks__import_failed_activated__only_the_activated_ones_wait(context: CheckContext) -> None:
    def imported(context: CheckContext) -> CheckResult:
        return CheckResult("import", "failed" if context.activated else "ok", "")

    checks = [Check("import", imported), Check("train", answering("train"), needs_gpu=True)]
    found = run_checks(checks, replace(context, host=GPU_HOST), silent, no_rules)
    assert [(it.check, it.status, it.message) for it in found[2:]] == [
        ("train", "ok", "train False"),
        ("train", "not run", "not run: `import` failed"),
    ]


def test_run_checks__failed__the_first_rule_that_knows_the_log_speaks(context: CheckContext, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("x\nCould not load it\n")

    def find(text: str) -> Diagnosis | None:
        return Diagnosis("b", "it is gone", "bring it back", "certain", "here") if "Could not load it" in text else None

    rules = [Rule("a", lambda text: None), Rule("b", find), Rule("c", lambda text: 1 / 0)]  # type: ignore[arg-type,return-value]
    check = Check("x", answering("x", "failed", hint="read", evidence={"log": str(log)}), needs_activation=False)
    (found,) = run_checks([check], context, silent, lambda: rules)
    assert (found.cause, found.hint) == ("it is gone", "bring it back")


def test_run_checks__setting_that_no_framework_prints__a_rule_reads_it(context: CheckContext) -> None:
    check = Check("compute", answering("compute", "failed"), needs_activation=False)
    wanted = replace(context, environment={**context.environment, "CUDA_FORCE_PTX_JIT": "1"})
    (found,) = run_checks([check], wanted, silent, lambda: RULES)
    assert found.hint == "run `unset CUDA_FORCE_PTX_JIT CUDA_FORCE_JIT`, then `gpuenv verify compute`"
    (found,) = run_checks([check], context, silent, lambda: RULES)
    assert found.hint is None


@pytest.mark.parametrize("evidence", [{}, {"log": "/nowhere/to/be/found"}], ids=["no log", "log is gone"])
def test_run_checks__failed_and_no_rule_knows__keeps_its_own_hint(
    context: CheckContext, evidence: dict[str, str]
) -> None:
    check = Check("x", answering("x", "failed", hint="read", evidence=evidence), needs_activation=False)
    (found,) = run_checks([check], context, silent, lambda: [Rule("a", lambda text: None)])
    assert (found.cause, found.hint) == (None, "read")


def _raise(error: BaseException) -> CheckResult:
    raise error


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda context: None, "the check itself is broken: it gave `None`, expected a CheckResult"),
        (lambda context: "ok", "the check itself is broken: it gave `'ok'`, expected a CheckResult"),
        (lambda context: _raise(SystemExit(0)), "the check itself is broken: it raised SystemExit(0)"),
        (lambda context: _raise(KeyError("x")), "the check itself is broken: it raised KeyError('x')"),
        (
            answering("x", "skipped"),
            "the check itself is broken: its result cannot be kept: Invalid enum value 'skipped'",
        ),
        (lambda context: CheckResult("x", "ok", None), "its result cannot be kept: Expected `str`, got `null`"),  # type: ignore[arg-type]
        (answering("x", hint=["a"]), "its result cannot be kept: Expected `str | null`"),
        (answering("x", evidence={"path": "\udc80"}), "its result cannot be kept: "),
        (answering("x", elapsed_s=float("nan")), "its result cannot be kept: Expected `float`"),
    ],
    ids=["none", "text", "exit", "raises", "status", "message", "hint", "evidence", "elapsed"],
)
def test_run_checks__check_of_a_plugin_is_broken__failed_result_and_the_next_runs(
    context: CheckContext, run: Callable[[CheckContext], CheckResult], words: str
) -> None:
    checks = [Check("x", run, needs_activation=False), Check("y", answering("y"), needs_activation=False)]
    found = run_checks(checks, context, silent, no_rules)
    assert [(it.check, it.status) for it in found] == [("x", "failed"), ("y", "ok")]
    assert words in found[0].message
    assert msgspec.json.decode(msgspec.json.encode(found), type=tuple[CheckResult, ...]) == found


def test_run_checks__evidence_with_a_path_and_another_name__as_the_receipt_will_have_it(context: CheckContext) -> None:
    check = Check("x", answering("other", evidence={"seen": {Path("/a")}}), needs_activation=False)
    (found,) = run_checks([check], context, silent, no_rules)
    assert (found.check, found.status, found.evidence) == ("x", "ok", {"seen": ["/a"]})


def test_run_checks__ctrl_c_in_a_check__goes_through(context: CheckContext) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_checks([Check("x", lambda context: _raise(KeyboardInterrupt()))], context, silent, no_rules)


def test_run_checks__broken_rules__warned_and_the_next_is_asked(context: CheckContext) -> None:
    rules = [
        Rule("zero", lambda text: 1 / 0),  # type: ignore[arg-type,return-value]
        Rule("exits", lambda text: sys.exit(1)),
        Rule("odd", lambda text: 42),  # type: ignore[arg-type,return-value]
        Rule("half", lambda text: Diagnosis("half", 1, "fix", "certain", "")),  # type: ignore[arg-type]
        Rule("good", lambda text: Diagnosis("good", "cause", "fix", "certain", "")),
    ]
    events: list[Event] = []
    check = Check("x", answering("x", "failed"), needs_activation=False)
    (found,) = run_checks([check], context, events.append, lambda: rules)
    assert (found.cause, found.hint) == ("cause", "fix")
    warned = [event.message for event in events if isinstance(event, Warned)]
    named = [message.split("`")[1] for message in warned]
    assert named == ["zero", "exits", "odd", "half"]


def test_run_checks__progress__counts_checks_and_tells_steps(context: CheckContext) -> None:
    def slow(context: CheckContext) -> CheckResult:
        context.on_step("convolution")
        return CheckResult("compute", "ok", "")

    events: list[Event] = []
    run_checks([Check("compute", slow)], context, events.append, no_rules)
    assert events == [
        Progress("verify", 0, 2, "checks", "compute: not activated"),
        Progress("verify", 0, 2, "checks", "compute: convolution"),
        Progress("verify", 1, 2, "checks", "compute: activated"),
        Progress("verify", 1, 2, "checks", "compute: convolution"),
    ]


def test_gpuenv_checks__built_in__named_and_ordered() -> None:
    checks = Plugins(new_manager(["gpuenv.verify"])).checks()
    assert [(it.name, it.needs_gpu, it.needs_activation, it.order) for it in checks.values()] == [
        ("files", False, False, 10),
        ("import", False, True, 20),
        ("device", True, True, 30),
        ("compute", True, True, 40),
        ("train", True, True, 50),
        ("xla", True, True, 60),
    ]
