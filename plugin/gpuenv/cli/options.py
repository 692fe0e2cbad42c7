"""Options that several commands share, defined once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from gpuenv.errors import Hint, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from gpuenv.cli.front import Front
    from gpuenv.model import Overrides
    from gpuenv.session import Session, Target


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are gpuenv's, so that `--json` covers them too."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of leaving the process."""
        raise UsageError(message, hints=[Hint("usage.help", f"run `{self.prog} --help`")])


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add what every command takes: how to say things."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    group.add_argument("-v", "--verbose", action="count", default=0, help="say more; -vv also what children say")
    group.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="colour on stderr (auto honours NO_COLOR)"
    )


def take_defaults(parser: argparse.ArgumentParser, front: Front) -> None:
    """Take the defaults of whoever calls: the engine, quiet, the answer to questions, and the active environment."""
    given = {"engine": front.engine} | {name: True for name in ("yes", "quiet") if getattr(front, name)}
    known = {action.dest for action in parser._actions}
    parser.set_defaults(**{name: value for name, value in given.items() if name in known})
    if front.active is not None:
        for group in parser._mutually_exclusive_groups:
            group.required = False


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add `-n NAME | -p PATH`."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("-n", "--name", metavar="NAME", help="name of the environment")
    group.add_argument("-p", "--prefix", metavar="PATH", help="directory of the environment")


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`."""
    parser.add_argument("-y", "--yes", action="store_true", help="answer every question with yes")


def add_host_overrides(parser: argparse.ArgumentParser) -> None:
    """Add what the user may say about the machine instead of what it has."""
    group = parser.add_argument_group("another machine than this one")
    group.add_argument(
        "--gpu",
        metavar="GPU",
        action="append",
        default=[],
        help="compute capability (8.6) or product name (RTX 3080) to build for; repeat for several; none for no GPU",
    )
    group.add_argument("--driver", metavar="VERSION", help="NVIDIA driver version to build for, as 460.89")


def add_channels(parser: argparse.ArgumentParser) -> None:
    """Add conda's own options for channels."""
    group = parser.add_argument_group("conda packages")
    group.add_argument(
        "-c", "--channel", metavar="CHANNEL", action="append", default=[], help="look here first; may be repeated"
    )
    group.add_argument("--override-channels", action="store_true", help="look in no other channels than `--channel`")


def channels(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the channels of `--channel`, directories as addresses.

    Raises UsageError for `--override-channels` without one, as conda does.
    """
    if args.override_channels and not args.channel:
        raise UsageError(
            "`--override-channels` leaves no channel to look in",
            hints=[Hint("usage.channel", "name one: `--override-channels --channel conda-forge`")],
        )
    from gpuenv.engines.conda_channels import channel_name

    return tuple(channel_name(channel) for channel in args.channel)


def add_verify(parser: argparse.ArgumentParser, default: str) -> None:
    """Add which checks to run."""
    parser.add_argument(
        "--verify", metavar="CHECKS", help=f"checks to run, separated by commas; `none` for none (default: {default})"
    )


def target(args: argparse.Namespace, session: Session) -> Target:
    """Return where the environment is that the options name."""
    return session.target(args.name, args.prefix)


def existing_target(args: argparse.Namespace, session: Session) -> Target:
    """Return the environment that the options name, after a run that was killed there is undone or ended.

    Raises TargetError when another gpuenv is changing it.
    """
    from gpuenv.transaction import settle

    found = target(args, session)
    settle(found.prefix, session.state_dir)
    return found


def named_or_path(text: str, session: Session) -> Path:
    """Return the directory of an environment given by name or by path. Raises UsageError, TargetError for none."""
    from gpuenv.errors import TargetError

    is_path = any(mark in text for mark in ("/", "\\")) or text.startswith((".", "~"))
    found = session.target(None, text) if is_path else session.target(text, None)
    if not found.prefix.is_dir():
        raise TargetError(f"there is no environment at `{found.prefix}`")
    return found.prefix


def overrides(args: argparse.Namespace, session: Session) -> Overrides:
    """Return what the user says about the machine. Raises UsageError for a value that means nothing."""
    from gpuenv.probe import overrides_from

    return overrides_from(args.gpu, args.driver, session.environ)


def check_names(args: argparse.Namespace) -> tuple[str, ...] | None:
    """Return the checks of `--verify`; None when it was not given, empty for `none`. Raises UsageError for no name."""
    if args.verify is None:
        return None
    names = split_names(args.verify)
    if not names:
        raise UsageError(
            "`--verify` names no check",
            hints=[Hint("verify.names", "name checks, as `--verify files,import`, or say `--verify none`")],
        )
    return () if names == ("none",) else names


def split_names(text: str) -> tuple[str, ...]:
    """Read names that are separated by commas, spaces or both."""
    return tuple(text.replace(",", " ").split())


def seconds(text: str) -> float:
    """Read a time limit. Raises ArgumentTypeError for what is none, which argparse reports."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, found `{text}`")
    return value


def number(least: int) -> Callable[[str], int]:
    """Make a reader of whole numbers; it raises ArgumentTypeError for what is none, or too small."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} on, found `{text}`")
        return int(text)

    return read


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that costs. Raises UsageError when the answer is no, or nobody is there to answer."""
    import sys

    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"{question} There is no terminal to ask on",
            hints=[Hint("confirm.yes", "run the same command with `--yes`")],
        )
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("stopped: the answer was no")
