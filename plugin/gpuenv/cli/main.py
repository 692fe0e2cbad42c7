"""The `gpuenv` command: parse, run one command, print its outcome, return its exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from gpuenv import __version__
from gpuenv.cli.options import Parser, add_common
from gpuenv.cli.signals import end_requests, interruption
from gpuenv.errors import GpuenvError, Hint

if TYPE_CHECKING:
    import argparse

    from gpuenv.cli.outcome import Outcome
    from gpuenv.cli.report import Talk

# A command is the module `gpuenv.cli.<name>`; the text is its line in `gpuenv --help`.
COMMANDS = {
    "create": "make an environment in which the framework trains on the GPU",
    "verify": "prove that an environment works, or name what is in the way",
    "warm": "compile ahead the GPU code that this GPU would compile at the first step",
    "run": "run a command inside an environment",
    "activate": "print the line that activates an environment in your shell",
    "list": "list environments and what was proven about them",
    "info": "show what gpuenv finds on this machine",
    "recipes": "list, show, check and start recipes",
    "lock": "pin a recipe's packages by hash",
    "export": "write an environment's recipe and lock, to make it again elsewhere",
    "remove": "remove an environment that gpuenv made",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code that `docs/exit-codes.md` explains."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        args = build_parser(arguments).parse_args(arguments)
    except GpuenvError as error:
        return _end(None, error, _talk(None), command=_command(arguments), as_json="--json" in arguments)
    talk = _talk(args)
    outcome: Outcome | None = None
    problem: GpuenvError | None = None
    try:
        with end_requests():
            outcome = _run(args, talk)
    except GpuenvError as error:
        problem = error
        if args.verbose >= 2:
            traceback.print_exc()
    except KeyboardInterrupt as error:
        problem = interruption(error, args.command)
    except BrokenPipeError:
        return 1
    except Exception as error:
        traceback.print_exc()
        problem = GpuenvError(
            f"this is a bug in gpuenv: {type(error).__name__}: {error}",
            hints=[Hint("bug.report", "report it with the lines above and the output of `gpuenv info --json`")],
        )
    return _end(outcome, problem, talk, command=args.command, as_json=args.json)


def build_parser(arguments: Sequence[str]) -> Parser:
    """Make the parser; only the modules of the command that is called are imported."""
    parser = Parser(
        prog="gpuenv", description=__doc__ and "From a bare machine to an environment that trains on its GPU."
    )
    parser.add_argument("--version", action="version", version=f"gpuenv {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    called = _command(arguments)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == called:
            module = import_module(f"gpuenv.cli.{name}")
            module.configure(sub)
            add_common(sub)
            sub.set_defaults(run=module.run)
    return parser


def _command(arguments: Sequence[str]) -> str:
    return next((argument for argument in arguments if not argument.startswith("-")), "")


def _run(args: argparse.Namespace, talk: Talk) -> Outcome:
    """Make the session and run the command; a plugin that was skipped becomes a warning."""
    import warnings

    from gpuenv.model import Warned
    from gpuenv.plugins import PluginWarning, plugins
    from gpuenv.session import Session
    from gpuenv.settings import load_settings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PluginWarning)
        session = Session(plugins(), load_settings(os.environ), dict(os.environ), talk)
        outcome: Outcome = args.run(args, session)
    for warning in caught:
        if issubclass(warning.category, PluginWarning):
            talk(Warned(str(warning.message)))
    return outcome


def _talk(args: argparse.Namespace | None) -> Talk:
    from gpuenv.cli.report import Talk

    if args is None:
        return Talk(quiet=False, verbose=0, color="auto")
    return Talk(quiet=args.quiet, verbose=args.verbose, color=args.color)


def _end(outcome: Outcome | None, problem: GpuenvError | None, talk: Talk, *, command: str, as_json: bool) -> int:
    """Print the outcome on stdout and the error on stderr; return the exit code."""
    from gpuenv.cli.outcome import envelope

    talk.close()
    error = problem or (outcome.error if outcome else None)
    if as_json:
        print(json.dumps(envelope(command, outcome, problem, talk.warnings), indent=2, ensure_ascii=False))
    elif outcome is not None and outcome.text:
        print(outcome.text)
    if error is not None and not as_json:
        sys.stdout.flush()
        talk.error(error)
    return error.exit_code if error else 0
