"""`gpuenv remove`: take an environment away, and nothing that gpuenv did not make."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome

if TYPE_CHECKING:
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
        pipeline.remove(session, target)
        text = f"Took out of `{target.prefix}` what gpuenv put beside its packages; these and the rest stay"
        return Outcome({"prefix": target.prefix, "kept": ()}, text, talk=True)
    options.confirm(f"Remove the environment at `{target.prefix}`?", yes=args.yes)
    kept = pipeline.remove(session, target)
    lines = [f"Removed `{target.prefix}`"]
    if kept:
        lines = [f"Removed what gpuenv made in `{target.prefix}`; kept {', '.join(f'`{name}`' for name in kept)}"]
    return Outcome({"prefix": target.prefix, "kept": kept}, "\n".join(lines), talk=True)
