"""The line that activates a conda prefix, with conda or without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gpuenv.activate import csh, fish, powershell, sh
from gpuenv.errors import Hint, UsageError


def conda_activation_line(prefix: Path, shell: str, platform: str, environ: Mapping[str, str]) -> str:
    """Return what to type in a shell: `conda activate` where conda is set up in it, else gpuenv's own script.

    Raises UsageError for a shell that has no script here.
    """
    # conda's hook sets both, and `conda activate` works in no other shell.
    if "CONDA_EXE" in environ and "CONDA_SHLVL" in environ:
        quote = {"fish": fish.quote, "csh": csh.quote, "tcsh": csh.quote}.get(shell, sh.quote)
        quote = powershell.quote if shell in ("powershell", "pwsh") else quote
        text = f'"{prefix}"' if shell == "cmd" else quote(str(prefix))
        return f"conda activate {text}"
    own = prefix / "etc" / "gpuenv"
    if shell in ("bash", "zsh"):
        return f"source {sh.quote(str(own / 'activate.sh'))}"
    if shell in ("sh", "dash", "ash", "ksh"):
        return f"_GPUENV_ENV={sh.quote(str(prefix))}; . {sh.quote(str(own / 'activate.sh'))}"
    if shell == "fish":
        return f"source {fish.quote(str(own / 'activate.fish'))}"
    if shell in ("csh", "tcsh"):
        setting = f"set _gpuenv_env = {csh.quote(str(prefix))}"
        return f"{setting}; source {csh.quote(str(own / 'activate.csh'))}"
    if shell == "cmd" and platform.startswith("win"):
        return f'call "{own / "activate.bat"}"'
    where = f'"{prefix}"' if " " in str(prefix) else str(prefix)  # PowerShell and cmd read both
    raise UsageError(
        f"without conda no activation line is known for the shell `{shell}`",
        hints=[
            Hint("activate.run", f"run `gpuenv run -p {where} -- {shell}` for a shell inside the environment"),
            Hint("activate.shell", "choose another shell with `--shell`, as `--shell bash`"),
        ],
    )
