"""Do what a diagnosis proposes, once the user has agreed: links, permissions, and packages through uv."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gpuenv.engines.uv import run_uv
from gpuenv.errors import GpuenvError, Hint
from gpuenv.extension import Action, Repair
from gpuenv.model import Reporter


def carry_out(repair: Repair, report: Reporter) -> None:
    """Do each step. Raises GpuenvError for one that cannot be done; the steps before it stay done."""
    for action in repair.actions:
        try:
            _do(action, report)
        except OSError as err:
            raise GpuenvError(
                f"`{words(action)}` failed", cause=str(err), hints=[Hint("doctor.by-hand", f"run `{words(action)}`")]
            ) from err


def words(action: Action) -> str:
    """Say an action as the command that a person would type."""
    from shlex import join

    if action.kind == "link":
        return join(["ln", "-sfn", action.target, action.path])
    if action.kind == "unlink":
        return join(["rm", action.path])
    if action.kind == "executable":
        return join(["chmod", "+x", action.path])
    return join(action.command)


def _do(action: Action, report: Reporter) -> None:
    path = Path(action.path)
    if action.kind == "link":
        _link(path, action.target)
    elif action.kind == "unlink":
        if path.is_symlink():
            path.unlink()
    elif action.kind == "executable":
        _own_copy(path)
        path.chmod(path.stat().st_mode | 0o111)
    else:
        _run(action.command, report)


def _link(link: Path, target: str) -> None:
    """Make a link; only another link is replaced, never a file."""
    if link.is_symlink():
        link.unlink()
    os.symlink(target, link)


def _own_copy(path: Path) -> None:
    """Separate a file from the installer's cache, with which it may share its permissions through a hard link."""
    if path.stat().st_nlink > 1:
        copy = path.with_name(f".{path.name}.gpuenv")
        shutil.copy2(path, copy)
        os.replace(copy, path)


def _run(command: tuple[str, ...], report: Reporter) -> None:
    if command[:1] != ("uv",):
        raise GpuenvError(f"gpuenv does not run `{' '.join(command)}`", cause="expected a command of uv")
    ended = run_uv(list(command[1:]), report)
    if not ended.ok:
        raise GpuenvError(
            f"`{' '.join(command)}` failed with {ended.ending}",
            cause=ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else None,
        )
