"""From the table of variables to the text for each shell, and into its script. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from gpuenv.activate import cmd, csh, fish, powershell, sh
from gpuenv.activate.change import changes, templates
from gpuenv.activate.script import BEGIN, END, insert, marked, without_blocks
from gpuenv.model import Variable

PTH = f"{BEGIN}\nimport _gpuenv_startup\n{END}\n"
_REM = "@REM "


def render(
    variables: Mapping[str, Variable], prefix: PurePath, cuda_dir: PurePath | None, platform: str
) -> dict[str, str]:
    """Return the block for each shell (`sh`, `fish`, `csh`, `ps1`, `bat`, `bat-deactivate`) and the start-up module.

    Raises UsageError for a name or a value that cannot be written into a script.
    """
    table = changes(variables, prefix, cuda_dir, platform)
    return {
        "sh": sh.block(table, platform),
        "fish": fish.block(table),
        "csh": csh.block(table),
        "ps1": powershell.block(table),
        "bat": cmd.block(table),
        "bat-deactivate": cmd.deactivate(table),
        "startup": startup_module(variables, prefix, cuda_dir, platform),
    }


def startup_module(
    variables: Mapping[str, Variable], prefix: PurePath, cuda_dir: PurePath | None, platform: str
) -> str:
    """Fill the table of the start-up module in; places are relative, so that a moved environment keeps working."""
    windows = platform.startswith("win")
    text = Path(__file__).with_name("_gpuenv_startup.py").read_text("utf-8")
    rows = "".join(
        f"    {(name, variable.mode, variable.value)!a},\n" for name, variable in templates(variables, platform)
    )
    tools = None
    if cuda_dir is not None:
        inside = cuda_dir.is_relative_to(prefix)
        tools = cuda_dir.relative_to(prefix).as_posix() if inside else str(cuda_dir)
    up = "../.." if windows else "../../.."  # from Lib/site-packages, lib/python3.8/site-packages
    for name, value in (("VARIABLES", f"(\n{rows})"), ("CUDA_DIR", ascii(tools)), ("PREFIX", ascii(up))):
        text = re.sub(rf"^{name} = .*$", lambda _, n=name, v=value: f"{n} = {v}", text, flags=re.MULTILINE)  # type: ignore[misc]
    return f"{BEGIN}\n{text}{END}\n"


def with_blocks(name: str, script: str, blocks: Mapping[str, str]) -> str | None:
    """Return a script of that file name with our blocks in it; doing it twice is the same as once.

    None for a script that has no `deactivate` of the kind we know: better no block than one that nobody undoes.
    """
    script = without_blocks(script)
    edit = _EDITS.get(name.lower())
    return None if edit is None else edit(script, blocks)


def _edit_sh(script: str, blocks: Mapping[str, str]) -> str | None:
    edited = insert(script, marked(sh.DEACTIVATE), after=r"deactivate *\(\) *\{")
    return edited and insert(edited, marked(blocks["sh"]))


def _edit_fish(script: str, blocks: Mapping[str, str]) -> str | None:
    edited = insert(script, marked(fish.DEACTIVATE), after=r"function deactivate\b")
    return edited and insert(edited, marked(blocks["fish"]))


def _edit_csh(script: str, blocks: Mapping[str, str]) -> str | None:
    alias = csh.deactivate(script)
    edited = alias and insert(script, marked(alias), after="alias deactivate ")
    return edited and insert(edited, marked(blocks["csh"]))


def _edit_powershell(script: str, blocks: Mapping[str, str]) -> str | None:
    edited = insert(script, marked(powershell.DEACTIVATE), after=r"function global:deactivate *\(.*\{")
    return edited and insert(edited, marked(blocks["ps1"]))


def _edit_activate_bat(script: str, blocks: Mapping[str, str]) -> str | None:
    # Values can be non-ASCII, so the block stands before the script sets the code page back.
    block = marked(blocks["bat"], _REM)
    edited = insert(script, block, before=r"@if defined _OLD_CODEPAGE \(") or insert(script, block)
    return edited and marked(cmd.BEFORE, _REM).replace("\n", _newline(script)) + edited


def _edit_deactivate_bat(script: str, blocks: Mapping[str, str]) -> str | None:
    return marked(blocks["bat-deactivate"], _REM).replace("\n", _newline(script)) + script


def _newline(script: str) -> str:
    return "\r\n" if "\r\n" in script else "\n"


_EDITS: dict[str, Callable[[str, Mapping[str, str]], str | None]] = {
    "activate": _edit_sh,
    "activate.fish": _edit_fish,
    "activate.csh": _edit_csh,
    "activate.ps1": _edit_powershell,
    "activate.bat": _edit_activate_bat,
    "deactivate.bat": _edit_deactivate_bat,
}
