"""Show the licences that come with an archive, once, and ask."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gpuenv.errors import Hint, UsageError

if TYPE_CHECKING:
    from gpuenv.model import Archive
    from gpuenv.session import Session


def add_accept_license(parser: argparse._ActionsContainer) -> None:
    """Add `--accept-license`."""
    parser.add_argument(
        "--accept-license",
        action="store_true",
        help="accept the licences that NVIDIA's archives come under; remembered, so that it is asked once",
    )


def ask_for_licences(archives: Iterable[Archive], args: argparse.Namespace, session: Session) -> None:
    """Name the licences that have not been accepted yet, ask for them, and record the answer.

    `--yes` does not answer this question, only `--accept-license` and a person do. Raises UsageError when the answer is
    no, or when nobody is there to give one.
    """
    import sys

    from gpuenv.fetch import accept, unaccepted

    left = unaccepted(archives, session.state_dir)
    if not left:
        return
    if args.accept_license:
        accept(left, session.state_dir, "--accept-license")
        return
    hint = Hint("licence.accept", "read the licence, and run the same command with `--accept-license` when you agree")
    terms = " and ".join(f"the {one.title} ({one.url})" for one in left)
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"this needs files that come under {terms}", hints=[hint])
    print(f"This needs files that come under {terms}. Do you accept? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("stopped: the licence was not accepted", hints=[hint])
    accept(left, session.state_dir, "yes")
