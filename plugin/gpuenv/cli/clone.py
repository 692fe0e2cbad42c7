"""`create --clone-from ENV`: which environment is cloned, and what else helps where none can be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli import options
from gpuenv.cli.text import option_for, quoted
from gpuenv.errors import Hint, TargetError

if TYPE_CHECKING:
    from gpuenv.session import Session


def base_of(args: argparse.Namespace, session: Session) -> Path:
    """Return the conda environment to clone.

    Raises TargetError for what cannot be cloned: nothing there, a virtual environment, conda without a Python.
    """
    base = options.named_or_path(args.clone_from, session)
    if (base / "conda-meta").is_dir():
        return base
    if (base / "pyvenv.cfg").exists():
        raise TargetError(
            f"`{base}` is a virtual environment, which nothing can clone",
            cause="its path is written into its programs; only conda environments can be cloned, by conda",
            hints=_instead(args, base),
        )
    raise TargetError(
        f"`{base}` is neither a conda environment nor a virtual environment",
        hints=[Hint("clone.list", "run `conda env list` to see what can be cloned")],
    )


def _instead(args: argparse.Namespace, base: Path) -> list[Hint]:
    """Say how somebody gets a stack beside what is in a virtual environment, in commands to type."""
    from gpuenv.cli.again import from_arguments
    from gpuenv.receipt import was_added, was_made

    where = option_for(args.name, args.prefix or "")
    if was_made(base) and not was_added(base):
        like_it = f"`gpuenv export -p {quoted(str(base))} -o stack.yaml && gpuenv create {where} --recipe stack.yaml`"
        return [Hint("clone.export", f"make another one with the same stack: {like_it}")]
    chosen = "".join(
        f" {option}{' ' if value else ''}{value}"
        for option, value in from_arguments(args).options
        if option not in ("--python", "--engine")
    )
    add, undo = f"gpuenv add -p {quoted(str(base))}{chosen}", f"gpuenv remove -p {quoted(str(base))}"
    copy = [*_copying(base, new := base.with_name(f"{base.name}-gpu")), f"gpuenv add -p {quoted(str(new))}{chosen}"]
    return [
        Hint("clone.add", f"add the stack to it with `{add}`; `{undo}` takes it out again"),
        Hint("clone.copy", f"or leave it alone and add to a new one with the same packages: `{' && '.join(copy)}`"),
    ]


def _copying(base: Path, new: Path) -> list[str]:
    """Return the commands that make a virtual environment like another: with pip, or uv where that made it."""
    from gpuenv.engines.uv import describe_venv

    built = describe_venv(base)
    python, new_python = quoted(str(built.python)), quoted(str(new / built.python.relative_to(base)))
    if (built.site_packages / "pip").is_dir():
        return [
            f"{python} -m pip freeze > requirements.txt",
            f"{python} -m venv {quoted(str(new))}",
            f"{new_python} -m pip install -r requirements.txt",
        ]
    return [
        f"uv pip freeze --python {python} > requirements.txt",
        f"uv venv --python {python} {quoted(str(new))}",
        f"uv pip install --python {new_python} -r requirements.txt",
    ]
