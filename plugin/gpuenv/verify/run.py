"""Run checks in order: which run at all, activated or not, and why a failed one failed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gpuenv.diagnosis import diagnoses
from gpuenv.extension import Check, CheckContext, Rule
from gpuenv.model import CheckResult, Host, Progress, Reporter, Warned, silent

# What the probes write as the source of a GPU that the user only named (`--gpu 8.6`, `CONDA_OVERRIDE_CUDA_ARCH`).
_OVERRIDE = "override"
# The check without which no other child can do anything.
_FIRST_CHILD = "import"
# Settings of the driver that no framework prints.
_UNSEEN_SETTINGS = ("CUDA_FORCE_PTX_JIT", "CUDA_FORCE_JIT")
# A rule needs the end of a log, where the failure is; the bound keeps a runaway log from filling the memory.
_LOG_BYTES = 4 * 2**20


def run_all(
    checks: Sequence[Check], context: CheckContext, report: Reporter, rules: Callable[[], Sequence[Rule]]
) -> tuple[CheckResult, ...]:
    """Run the checks; see `gpuenv.verify.run_checks`."""
    runs = [(check, activated) for check in checks for activated in _ways(check)]
    results: list[CheckResult] = []
    for done, (check, activated) in enumerate(runs):

        def tell(step: str, done: int = done, check: Check = check) -> None:
            report(Progress("verify", done, len(runs), "checks", f"{check.name}: {step}" if step else check.name))

        reason = reason_not_to_run(check, activated, context.host, results)
        if reason is not None:
            results.append(CheckResult(check.name, "not run", f"not run: {reason}", activated))
            continue
        tell("" if activated is None else "activated" if activated else "not activated")
        result = guarded(check, replace(context, activated=bool(activated), on_step=tell))
        about = f"{_settings(context.environment)}{'GPU check' if check.needs_gpu else 'check'} {check.name}: "
        results.append(diagnose_result(replace(result, activated=activated), rules, report, about))
    return tuple(results)


def guarded(check: Check, context: CheckContext) -> CheckResult:
    """Run a check; one that raises, or gives what no receipt can hold, is `failed` with what is wrong about it.

    It may come from a plugin, and an environment that took minutes to make must not go with it. Ctrl-C goes through.
    """
    try:
        found: object = check.run(context)
    except KeyboardInterrupt:
        raise
    except BaseException as err:
        lines = "".join(traceback.format_exception(err))
        return CheckResult(
            check.name, "failed", f"the check itself is broken: it raised {err!r}", evidence={"traceback": lines}
        )
    if not isinstance(found, CheckResult):
        return CheckResult(
            check.name, "failed", f"the check itself is broken: it gave `{found!r}`, expected a CheckResult"
        )
    try:
        return _as_in_receipt(replace(found, check=check.name))
    except (TypeError, ValueError) as err:  # msgspec's errors are ValueErrors
        return CheckResult(check.name, "failed", f"the check itself is broken: its result cannot be kept: {err}")


def _as_in_receipt(result: CheckResult) -> CheckResult:
    """Return the result as it will be read from the receipt. Raises ValueError or TypeError for one that cannot be."""
    from msgspec import json

    return json.decode(json.encode(result, enc_hook=str), type=CheckResult)


def reason_not_to_run(check: Check, activated: bool | None, host: Host, before: Sequence[CheckResult]) -> str | None:
    """Say why a check cannot run: no driver, no GPU, or an `import` that failed. None when it can."""
    if check.needs_gpu:
        if host.driver is None:
            return "no NVIDIA driver"
        if not host.gpus:
            return "no NVIDIA GPU"
        if all(gpu.source == _OVERRIDE for gpu in host.gpus):
            return "the GPU was named, not found on this machine"
    if check.needs_activation and check.name != _FIRST_CHILD:
        first = next((it for it in before if it.check == _FIRST_CHILD and it.activated == activated), None)
        if first is not None and first.status != "ok":
            return f"`{_FIRST_CHILD}` {first.status}"
    return None


def diagnose_result(
    result: CheckResult, rules: Callable[[], Sequence[Rule]], report: Reporter = silent, about: str = ""
) -> CheckResult:
    """Add cause and hint to a failed result, from what its child wrote; a check that knows its own cause keeps it.

    Rules read `about` and the message as one line, `GPU check train: it did not end within 900 s`, then the log.
    """
    if result.status != "failed" or result.cause is not None:
        return result
    log = result.evidence.get("log")
    text = _tail(Path(log)) if isinstance(log, str) else ""
    found = diagnoses(rules(), "log", f"{about}{result.message}\n{text}", lambda complaint: report(Warned(complaint)))
    return replace(result, cause=found[0].cause, hint=found[0].fix) if found else result


def _settings(environment: Mapping[str, str]) -> str:
    """Return what the user set that no framework prints, as lines that rules read."""
    return "".join(f"{name}={environment[name]}\n" for name in _UNSEEN_SETTINGS if name in environment)


def _ways(check: Check) -> tuple[bool | None, ...]:
    """Return how often a check runs: once, or without and with an activated shell."""
    return (False, True) if check.needs_activation else (None,)


def _tail(path: Path) -> str:
    """Read the end of a log; a log that is gone shows nothing."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LOG_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
