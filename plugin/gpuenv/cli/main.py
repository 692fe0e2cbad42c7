"""The `gpuenv` command: parse, run one command, print its outcome, return its exit code.

Everything is imported inside functions, so that Ctrl-C while Python still loads ends like any other Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from gpuenv.cli.front import Front
    from gpuenv.cli.options import Parser
    from gpuenv.cli.outcome import Outcome
    from gpuenv.cli.report import Talk
    from gpuenv.errors import GpuenvError

# A command is the module `gpuenv.cli.<name>`; the text is its line in `gpuenv --help`.
COMMANDS = {
    "create": "make an environment in which the framework trains on the GPU",
    "add": "add a stack to an environment that is there, or say why that cannot be",
    "verify": "prove that an environment works, or name what is in the way",
    "doctor": "name what keeps a framework from its GPU, and the command that mends it",
    "stage": "put NVIDIA's cuDNN or CUDA archives into an environment or a toolkit directory",
    "unstage": "take out what `stage` put there; what it replaced comes back",
    "warm": "compile ahead the GPU code that this GPU would compile at the first step",
    "run": "run a command inside an environment",
    "activate": "print the line that activates an environment in your shell",
    "list": "list environments and what was proven about them",
    "info": "show what gpuenv finds on this machine",
    "explain": "say which releases fit this machine, and what is in the way of the others",
    "matrix": "show every release with its Pythons, CUDA, drivers and GPUs",
    "facts": "list, show and update what gpuenv knows",
    "recipes": "list, show, check and start recipes",
    "lock": "pin a recipe's packages by hash",
    "cache": "list, check and clean the downloaded archives",
    "export": "write an environment's recipe and lock, to make it again elsewhere",
    "remove": "remove an environment that gpuenv made",
}
# Options of every command that may also stand in front of it: `gpuenv --json list`.
_COMMON = ("--json", "-q", "--quiet", "-v", "-vv", "--verbose", "--color")


def main(argv: Sequence[str] | None = None, front: Front | None = None) -> int:
    """Run the command line; return the exit code that `docs/exit-codes.md` explains."""
    try:
        from gpuenv.cli.front import Front

        return _main(list(sys.argv[1:] if argv is None else argv), front or Front())
    except KeyboardInterrupt:
        # While Python was loading, or for the second time while the first one was being cleaned up.
        if sys.stderr is not None:
            print("error: interrupted", file=sys.stderr)
        return 130


def _main(typed: list[str], front: Front) -> int:
    from gpuenv.cli import failure
    from gpuenv.cli.again import from_arguments
    from gpuenv.cli.signals import end_requests

    arguments = common_last(typed)
    talk: Talk | None = None
    as_json, verbose = front.json or "--json" in _ours(typed), _ours(typed).count("-vv") * 2
    args: argparse.Namespace | None = None
    outcome: Outcome | None = None
    problem: GpuenvError | None = None
    try:
        said = parse(arguments, front)
        if isinstance(said, str):
            outcome = _told(said)
        else:
            args, as_json, verbose = said, said.json or front.json, said.verbose
            talk = _talk(args)
            with end_requests():
                outcome = _run(args, talk, front)
    except (Exception, KeyboardInterrupt) as error:
        if talk is not None:
            talk.close()
        if verbose >= 2 and not isinstance(error, KeyboardInterrupt):
            _print_traceback()
        problem = failure.error_of(error, _command(arguments))
    if problem is not None and args is not None:
        from_arguments(args).complete_error(problem)
    document_of = _command(arguments) if as_json else None
    return _end(outcome, problem, talk, front, document_of=document_of)


def parse(arguments: Sequence[str], front: Front) -> argparse.Namespace | str:
    """Read the command line; the text of `--help` or `--version` where it asks for one. Raises UsageError."""
    from contextlib import redirect_stdout
    from io import StringIO

    from gpuenv.cli import mistyped
    from gpuenv.errors import UsageError

    command = _command(arguments)
    if command and command not in COMMANDS and not {"-h", "--help", "--version"} & set(arguments):
        raise mistyped.unknown_command(command, COMMANDS)
    parser = build_parser(arguments, front)
    said = StringIO()
    try:
        with redirect_stdout(said):
            return parser.parse_args(arguments)
    except UsageError as error:
        raise mistyped.explained(error, parser, list(_ours(arguments))) from None
    except SystemExit:
        return said.getvalue().rstrip("\n")


def build_parser(arguments: Sequence[str], front: Front) -> Parser:
    """Make the parser; only the modules of the command that is called are imported."""
    from dataclasses import replace
    from importlib import import_module

    from gpuenv import __version__
    from gpuenv.cli.options import Parser, add_common, take_defaults

    parser = Parser(
        prog=front.program,
        description="From a bare machine to an environment that trains on its GPU.",
        epilog="Every command takes --json, -q, -v and --color, behind its name or in front of it.",
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
            take_defaults(sub, front if name != "create" else replace(front, active=None))
    return parser


def common_last(arguments: Sequence[str]) -> list[str]:
    """Put options of every command behind the command's name: `--json recipes list` is `recipes list --json`."""
    rest, common = list(arguments), []
    place = 0
    for _ in range(2 if {"recipes", "cache"} & set(rest[:4]) else 1):
        while place < len(rest) and rest[place].partition("=")[0] in _COMMON:
            common.append(rest.pop(place))
            if common[-1] == "--color" and place < len(rest):
                common.append(rest.pop(place))
        if place >= len(rest) or rest[place].startswith("-"):
            break
        place += 1
    asks = rest[place:] and rest[place] in ("-h", "--help", "--version")
    return rest if asks and place == 0 else [*rest[:place], *common, *rest[place:]]


