"""`gpuenv verify`: run checks on an environment and say what they found."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import check_lines, option_for
from gpuenv.errors import CheckFailedError, Hint

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
    """Run the checks; a failed one gives exit code 7."""
    from gpuenv import pipeline

    target = options.existing_target(args, session)
    chosen = pipeline.VerifyOptions(tuple(args.checks), args.data, args.timeout)
    made, results = pipeline.verify_environment(session, target, options.overrides(args, session), chosen)
    failed = failed_checks(results, made.name, made.prefix)
    data = {"name": made.name, "prefix": made.prefix, "recipe": made.recipe, "checks": results}
    return Outcome(data, check_lines(results), status="partial" if failed else "success", error=failed)


def failed_checks(results: Iterable[CheckResult], name: str | None, prefix: str) -> CheckFailedError | None:
    """Make the error for failed checks; None when there are none."""
    failed = [result for result in results if result.status == "failed"]
    if not failed:
        return None
    first = failed[0]
    names = ", ".join(dict.fromkeys(f"`{result.check}`" for result in failed))
    hints = [Hint("check.hint", first.hint)] if first.hint else []
    hints.append(Hint("check.again", f"run `gpuenv verify {option_for(name, prefix)} {first.check}` to try it again"))
    return CheckFailedError(
        f"the check{'' if len(set(names.split(', '))) == 1 else 's'} {names} failed",
        cause=first.cause or first.message,
        hints=hints,
        log_path=first.evidence.get("log"),
    )
