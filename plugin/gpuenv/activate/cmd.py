"""The Windows command processor: `activate.bat` and `deactivate.bat`.

cmd has no variables that children do not inherit, so an inherited activation can be undone completely: what was active
before is deactivated first, in a new cmd too. What was there before is kept in `_GPUENV_OLD_*`, behind a `+` when it
was set and as `-` when not.
"""

from __future__ import annotations

from collections.abc import Sequence

from gpuenv.activate.change import Change

# Goes in front of everything else in `activate.bat`.
BEFORE = """\
@if not defined VIRTUAL_ENV @goto GPUENV_BEGIN
@if exist "%VIRTUAL_ENV%\\Scripts\\deactivate.bat" @call "%VIRTUAL_ENV%\\Scripts\\deactivate.bat"
:GPUENV_BEGIN
"""


def quote(text: str) -> str:
    """Escape for a batch file, inside the double quotes that are there already."""
    return text.replace("%", "%%")


def block(changes: Sequence[Change]) -> str:
    """Return the lines that set the variables, for `activate.bat` while its code page is UTF-8."""
    note = (
        "@REM The variables of this environment. `deactivate` puts back what was there before; your own values stay.\n"
    )
    return note + "".join(_set(change) for change in changes)


def deactivate(changes: Sequence[Change]) -> str:
    """Return the lines that put back what was there before, for the start of `deactivate.bat`."""
    return "".join(
        f'@if not defined _GPUENV_OLD_{name} @goto GPUENV_KEEP_{name}\n@set "{name}=%_GPUENV_OLD_{name}:~1%"\n'
        f'@if "%_GPUENV_OLD_{name}:~0,1%"=="-" @set "{name}="\n@set "_GPUENV_OLD_{name}="\n:GPUENV_KEEP_{name}\n'
        for name in dict.fromkeys(change.name for change in changes if change.name != "PATH")
    )


def _set(change: Change) -> str:
    name, value = change.name, quote(change.value)
    if name == "PATH":  # the scripts themselves save and restore it
        return f'@set "PATH={value};%PATH%"\n'
    new = f'@set "_GPUENV_OLD_{name}=-"\n@set "{name}={value}"\n'
    if change.mode == "default":
        return f"@if defined {name} @goto GPUENV_DONE_{name}\n{new}:GPUENV_DONE_{name}\n"
    added = f"%{name}% {value}" if change.mode == "flag" else f"{value};%{name}%"
    keep = f"@goto GPUENV_DONE_{name}"
    # Between double quotes, quotes of the user's own would end the string and run what follows. Such a value is left
    # alone here; the start-up file adds to it.
    tests = f'@if not "%{name}:"=%"=="%{name}:"=\'%" {keep}\n'
    if change.mode == "flag":
        tests += (
            f'@if not "%{name}:{change.key}=%"=="%{name}%" {keep}\n'
            f'@for /f "usebackq tokens=1" %%i in (\'%{name}%\') do @set "_GPUENV_FIRST=%%i"\n'
            f'@if not "%_GPUENV_FIRST:~0,1%"=="-" {keep}\n'
        )
    return (
        f"@if defined {name} @goto GPUENV_ADD_{name}\n{new}{keep}\n:GPUENV_ADD_{name}\n{tests}"
        f'@set "_GPUENV_OLD_{name}=+%{name}%"\n@set "{name}={added}"\n:GPUENV_DONE_{name}\n@set "_GPUENV_FIRST="\n'
    )
