"""`gpuenv unstage`: take out what `gpuenv stage` put into a directory; what stood there before stands there again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli import on_path, options
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.stage import WHAT, add_place, place_of, tidy, toolkit_with
from gpuenv.errors import Hint, TargetError
from gpuenv.paths import env_toolkit_dir

if TYPE_CHECKING:
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `unstage`."""
    parser.add_argument("what", choices=WHAT, metavar=f"{{{','.join(WHAT)}}}", help="cudnn, or cuda for its parts")
    add_place(parser)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Undo; a file that somebody has changed since is left and named."""
    from gpuenv.model import Warned
    from gpuenv.toolkit import read_ledger, settle, unstage

    named = _named(args, session)
    place = None if named is not None else toolkit_with(session, args.what)
    if place is None and (named is None or not named.is_dir()):
        entries = on_path.take_off_gone(session, named)
        if entries:
            return _only_off_path(named, entries)
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


def _only_off_path(named: Path | None, entries: tuple[str, ...]) -> Outcome:
    """Say what was taken off PATH where there is nothing else to undo any more."""
    nothing: dict[str, object] = {"components": [], "removed": 0, "restored": 0, "left": []}
    data = {"directory": named, **nothing, "off_path": True, "entries": entries}
    shown = ", ".join(f"`{entry}`" for entry in entries)
    return Outcome(data, f"Took {shown} off your PATH; nothing is there any more", talk=True)


def _named(args: argparse.Namespace, session: Session) -> Path | None:
    """Return the directory that the options name, whether it exists or not; None for the one that has to be found."""
    if args.toolkit_dir is not None:
        return Path(args.toolkit_dir).expanduser().absolute()
    if args.name is not None or args.prefix is not None or args.into == "env":
        return env_toolkit_dir(options.target(args, session).prefix)
    return None
