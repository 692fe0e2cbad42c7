"""Prove that an environment works: checks, each with a result for every outcome.

`files` looks at files only. The others run a child in the environment's own Python (`children/`), so that an abort, a
signal or a hang is a result and not the end of gpuenv. They run twice: as a cron job would, and in an activated shell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gpuenv.extension import Check, CheckContext, Rule
from gpuenv.hookspec import hookimpl
from gpuenv.model import CheckResult, Reporter

__all__ = ["gpuenv_checks", "run_checks"]


@hookimpl
def gpuenv_checks() -> list[Check]:
    """Give the built-in checks, from the cheapest proof to the strongest."""
    from gpuenv.verify import files, runtime

    return [
        Check("files", files.check, needs_activation=False, order=10),
        Check("import", runtime.check_import, order=20),
        Check("device", runtime.check_device, needs_gpu=True, order=30),
        Check("compute", runtime.check_compute, needs_gpu=True, order=40),
        Check("train", runtime.check_train, needs_gpu=True, order=50),
        Check("xla", runtime.check_xla, needs_gpu=True, order=60),
    ]


def run_checks(
    checks: Sequence[Check], context: CheckContext, report: Reporter, rules: Callable[[], Sequence[Rule]]
) -> tuple[CheckResult, ...]:
    """Run each check in the order given, those that need it both activated and not; failed ones get a cause.

    A check that needs a GPU is `not run` where there is none, and so is one after an `import` that failed. The rules
    are asked for when a check failed.
    """
    from gpuenv.verify.run import run_all

    return run_all(checks, context, report, rules)
