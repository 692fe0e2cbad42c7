"""`gpuenv warm`: compile ahead what the GPU would compile at the first step of a training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome, Status
from gpuenv.cli.text import option_for, size
from gpuenv.errors import GpuenvError, Hint, Interrupted, UsageError

if TYPE_CHECKING:
    from gpuenv.model import Warmed
    from gpuenv.session import Session, Target


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `warm`."""
    options.add_target(parser)
    parser.add_argument(
        "--jobs", type=options.number(1), metavar="N", help="processes at most (default: one for each core)"
    )
    parser.add_argument(
        "--gpu",
        type=options.number(0),
        metavar="INDEX",
        help="GPU to compile for, as `gpuenv info` counts (default: the first in need)",
    )
    share = parser.add_argument_group("give and take").add_mutually_exclusive_group()
    share.add_argument(
        "--export", metavar="FILE", help="write what is compiled, for machines with the same GPU and driver"
    )
    share.add_argument("--import", metavar="FILE", dest="import_file", help="take what another machine compiled")
    parser.add_argument("--force", action="store_true", help="with `--import`: replace what is in the compute cache")
    parser.add_argument(
        "--timeout", type=options.seconds, default=3600.0, metavar="S", help="time limit, in seconds (default: 3600)"
    )


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Compile; what could not be compiled gives exit code 1, after everything else was."""
    from gpuenv import pipeline
    from gpuenv.paths import log_dir
    from gpuenv.warm import WarmOptions

    if args.force and args.import_file is None:
        raise UsageError("`--force` is for `--import`", hints=[Hint("warm.force", "leave it out")])
    target = options.existing_target(args, session)
    if args.export is not None:
        shared = pipeline.export_warm(session, target, Path(args.export))
        text = f"Wrote `{shared.file}` ({size(shared.file_bytes)}), compiled for {' and '.join(shared.compiled_for)}"
        return Outcome(shared, text, talk=True)
    if args.import_file is not None:
        shared = pipeline.import_warm(session, target, Path(args.import_file), replace_existing=args.force)
        text = f"Took {size(shared.cache_bytes)} of GPU code, compiled for {' and '.join(shared.compiled_for)}"
        return Outcome(shared, text, talk=True)
    chosen = WarmOptions(args.jobs, args.gpu, args.timeout)
    try:
        warmed = pipeline.warm_environment(session, target, chosen)
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted", cause="Ctrl-C was pressed; what was compiled is kept", hints=[_again(target)]
        ) from None
    problem = unfinished(warmed, target, str(log_dir(target.prefix) / "warm.log"))
    status: Status = "partial" if problem else "success"
    return Outcome(warmed, warmed_text(warmed, target), status=status, error=problem, talk=True)


def warmed_text(warmed: Warmed, target: Target) -> str:
    """Say what was compiled, how long it took, and what to type next."""
    from gpuenv.model import format_compute_capability

    where = option_for(target.name, str(target.prefix))
    if warmed.nothing is not None:
        return f"nothing to do: {warmed.nothing}"
    gpu = f"{warmed.gpu_name or 'GPU'} ({format_compute_capability(warmed.compute_capability)})"
    lines = [
        f"{warmed.known + warmed.compiled} of {warmed.modules} modules are compiled for {gpu}, "
        f"{warmed.compiled} of them now: {warmed.summed_s:.1f} s of work, the longest {warmed.longest_s:.1f} s",
        f"compute cache: {size(warmed.cache_after_bytes)}",
        *(f"refused by the driver: {it.library} at {it.offset:#x}: {it.reason}" for it in warmed.refused),
        *(f"failed: {it.library} at {it.offset:#x}: {it.reason}" for it in warmed.failed),
    ]
    if not warmed.failed and not warmed.left:
        lines.append(f"Next: gpuenv run {where} -- python train.py")
    return "\n".join(lines)


def unfinished(warmed: Warmed, target: Target, log_path: str) -> GpuenvError | None:
    """Make the error for modules that were not compiled; None when there are none."""
    count = len(warmed.failed) + warmed.left
    if not count:
        return None
    first = warmed.failed[0].reason if warmed.failed else "the time was up"
    return GpuenvError(
        f"{count} of {warmed.modules} modules were not compiled; the framework compiles them when it uses them",
        cause=first,
        hints=[_again(target)],
        log_path=log_path if warmed.failed else None,
    )


def _again(target: Target) -> Hint:
    return Hint("warm.again", f"run `gpuenv warm {option_for(target.name, str(target.prefix))}` to go on")