def _ours(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments that are gpuenv's, not those of the command that `gpuenv run` starts."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _command(arguments: Sequence[str]) -> str:
    return next((argument for argument in arguments if not argument.startswith("-")), "")


def _told(text: str) -> Outcome:
    from gpuenv import __version__
    from gpuenv.cli.outcome import Outcome

    return Outcome({"gpuenv_version": __version__, "text": text}, text)


def _run(args: argparse.Namespace, talk: Talk, front: Front) -> Outcome:
    """Make the session and run the command; a plugin that was skipped becomes a warning.

    Standard output is for the outcome only: what a plugin prints meanwhile goes to standard error.
    """
    import os
    import warnings
    from contextlib import redirect_stdout
    from io import StringIO

    from gpuenv.model import Warned
    from gpuenv.plugins import PluginWarning, plugins
    from gpuenv.session import Names, Session
    from gpuenv.settings import load_settings

    with warnings.catch_warnings(record=True) as caught, redirect_stdout(sys.stderr or StringIO()):
        warnings.simplefilter("always", PluginWarning)
        try:
            names = Names(front.locate, front.active, front.known)
            session = Session(plugins(), load_settings(os.environ), dict(os.environ), talk, names)
            outcome: Outcome = args.run(args, session)
        finally:
            for warning in caught:
                if issubclass(warning.category, PluginWarning):
                    talk(Warned(str(warning.message)))
    return outcome


def _talk(args: argparse.Namespace | None) -> Talk:
    """Make the reporter, which costs 50 ms to import; `--help` does without."""
    from gpuenv.cli.report import Talk

    if args is None:
        return Talk(quiet=False, verbose=0, color="auto")
    return Talk(quiet=args.quiet, verbose=args.verbose, color=args.color)


def _end(
    outcome: Outcome | None, problem: GpuenvError | None, talk: Talk | None, front: Front, *, document_of: str | None
) -> int:
    """Print the outcome on stdout, as text or as the document of a command, and the error; return the exit code."""
    from gpuenv.cli import output
    from gpuenv.cli.outcome import document, unsaid

    if talk is not None:
        talk.close()
    error = problem or (outcome.error if outcome else None)
    said = "" if outcome is None or (outcome.talk and talk is not None and talk.quiet) else front.spoken(outcome.text)
    if document_of is not None:
        said = document(document_of, outcome, problem, talk.warnings if talk is not None else ())
    failed = output.write(said) if said else None
    told = unsaid(error, said) if error is not None and document_of is None else None
    for one in (told, failed):
        if one is not None:
            (front.on_error or (talk or _talk(None)).error)(one)
    error = error or failed
    return error.exit_code if error else 0


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
