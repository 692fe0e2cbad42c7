"""`gpuenv unstage`: take out what `gpuenv stage` put into a directory; what stood there before stands there again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gpuenv.cli import on_path
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.stage import WHAT, add_place, place_of, tidy, toolkit_with
from gpuenv.errors import Hint, TargetError

if TYPE_CHECKING:
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `unstage`."""
    parser.add_argument("what", choices=WHAT, help="cudnn, or cuda for its parts")
    add_place(parser)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Undo; a file that somebody has changed since is left and named."""
    from gpuenv.model import Warned
    from gpuenv.toolkit import read_ledger, settle, unstage

    named = args.name or args.prefix or args.toolkit_dir or args.into == "env"
    place = None if named else toolkit_with(session, args.what)
    place = place or place_of(args, session, cuda=None)
    directory = place.directory
    settled = settle(directory)
    staged = [one.component for one in read_ledger(directory).archives] if directory.is_dir() else []
    components = [one for one in staged if (one == "cudnn") == (args.what == "cudnn")]
    if not components and on_path.take_off(session, directory):  # an earlier run could not
        data = {"directory": directory, "components": [], "removed": 0, "restored": 0, "left": [], "off_path": True}
        return Outcome(data, f"Took `{directory / 'bin'}` off your PATH", talk=True)
    if not components and settled:
        tidy(place)
        data = {"directory": directory, "components": [], "removed": 0, "restored": 0, "left": []}
        return Outcome(
            data, f"Put in order what a run that was killed had begun: `{directory}` is as it was", talk=True
        )
    if not components:
        raise TargetError(
            f"no {args.what} is staged in `{directory}`",
            hints=[Hint("stage.status", "run `gpuenv stage --status` to see what is staged where")],
        )
    undone = [unstage(directory, component) for component in components]
    left = [message for one in undone for message in one.left]
    for message in left:
        session.report(Warned(message))
    removed, restored = sum(len(one.removed) for one in undone), sum(len(one.restored) for one in undone)
    data = {"directory": directory, "components": components, "removed": removed, "restored": restored, "left": left}
    tidy(place)
    data["off_path"] = on_path.take_off(session, directory)
    off = ", and off your PATH" if data["off_path"] else ""
    back = f", {restored} put back as they were" if restored else ""
    return Outcome(data, f"Removed {removed} files from `{directory}`{back}{off}", talk=True)
