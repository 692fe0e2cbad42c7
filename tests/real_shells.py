"""Real shells and real virtual environments for the tests of activation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpuenv.activate import activate, activation_line
from gpuenv.engines.uv import describe_venv, uv_binary
from gpuenv.model import Built, CudaFiles, Variable

VARIABLES = {
    "CUDA_MODULE_LOADING": Variable(value="LAZY"),
    "CUDA_CACHE_PATH": Variable(value="{prefix}/var/gpuenv/compute-cache"),
    "XLA_FLAGS": Variable(value="--xla_gpu_cuda_data_dir={cuda_dir}", mode="flag"),
    "GPUENV_TEST_LIST": Variable(value="{prefix}/opt/list", mode="path"),
}
# Of the shells themselves; uv's own script exports PS1.
SHELLS_OWN = {"_", "SHLVL", "PWD", "OLDPWD", "PS1", "COLUMNS", "LINES", "HOSTTYPE", "VENDOR", "OSTYPE", "MACHTYPE"}
SHELLS_OWN |= {
    "LOGNAME",
    "GROUP",
    "HOST",
    "REMOTEHOST",
    "USER",
    "NLSPATH",
    "POWERSHELL_DISTRIBUTION_CHANNEL",
    "PSModulePath",
}

COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile"],
    "dash": ["dash"],
    "zsh": ["zsh", "-f"],
    "fish": ["fish", "--no-config"],
    "tcsh": ["tcsh", "-f"],
    "pwsh": ["pwsh", "-NoProfile", "-File"],
}


@dataclass(frozen=True)
class Environment:
    """A virtual environment that gpuenv has activated files in."""

    built: Built
    cuda: CudaFiles
    variables: Mapping[str, Variable] = field(default_factory=lambda: VARIABLES)

    @property
    def prefix(self) -> Path:
        return self.built.prefix


def make_venv(prefix: Path) -> Built:
    """Make a virtual environment with uv, as the engine does."""
    subprocess.run([uv_binary(), "venv", "--quiet", "--python", sys.executable, prefix], check=True)
    return describe_venv(prefix)


def make_environment(prefix: Path, variables: Mapping[str, Variable] = VARIABLES) -> Environment:
    built = make_venv(prefix)
    cuda = CudaFiles((), built.site_packages / "nvidia" / "cuda_nvcc")
    activate(built, variables, cuda)
    receipt = prefix / "etc" / "gpuenv" / "receipt.json"
    receipt.parent.mkdir(parents=True)
    receipt.write_text("{}")
    return Environment(built, cuda, variables)


DUMP_VARIABLES = "import json, os; print(json.dumps(dict(os.environ)))"


def started(python: Path, *options: str, code: str = DUMP_VARIABLES, **environ: str) -> dict[str, str]:
    """Start a Python without activation, as cron does, and return the variables that it has."""
    command = [str(python), *options, "-c", code]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    found: dict[str, str] = json.loads(ended.stdout)
    return found


class Session:
    """A script for one shell, put together from steps; `run` carries it out and returns the environments it dumped."""

    commands: Mapping[str, Sequence[str]] = COMMANDS

    def __init__(self, shell: str, directory: Path) -> None:
        self.shell = shell
        self.stderr = ""
        self._directory = directory
        self._lines: list[str] = []
        self._dumps: list[Path] = []

    def activate(self, prefix: Path) -> Session:
        return self.line(activation_line(prefix, self.shell, "linux-64"))

    def deactivate(self) -> Session:
        return self.line("deactivate")

    def line(self, text: str) -> Session:
        self._lines.append(text)
        return self

    def dump(self) -> Session:
        path = self._directory / f"dump-{len(self._dumps)}"
        self._dumps.append(path)
        return self.line(f"/usr/bin/env -0 > {path}")

    def run(self, environ: Mapping[str, str], options: Sequence[str] = ()) -> list[dict[str, str]]:
        self.output(environ, options)
        return [read_dump(path) for path in self._dumps]

    def output(self, environ: Mapping[str, str], options: Sequence[str] = ()) -> str:
        """Run the script and return what it wrote to its standard output."""
        script = self._directory / ("script.ps1" if self.shell == "pwsh" else "script")
        script.write_text("\n".join(self._lines) + "\n")
        command = [*self.commands[self.shell], *options, str(script)]
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        self.stderr = ended.stderr
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout


def read_dump(path: Path) -> dict[str, str]:
    """Read what `env -0` wrote, without what belongs to the shell."""
    pairs = (entry.partition("=") for entry in os.fsdecode(path.read_bytes()).split("\0") if entry)
    return {name: value for name, _, value in pairs if name not in SHELLS_OWN}
