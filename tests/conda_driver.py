"""What `conda shell.SHELL activate|deactivate|reactivate` prints, from a real conda or from this emulation of it.

    python conda_driver.py --out FILE SHELL activate PREFIX [--stack]

The emulation follows `conda/activate.py` of conda 26.7 (build_activate, build_stack, build_deactivate, build_reactivate
and _yield_commands): the same order, the same variables, PATH computed before any script runs. It quotes what conda
does not, so that odd prefixes can be tried. `GPUENV_TEST_DRIVER_CONDA` names a conda that is asked instead.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

EXTENSIONS = {"posix": ".sh", "csh": ".csh", "fish": ".fish", "xonsh": ".sh", "powershell": ".ps1"}
Command = tuple[str, str, str]  # export, set aside or run; name; value


def main() -> None:
    out, shell, command, *rest = sys.argv[2:]
    conda = os.environ.get("GPUENV_TEST_DRIVER_CONDA")
    if conda:
        argv = [conda, f"shell.{shell}", command, *rest]
        text = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout
    else:
        text = "".join(template(shell, *found) for found in build(shell, command, rest))
    Path(out).write_text(text)


def build(shell: str, command: str, arguments: list[str]) -> Iterator[Command]:
    level = int(os.environ.get("CONDA_SHLVL") or 0)
    old = os.environ.get("CONDA_PREFIX", "")
    extension = EXTENSIONS[shell]
    if command == "activate" and level and old == arguments[0]:
        command = "reactivate"
    if command == "activate":
        yield from activate(extension, level, old, arguments[0], stack="--stack" in arguments)
    elif old and level:
        yield from (deactivate if command == "deactivate" else reactivate)(extension, level, old)


def activate(extension: str, level: int, old: str, new: str, *, stack: bool) -> Iterator[Command]:
    switch = bool(level) and not stack
    path = replaced(old if switch else "", new)  # before any script runs
    if switch:
        yield from run(old, "deactivate.d", extension)
    yield "export", "PATH", path
    yield from named(new, level + 1)
    if level:
        yield "export", f"CONDA_PREFIX_{level}", old
    if level and stack:
        yield "export", f"CONDA_STACKED_{level + 1}", "true"
    yield from run(new, "activate.d", extension)


def deactivate(extension: str, level: int, old: str) -> Iterator[Command]:
    below = os.environ.get(f"CONDA_PREFIX_{level - 1}", "") if level > 1 else ""
    stacked = f"CONDA_STACKED_{level}" in os.environ
    yield "export", "PATH", replaced(old, "" if stacked else below)
    yield from run(old, "deactivate.d", extension)
    if below:
        yield "unset", f"CONDA_PREFIX_{level - 1}", ""
        if stacked:
            yield "unset", f"CONDA_STACKED_{level}", ""
        yield from named(below, level - 1)
        yield from run(below, "activate.d", extension)
    else:
        for name in ("CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER"):
            yield "unset", name, ""
        yield "export", "CONDA_SHLVL", "0"


def reactivate(extension: str, level: int, old: str) -> Iterator[Command]:
    path = replaced(old, old)
    yield from run(old, "deactivate.d", extension)
    yield "export", "PATH", path
    yield "export", "CONDA_SHLVL", str(level)
    yield from run(old, "activate.d", extension)


def named(prefix: str, level: int) -> Iterator[Command]:
    name = os.path.basename(prefix) if os.path.basename(os.path.dirname(prefix)) == "envs" else prefix
    yield "export", "CONDA_PREFIX", prefix
    yield "export", "CONDA_SHLVL", str(level)
    yield "export", "CONDA_DEFAULT_ENV", name
    yield "export", "CONDA_PROMPT_MODIFIER", f"({name}) "


def run(prefix: str, directory: str, extension: str) -> Iterator[Command]:
    found = Path(prefix, "etc", "conda", directory)
    paths = [str(path) for path in found.iterdir() if path.name.endswith(extension)] if found.is_dir() else []
    for path in sorted(paths, reverse=directory == "deactivate.d"):
        yield "run", "", path


def replaced(old: str, new: str) -> str:
    entries = os.environ["PATH"].split(":")
    at = entries.index(f"{old}/bin") if old and f"{old}/bin" in entries else 0
    if old and f"{old}/bin" in entries:
        del entries[at]
    if new:
        entries.insert(at, f"{new}/bin")
    return ":".join(entries)


def template(shell: str, action: str, name: str, value: str) -> str:
    if shell == "posix":
        text = {"export": "export {0}={1}", "unset": "export {0}=''", "run": ". {1}"}[action]
        return text.format(name, shlex.quote(value)) + "\n"
    if shell == "csh":
        quoted = "'" + value.replace("'", "'\"'\"'").replace("!", "\\!") + "'"
        return {"export": "setenv {0} {1}", "unset": "unsetenv {0}", "run": "source {1}"}[action].format(
            name, quoted
        ) + ";\n"
    if shell == "fish":
        quoted = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        if name == "PATH":
            quoted = " ".join("'" + re.sub(r"([\\'])", r"\\\1", entry) + "'" for entry in value.split(":"))
        text = {"export": "set -gx {0} {1}", "unset": "set -e {0} || true", "run": "source {1}"}[action]
        return text.format(name, quoted) + ";\n"
    if shell == "powershell":
        quoted = "'" + value.replace("'", "''") + "'"
        return {"export": "$Env:{0} = {1}", "unset": "$Env:{0} = $null", "run": ". {1}"}[action].format(
            name, quoted
        ) + "\n"
    text = {"export": "${0} = {1!r}", "unset": "try:\n    del ${0}\nexcept KeyError:\n    pass"}.get(action, "")
    return (text.format(name, value) if text else f"source-bash --suppress-skip-message -n {value!r}") + "\n"


if __name__ == "__main__":
    main()
