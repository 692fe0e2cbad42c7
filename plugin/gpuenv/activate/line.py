"""The line that activates an environment, quoted for the shell that reads it."""

from __future__ import annotations

from pathlib import Path

from gpuenv.activate import csh, fish, powershell, sh
from gpuenv.errors import Hint, UsageError


def activation_line(prefix: Path, shell: str, platform: str) -> str:
    """Return what to type in a shell. Raises UsageError for a shell that has no script here."""
    scripts = prefix / ("Scripts" if platform.startswith("win") else "bin")
    if shell in ("bash", "zsh"):
        return f"source {sh.quote(str(scripts / 'activate'))}"
    if shell in ("sh", "dash", "ash", "ksh"):
        return f". {sh.quote(str(scripts / 'activate'))}"
    if shell == "fish":
        return f"source {fish.quote(str(scripts / 'activate.fish'))}"
    if shell in ("csh", "tcsh"):
        return f"source {csh.quote(str(scripts / 'activate.csh'))}"
    if shell in ("powershell", "pwsh"):
        return f"& {powershell.quote(str(scripts / 'activate.ps1'))}"
    if shell == "cmd":
        return f'call "{scripts / "activate.bat"}"'
    raise UsageError(
        f"no activation line is known for the shell `{shell}`",
        hints=[Hint("activate.shell", "choose one with `--shell`, as `--shell bash`")],
    )
