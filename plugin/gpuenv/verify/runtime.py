"""The checks that run the framework: import, device, compute, train, xla."""

from __future__ import annotations

from typing import Any

from gpuenv.extension import CheckContext
from gpuenv.model import CheckResult, CheckStatus
from gpuenv.verify.child import ChildRun, activation_script, run_child, verdict

_KNOWN_FRAMEWORK = "tensorflow"


def check_import(context: CheckContext) -> CheckResult:
    """Import the framework, and ask its own loader for the CUDA libraries; neither needs a GPU.

    They are two children, so that a loader that crashes does not hide whether the import works.
    """
    unable = _unable("import", context)
    if unable is not None:
        return unable
    framework = context.recipe.framework
    runs = [run_child("import", context, version=framework.version)]
    evidence = runs[0].evidence
    if context.built.platform == "linux-64":
        runs.append(run_child("loader", context, loader=context.built.site_packages / framework.loader["linux-64"]))
        evidence["loader"] = _loader_evidence(runs[1])
    verdicts = [(verdict(run, context), run) for run in runs]
    problems = [(problem, run) for problem, run in verdicts if problem is not None]
    if problems:
        # A diagnosis is made from the log that is named here: of the child that failed first.
        evidence["log"] = str(problems[0][1].log_path)
    message = "; ".join(problem for problem, _ in problems) or _imported(evidence)
    elapsed_s = sum(run.completed.elapsed_s for run in runs)
    return _result("import", context, message, elapsed_s, evidence, failed=bool(problems))


def check_device(context: CheckContext) -> CheckResult:
    """Compare the GPUs that the framework lists and starts with those that the driver shows."""
    return _check("device", context)


def check_compute(context: CheckContext) -> CheckResult:
    """Compare products, convolutions, singular values and a Fourier transform on the GPU with double precision."""
    return _check("compute", context)


def check_train(context: CheckContext) -> CheckResult:
    """Train a small convolutional network: its loss must fall, on the GPU."""
    return _check("train", context, data=context.data)


def check_xla(context: CheckContext) -> CheckResult:
    """Compile a function with XLA, which needs ptxas and libdevice, and compare its result."""
    return _check("xla", context)


def _check(name: str, context: CheckContext, **options: object) -> CheckResult:
    unable = _unable(name, context)
    if unable is not None:
        return unable
    run = run_child(name, context, **options)
    evidence = run.evidence
    problem = verdict(run, context) or _not_on_gpu(evidence)
    message = problem or _MESSAGES[name](evidence)
    return _result(name, context, message, run.completed.elapsed_s, evidence, failed=problem is not None)


def _result(
    name: str, context: CheckContext, message: str, elapsed_s: float, evidence: dict[str, Any], *, failed: bool
) -> CheckResult:
    """Make the result; as long as no rule knows better, the hint on a failed one is to read the log."""
    hint = f"read the full output in `{evidence['log']}`" if failed else None
    if failed and "did not end within" in message:
        hint = f"give it more time: `gpuenv verify {name} --timeout {max(900, 4 * context.timeout_s):g}`"
    status: CheckStatus = "failed" if failed else "ok"
    return CheckResult(name, status, message, context.activated, round(elapsed_s, 3), hint=hint, evidence=evidence)


def _unable(name: str, context: CheckContext) -> CheckResult | None:
    """Return a result when no child can be started: another framework, or no activation script."""
    framework = context.recipe.framework.name
    if framework != _KNOWN_FRAMEWORK:
        message = f"not run: this check knows `{_KNOWN_FRAMEWORK}` only, not `{framework}`"
        return CheckResult(name, "not run", message, context.activated)
    script = activation_script(context.built.prefix)
    if context.activated and not script.is_file():
        message = f"the environment has no activation script `{script}`"
        return CheckResult(
            name, "failed", message, context.activated, hint="make it again with `gpuenv create --force`"
        )
    return None


def _not_on_gpu(evidence: dict[str, Any]) -> str | None:
    """Refuse a result that was not computed on a GPU, whatever the child says of it."""
    device = str(evidence.get("device"))
    return None if "GPU" in device else f"the check ran on `{device}`, expected a GPU"


def _loader_evidence(run: ChildRun) -> dict[str, Any]:
    """Return what the framework's loader opened and missed, and the parts that cuDNN opened."""
    evidence = run.evidence
    found = {"opened": [], "missing": [], **evidence.get("loader", {}), "cudnn_parts": evidence.get("cudnn_parts", [])}
    return {**found, "libraries": list(run.report.libraries), "log": str(run.log_path)}


def _imported(evidence: dict[str, Any]) -> str:
    """Say what was imported: `imported TensorFlow 2.4.0; its loader opened 8 CUDA libraries`."""
    loader = evidence.get("loader")
    opened = f"; its loader opened {len(loader['opened'])} CUDA libraries" if loader and loader.get("asked") else ""
    return f"imported TensorFlow {evidence.get('tensorflow')}{opened}"


def _devices(evidence: dict[str, Any]) -> str:
    """Say which GPUs are there: `TensorFlow started 1 GPU: NVIDIA H100 80GB HBM3 (9.0)`."""
    devices = evidence.get("driver", {}).get("devices", [])
    names = ", ".join(f"{device['name']} ({device['compute_capability']})" for device in devices)
    count = len(evidence.get("logical_devices", ()))
    return f"TensorFlow started {count} {'GPU' if count == 1 else 'GPUs'}" + (f": {names}" if names else "")


def _computed(evidence: dict[str, Any]) -> str:
    """Say how exact the results are: `7 results are right, relative error at most 3e-04 with TF32, 4e-06 without`."""
    errors = {name: it["relative_error"] for name, it in evidence.items() if _is_comparison(it)}
    with_tf32 = max((error for name, error in errors.items() if name.endswith("_tf32")), default=0.0)
    without = max((error for name, error in errors.items() if not name.endswith("_tf32")), default=0.0)
    return f"{len(errors)} results are right, relative error at most {without:.0e}, with TF32 {with_tf32:.0e}"


def _trained(evidence: dict[str, Any]) -> str:
    """Say how the loss fell: `trained 2 epochs of 2000 images in 2.1 s, loss 2.296 -> 0.281 -> 0.003`."""
    losses = " -> ".join(f"{loss:.3f}" for loss in (evidence["loss_before"], *evidence["losses"]))
    seconds = sum(evidence["epoch_s"])
    return f"trained {evidence['epochs']} epochs of {evidence['images']} images in {seconds:.1f} s, loss {losses}"


def _compiled(evidence: dict[str, Any]) -> str:
    """Say what XLA gave: `XLA compiled and ran, relative error 5e-05`."""
    return f"XLA compiled and ran, relative error {evidence['xla']['relative_error']:.0e}"


def _is_comparison(value: object) -> bool:
    return isinstance(value, dict) and "relative_error" in value


_MESSAGES = {"device": _devices, "compute": _computed, "train": _trained, "xla": _compiled}
