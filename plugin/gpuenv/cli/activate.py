"""`gpuenv activate`: print the line that activates an environment in the user's shell."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.outcome import Outcome

if TYPE_CHECKING:
    from gpuenv.session import Session

SHELLS = ("sh", "bash", "zsh", "dash", "fish", "csh", "tcsh", "powershell", "pwsh", "cmd")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `activate`."""
    options.add_target(parser)
    parser.add_argument("--shell", choices=SHELLS, help="the shell to print for (default: the one that runs gpuenv)")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Print the line; `eval "$(gpuenv activate -n tf)"` runs it."""
    from gpuenv.activate import activation_line, conda_activation_line
    from gpuenv.receipt import read_receipt

    target = options.existing_target(args, session)
    made = read_receipt(target.prefix)
    shell = args.shell or running_shell(made.platform)
    if (target.prefix / "conda-meta").is_dir():
        line = conda_activation_line(target.prefix, shell, made.platform, session.environ)
    else:
        line = activation_line(target.prefix, shell, made.platform)
    return Outcome({"prefix": target.prefix, "shell": shell, "line": line}, line)


def running_shell(platform: str) -> str:
    """Name the shell that runs gpuenv; where it cannot be told, the platform's own."""
    import shellingham

    try:
        name: str = shellingham.detect_shell()[0].lower()
    except (shellingham.ShellDetectionFailure, OSError):
        name = ""
    if name in SHELLS:
        return name
    return "cmd" if platform.startswith("win") else "sh"
