"""Activation: what a shell, and a Python started without one, see of an environment.

Everything is rendered from one table of variables. Marked blocks in the scripts that the engine wrote set them in sh,
bash, zsh, dash, fish, csh, PowerShell and cmd, and put back on `deactivate` what was there before; a start-up file sets
them in a Python that nobody activated (IDE, cron, Jupyter). A value of the user's own is never overridden.
The scripts for xonsh and nu are left as they are: there the start-up file alone does it. In a conda prefix conda runs
scripts of ours: see `gpuenv.activate.conda`.
"""

from gpuenv.activate.conda import conda_activation_line, conda_command_environment
from gpuenv.activate.environment import command_environment
from gpuenv.activate.files import activate, deactivate_files
from gpuenv.activate.line import activation_line
from gpuenv.activate.render import render

__all__ = [
    "activate",
    "activation_line",
    "command_environment",
    "conda_activation_line",
    "conda_command_environment",
    "deactivate_files",
    "render",
]
