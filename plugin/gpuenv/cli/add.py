"""`gpuenv add`: put a stack into an environment that is there already, or say why that cannot be."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.create import add_how, add_stack, make, request_of
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import quoted
from gpuenv.errors import Hint, NoRecipeError, TargetError

if TYPE_CHECKING:
    from gpuenv.session import Session

_PUT_PYTHON = "put in a Python that a recipe has (`gpuenv explain`), as `conda install -p {prefix} python=3.8`"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `add`."""
    options.add_target(parser)
    add_stack(parser.add_argument_group("what to add"))
    add_how(parser)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Plan around what is installed, ask, add; on any error the environment is as it was."""
    from gpuenv.transaction import check_addable, locked

    target = options.target(args, session)
    with locked(target.prefix, session.state_dir):
        check_addable(target.prefix)
    # Not rattler, which would not keep to what the user had asked conda for.
    args.engine = "conda" if (target.prefix / "conda-meta").is_dir() else "uv"
    request = replace(request_of(args), onto=target.prefix, python=python_of(target.prefix))
    try:
        return make(args, session, target, request)
    except NoRecipeError as err:
        # Another Python or engine is no way out for an environment that stays.
        err.hints = (
            *(hint for hint in err.hints if "--python" not in hint.text and "--engine" not in hint.text),
            Hint("add.create", "make an environment of its own for the stack: `gpuenv create -n NAME`"),
        )
        raise


def python_of(prefix: Path) -> str:
    """Return the version of an environment's Python as a recipe names it: `3.8`. Raises TargetError without one."""
    from gpuenv.engines.conda_prefix import describe_conda
    from gpuenv.engines.uv import describe_venv

    is_conda = (prefix / "conda-meta").is_dir()
    try:
        version = (describe_conda if is_conda else describe_venv)(prefix).python_version
    except TargetError as err:
        if is_conda:  # the user's own, so making it again is not what helps
            err.hints = (Hint("add.python", _PUT_PYTHON.format(prefix=quoted(str(prefix)))),)
        raise
    return f"{version.major}.{version.minor}"
