"""Conda prefixes with gpuenv's files in them, and real shells that activate them as conda does."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from packaging.version import Version

import gpuenv.activate.conda.files as conda_files
from gpuenv.activate import activate
from gpuenv.model import Built, CudaFiles, Variable
from real_conda import find_conda
from real_shells import COMMANDS, VARIABLES, Environment, Session

DRIVER = Path(__file__).with_name("conda_driver.py")
SHELL_NAMES = {"mksh": "posix", "bash": "posix", "dash": "posix", "zsh": "posix", "tcsh": "csh", "pwsh": "powershell"}
SHELLS = {**COMMANDS, "mksh": ["mksh"], "xonsh": [str(Path(sys.executable).with_name("xonsh")), "--no-rc"]}
MINOR = f"python{sys.version_info.major}.{sys.version_info.minor}"


def make_prefix(prefix: Path) -> Built:
    """Lay out what gpuenv looks at in a conda prefix, with a `ptxas` from a wheel."""
    site_packages = prefix / "lib" / MINOR / "site-packages"
    tools = site_packages / "nvidia" / "cuda_nvcc" / "bin"
    for directory in (prefix / "conda-meta", prefix / "bin", tools):
        directory.mkdir(parents=True)
    (prefix / "conda-meta" / "history").write_text("")
    (tools / "ptxas").write_text("#!/bin/sh\necho ptxas of the environment\n")
    (tools / "ptxas").chmod(0o755)
    return Built(prefix, prefix / "bin" / "python", Version("3.8"), site_packages, "linux-64", conda=True)


def make_conda_environment(
    prefix: Path, variables: Mapping[str, Variable] = VARIABLES, version_path: Path | None = None
) -> Environment:
    """Make a conda prefix with gpuenv's files; `version_path` stands for the file of the loaded driver."""
    built = make_prefix(prefix)
    cuda = CudaFiles((), built.site_packages / "nvidia" / "cuda_nvcc")
    activate(built, variables, cuda)
    if version_path is not None:
        texts = conda_files.scripts(variables, prefix, cuda.cuda_dir, "linux-64", PurePosixPath(version_path))
        for path, text in texts.items():
            (prefix / path).write_text(text)
    (prefix / "etc" / "gpuenv" / "receipt.json").write_text("{}")
    return Environment(built, cuda, variables)


class CondaSession(Session):
    """A session in which conda, or the emulation of it, activates and deactivates."""

    commands = SHELLS

    def activate(self, prefix: Path, *options: str) -> CondaSession:
        return self._conda("activate", str(prefix), *options)

    def deactivate(self) -> CondaSession:
        return self._conda("deactivate")

    def reactivate(self) -> CondaSession:
        return self._conda("reactivate")

    def begin(self, plain: Path) -> CondaSession:
        """Take conda through one round, after which the variables are there that conda leaves behind; dump then."""
        self.activate(plain).deactivate().dump()
        return self

    def run(self, environ: Mapping[str, str], options: Sequence[str] = ()) -> list[dict[str, str]]:
        """Run as the base class does; what conda has unset is an empty variable in sh (conda 26.7), and left out."""
        dumps = super().run(environ, options)
        return [{name: it for name, it in dump.items() if it or not name.startswith("CONDA_")} for dump in dumps]

    def _conda(self, *arguments: str) -> CondaSession:
        name = SHELL_NAMES.get(self.shell, self.shell)
        out = self._directory / f"conda-{len(self._lines)}{'.ps1' if self.shell == 'pwsh' else ''}"
        argv = [sys.executable, str(DRIVER), "--out", str(out), name, *arguments]
        if name == "posix":
            self.line(" ".join(map(shlex.quote, argv))).line(f". {shlex.quote(str(out))}")
        elif self.shell == "tcsh":
            quoted = ["'" + word.replace("'", "'\"'\"'").replace("!", "\\!") + "'" for word in argv]
            self.line(" ".join(quoted)).line(f"source {out}")
        elif self.shell == "fish":
            quoted = ["'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'" for word in argv]
            self.line(" ".join(quoted)).line(f"source {out}")
        elif self.shell == "pwsh":
            self.line("& " + " ".join("'" + word.replace("'", "''") + "'" for word in argv)).line(f". {out}")
        else:
            self.line(f"![@({argv!r})]").line(f"execx(open({str(out)!r}).read())")
        return self


def with_conda(environ: Mapping[str, str]) -> dict[str, str]:
    """Add what the driver needs to ask the real conda, or skip."""
    return {**environ, "GPUENV_TEST_DRIVER_CONDA": str(find_conda())}
