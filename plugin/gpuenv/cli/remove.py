"""`gpuenv remove`: take an environment away, and nothing that gpuenv did not make."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome
from gpuenv.errors import GpuenvError

if TYPE_CHECKING:
    from pathlib import Path

    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `remove`."""
    options.add_target(parser)
    options.add_yes(parser)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Ask, then remove; what a run that was killed left there is enough to remove."""
    from gpuenv import pipeline
    from gpuenv.receipt import own_entries, was_added
    from gpuenv.transaction import settle

    target = options.target(args, session)
    if settle(target.prefix, session.state_dir) and not target.prefix.exists():
        return Outcome({"prefix": target.prefix, "kept": ()}, f"Removed what was left of `{target.prefix}`", talk=True)
    own_entries(target.prefix)
    if was_added(target.prefix):
        options.confirm(f"Take out of `{target.prefix}` what gpuenv put beside its packages?", yes=args.yes)
        kept = pipeline.remove(session, target)
        lines = [f"Took out of `{target.prefix}` what gpuenv put beside its packages; these and the rest stay"]
    else:
        options.confirm(f"Remove the environment at `{target.prefix}`?", yes=args.yes)
        kept = pipeline.remove(session, target)
        lines = [f"Removed `{target.prefix}`"]
        if kept:
            lines = [f"Removed what gpuenv made in `{target.prefix}`; kept {', '.join(f'`{name}`' for name in kept)}"]
    off, error = _off_path(session, target.prefix)
    lines += [f"Took `{entry}` off your PATH" for entry in off]
    data = {"prefix": target.prefix, "kept": kept, "off_path": off}
    return Outcome(data, "\n".join(lines), status="partial" if error else "success", error=error, talk=True)


def _off_path(session: Session, prefix: Path) -> tuple[tuple[str, ...], GpuenvError | None]:
    """Take directories of the environment off PATH that `gpuenv stage --user-path` put there."""
    from gpuenv.cli import on_path

    try:
        return on_path.take_off_gone(session, prefix), None
    except GpuenvError as err:
        return (), err
