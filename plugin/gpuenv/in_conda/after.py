"""After `conda create`, `install`, `update`: is the environment still one that trains? One line, or nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from conda.base.context import context

from gpuenv.in_conda.look import has_gpu, link_again, look_at_managed, processor_only

MODE_VARIABLE = "GPUENV_HOOKS"


def look_after(command: str) -> None:
    """Look at the environment that conda has just changed, mend what can be mended, say it on standard error."""
    mode = hook_mode()
    if mode == "off" or context.json or context.quiet or context.dry_run:
        return
    said = line_about(Path(context.target_prefix), mode=mode)
    if said is not None:
        print(f"gpuenv: {said}", file=sys.stderr)


def hook_mode() -> str:
    """Return `off`, `hint` or `auto`: from GPUENV_HOOKS, else `plugins: gpuenv_hooks` in `.condarc`, else `auto`."""
    mode = os.environ.get(MODE_VARIABLE) or getattr(getattr(context, "plugins", None), "gpuenv_hooks", "auto")
    return mode if mode in ("off", "hint") else "auto"


def line_about(prefix: Path, *, mode: str) -> str | None:
    """Say in one line what is wrong with an environment, or what was mended; None when nothing is."""
    from gpuenv.text_files import typed

    managed = look_at_managed(prefix)
    if managed is None:
        reason = processor_only(prefix) if has_gpu() else None
        return reason and f"{reason}; `conda gpuenv create -n {prefix.name}-gpu` makes one that trains on the GPU"
    if managed.problems:
        return f"{managed.problems[0]}; `conda gpuenv create -p {typed(prefix)} --force` makes it again"
    if not managed.broken:
        return None
    if mode == "auto" and (count := link_again(managed)):
        return f"linked {count} CUDA {'library' if count == 1 else 'libraries'} again in `{prefix}`"
    count = len(managed.broken)
    gone = "1 link to CUDA libraries is gone" if count == 1 else f"{count} links to CUDA libraries are gone"
    return f"{gone}; `conda doctor -p {typed(prefix)} --fix gpuenv` mends that"
