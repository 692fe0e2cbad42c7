"""Activation of conda prefixes: conda itself, or the script of gpuenv's own where there is no conda, runs these files.

They lie in `etc/conda/activate.d` and `deactivate.d`. No file holds the environment's path: `CONDA_PREFIX` names it
when they run, so that a cloned or renamed environment works. What was there before is kept in exported variables, one
set for each level of conda's own stack (`CONDA_SHLVL`), in one form for every shell::

    _GPUENV_PREFIX_1=/envs/tf                     the environment that was activated at level 1
    _GPUENV_NAMES_1=CUDA_CACHE_PATH XLA_FLAGS     the variables that it changed
    _GPUENV_OLD_CUDA_CACHE_PATH_1=-               it was not set
    _GPUENV_OLD_XLA_FLAGS_1=+--mine               it was `--mine` (`=` in the place of `+`: and not exported)

They are exported because a child shell inherits conda's variables too, and can deactivate; and because xonsh takes
nothing else over from bash. PATH is not touched on Unix: conda writes PATH itself, after deactivate.d when it switches
from one environment to another, so that an entry of ours would stay. The CUDA tools are links in `bin` instead.
"""

from gpuenv.activate.conda.environment import conda_command_environment
from gpuenv.activate.conda.files import scripts, tool_links
from gpuenv.activate.conda.line import conda_activation_line

__all__ = ["conda_activation_line", "conda_command_environment", "scripts", "tool_links"]
