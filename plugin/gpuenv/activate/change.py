"""The table that every script is rendered from: which variable changes how, with its value filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from gpuenv.activate import _gpuenv_startup as startup
from gpuenv.errors import Hint, UsageError
from gpuenv.model import Variable
from gpuenv.paths import dll_dir

# Of the user's shell or of gpuenv's bookkeeping: changing them would break the activation itself.
_RESERVED = re.compile(r"_GPUENV_|_OLD_|VIRTUAL_ENV|PYTHONHOME$|PS1$|IFS$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Change:
    """One variable and its value, ready to be quoted. For a flag `key` is what stands before `=`."""

    name: str
    mode: Literal["default", "flag", "path"]
    value: str

    @property
    def key(self) -> str:
        """Return the name of a flag, `--xla_gpu_cuda_data_dir`."""
        return self.value.partition("=")[0]


def templates(variables: Mapping[str, Variable], platform: str) -> tuple[tuple[str, Variable], ...]:
    """Return the recipe's variables, and what goes on PATH: `ptxas`, and on Windows the DLLs, these foremost.

    Raises UsageError for a name that no shell can have, or that activation itself needs.
    """
    for name in variables:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or _RESERVED.match(name):
            raise UsageError(
                f"cannot set the environment variable `{name}`",
                cause="expected letters, digits and `_`, and no name that activation itself uses",
                hints=[Hint("activate.name", "rename it in the recipe")],
            )
    found = [*variables.items(), ("PATH", Variable(value="{cuda_dir}/bin", mode="path"))]
    if platform.startswith("win"):
        dlls = dll_dir(PurePath("{prefix}")).as_posix()  # type: ignore[arg-type]
        found.append(("PATH", Variable(value=dlls, mode="path")))
    return tuple(found)


def changes(
    variables: Mapping[str, Variable], prefix: PurePath, cuda_dir: PurePath | None, platform: str
) -> tuple[Change, ...]:
    """Fill in the places; variables that need CUDA tools which are not there are left out.

    Raises UsageError for a name or a value that cannot be written into a script.
    """
    made = []
    for name, variable in templates(variables, platform):
        tools = None if cuda_dir is None else str(cuda_dir)
        value = startup.expand(variable.mode, variable.value, str(prefix), tools, platform.startswith("win"))
        if value is None:
            continue
        if any(ord(character) < 32 for character in value):
            raise UsageError(
                f"cannot set `{name}` to {value!r}: a line break or control character in it",
                hints=[Hint("activate.value", "choose another directory, or change the value in the recipe")],
            )
        made.append(Change(name, variable.mode, value))
    return tuple(made)
