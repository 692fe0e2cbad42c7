"""`gpuenv verify`: run checks on an environment and say what they found."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.again import Again, completed, from_receipt
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import check_lines
from gpuenv.errors import CheckFailedError, Hint, NotRunError

if TYPE_CHECKING:
    from gpuenv.model import CheckResult
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `verify`."""
    options.add_target(parser)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help="checks to run (default: the recipe's)")
    parser.add_argument("--data", choices=["synthetic", "cifar10"], default="synthetic", help="what `train` learns")
    parser.add_argument(
        "--timeout", type=options.seconds, default=900.0, metavar="S", help="time limit of a check, in seconds"
    )
    options.add_host_overrides(parser)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Run the checks; a failed one gives exit code 7, one that was named and could not run exit code 3."""
    from gpuenv import pipeline
    from gpuenv.paths import is_writable

    target = options.existing_target(args, session)
    asked = options.split_names(" ".join(args.checks))
    overrides = options.overrides(args, session)
    chosen = pipeline.VerifyOptions(asked, args.data, args.timeout)
    made, results = pipeline.verify_environment(session, target, overrides, chosen)
    again = from_receipt(made)
    results = completed(results, again)
    problem = failed_checks(results, again) or (not_run(results, again) if asked else None)
    _, reason = pipeline.lasting(results, overrides, chosen, writable=is_writable(target.prefix))
    data = {
        "name": made.name,
        "prefix": made.prefix,
        "recipe": made.recipe,
        "checks": results,
        "stored": reason is None,
        "not_stored_because": reason,
    }
    lines = [check_lines(results), *([f"Not kept in the receipt: {reason}"] if reason else [])]
    return Outcome(data, "\n".join(lines), status="partial" if problem else "success", error=problem)


def failed_checks(results: Iterable[CheckResult], again: Again) -> CheckFailedError | None:
    """Make the error for failed checks; None when there are none."""
    failed = [result for result in results if result.status == "failed"]
    if not failed:
        return None
    first = failed[0]
    hints = [Hint("check.hint", first.hint)] if first.hint else []
    hints.append(Hint("check.again", again.complete(f"run `gpuenv verify {first.check}` to try it again")))
    return CheckFailedError(
        f"{_the_checks(failed)} failed",
        cause=first.cause or first.message,
        hints=hints,
        log_path=first.evidence.get("log"),
    )


def not_run(results: Iterable[CheckResult], again: Again) -> NotRunError | None:
    """Make the error for checks that were asked for and could not run; None when all ran."""
    missed = [result for result in results if result.status == "not run"]
    if not missed:
        return None
    names = " ".join(dict.fromkeys(result.check for result in missed))
    return NotRunError(
        f"{_the_checks(missed)} could not run",
        cause=missed[0].message.removeprefix("not run: "),
        hints=[
            Hint("gpu.info", "run `gpuenv info` to see what is in the way"),
            Hint("check.there", again.complete(f"on the machine with the GPU run `gpuenv verify {names}`")),
        ],
    )


def _the_checks(results: Iterable[CheckResult]) -> str:
    """Name checks, each once: `the check `train``, `the checks `device`, `train``."""
    names = list(dict.fromkeys(f"`{result.check}`" for result in results))
    return f"the check{'' if len(names) == 1 else 's'} {', '.join(names)}"
