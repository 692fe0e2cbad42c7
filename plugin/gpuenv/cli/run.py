"""`gpuenv run`: a command inside an environment, with nothing to activate."""

from __future__ import annotations

import argparse
import os
import shutil
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import quoted
from gpuenv.errors import Hint, NoCommandError, NotExecutableError, UsageError

if TYPE_CHECKING:
    from gpuenv.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    options.add_target(parser)
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the command and its arguments")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Become the command (on Windows: wait for it); its exit code is gpuenv's."""
    from gpuenv import pipeline, process

    argv = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    target = options.existing_target(args, session)
    if not argv:
        raise UsageError(
            "no command to run was given", hints=[Hint("run.command", "put it after `--`, as `-- python train.py`")]
        )
    environment = pipeline.process_environment(session, target)
    program = shutil.which(argv[0], path=environment.get("PATH"))
    if program is None and os.path.dirname(argv[0]) and os.path.exists(argv[0]):
        raise NotExecutableError(
            f"`{argv[0]}` cannot be started: it is not a program",
            hints=[
                Hint(
                    "run.executable",
                    f"run `ls -ld {quoted(argv[0])}`; a script can be given to its interpreter instead",
                )
            ],
        )
    if program is None:
        raise NoCommandError(
            f"there is no command `{argv[0]}` in `{target.prefix}` or on PATH",
            hints=[Hint("run.command", "check the spelling, or install the package that brings it")],
        )
    try:
        process.become([program, *argv[1:]], environment)
    except OSError as err:
        raise NotExecutableError(
            f"`{program}` cannot be started: {(err.strerror or str(err)).lower()}",
            hints=[Hint("run.script", "a script needs a first line as `#!/bin/sh`, or its interpreter before it")],
        ) from err
