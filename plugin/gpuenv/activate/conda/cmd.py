"""The Windows command processor.

It cannot read a file without a process, so that there is no driver notice here; and a value that was inherited from an
environment below is not told from the user's own: in Python the start-up file does that.
"""

from __future__ import annotations

from collections.abc import Sequence

from gpuenv.activate.change import Change
from gpuenv.activate.cmd import quote
from gpuenv.activate.conda.table import PREFIX, at_run_time

_LEVEL = """\
@set "_GPUENV_LEVEL=0"
@if defined CONDA_SHLVL @set "_GPUENV_LEVEL=%CONDA_SHLVL%"
"""

# `call` expands a second time, which is how a variable whose name is put together is read.
_IS_ACTIVE = """\
@call set "_GPUENV_VALUE=%%_GPUENV_PREFIX_%_GPUENV_LEVEL%%%"
@if "%_GPUENV_VALUE%"=="%CONDA_PREFIX%" @goto GPUENV_END
"""

# An empty value is the same as none to cmd.
DEACTIVATION = f"""\
@REM Written by gpuenv: puts back what was there before this environment was activated.
{_LEVEL}@call set "_GPUENV_NAMES=%%_GPUENV_NAMES_%_GPUENV_LEVEL%%%"
@for %%n in (%_GPUENV_NAMES%) do @call :GPUENV_BACK %%n
@set "_GPUENV_NAMES_%_GPUENV_LEVEL%="
@set "_GPUENV_PREFIX_%_GPUENV_LEVEL%="
@set "_GPUENV_NAMES="
@set "_GPUENV_LEVEL="
@set "_GPUENV_OLD="
@goto :EOF
:GPUENV_BACK
@if not defined _GPUENV_OLD_%1_%_GPUENV_LEVEL% @goto :EOF
@call set "_GPUENV_OLD=%%_GPUENV_OLD_%1_%_GPUENV_LEVEL%%%"
@set "%1="
@if "%_GPUENV_OLD:~0,1%"=="+" @set "%1=%_GPUENV_OLD:~1%"
@set "_GPUENV_OLD_%1_%_GPUENV_LEVEL%="
@goto :EOF
"""


def activation(changes: Sequence[Change], entries: Sequence[str]) -> str:
    """Return the script for activate.d; `entries` go on PATH behind conda's first directory.

    Conda removes everything between its first and its last directory from PATH, so that nobody has to undo this.
    """
    path = ";".join(["%CONDA_PREFIX%", *(_text(entry) for entry in entries), "%PATH%"])
    return (
        "@REM Written by gpuenv: the variables of this environment. Values of your own stay.\n"
        "@if not defined CONDA_PREFIX @goto :EOF\n"
        f"{_LEVEL}{_IS_ACTIVE}"
        f'@if defined _GPUENV_VALUE @call "%~dp0..\\deactivate.d\\%~nx0"\n{_LEVEL}'
        f'@set "_GPUENV_NAMES="\n{"".join(_set(change) for change in changes)}'
        '@set "_GPUENV_PREFIX_%_GPUENV_LEVEL%=%CONDA_PREFIX%"\n'
        '@set "_GPUENV_NAMES_%_GPUENV_LEVEL%=%_GPUENV_NAMES%"\n'
        f'@set "PATH={path}"\n'
        ":GPUENV_END\n"
        '@set "_GPUENV_NAMES="\n@set "_GPUENV_VALUE="\n@set "_GPUENV_FIRST="\n@set "_GPUENV_LEVEL="\n'
    )


def _text(value: str) -> str:
    return at_run_time(value, quote, "%CONDA_PREFIX%")


def _set(change: Change) -> str:
    name, done = change.name, f"@goto GPUENV_DONE_{change.name}"
    value, lines = _text(change.value), ""
    if change.mode == "flag" and PREFIX in change.value:
        value = f"{quote(change.key)}=%_GPUENV_VALUE%"
        # A path with a quote and a blank is left to the start-up file.
        lines = (
            f'@set "_GPUENV_VALUE={_text(change.value.partition("=")[2])}"\n'
            '@if "%_GPUENV_VALUE: =%"=="%_GPUENV_VALUE%" @goto GPUENV_QUOTED_' + name + "\n"
            f'@if not "%_GPUENV_VALUE:\'=%"=="%_GPUENV_VALUE%" {done}\n'
            f"@set \"_GPUENV_VALUE='%_GPUENV_VALUE%'\"\n:GPUENV_QUOTED_{name}\n"
        )
    names = f'@set "_GPUENV_NAMES=%_GPUENV_NAMES% {name}"\n'
    new = f'{names}@set "_GPUENV_OLD_{name}_%_GPUENV_LEVEL%=-"\n@set "{name}={value}"\n'
    if change.mode == "default":
        return f"@if defined {name} {done}\n{new}:GPUENV_DONE_{name}\n"
    added = f"%{name}% {value}" if change.mode == "flag" else f"{value};%{name}%"
    # Between double quotes, quotes of the user's own would end the string and run what follows. Such a value is left
    # alone here; the start-up file adds to it.
    tests = f'@if not "%{name}:"=%"=="%{name}:"=\'%" {done}\n'
    if change.mode == "flag":
        tests += (
            f'@if not "%{name}:{change.key}=%"=="%{name}%" {done}\n'
            f'@for /f "usebackq tokens=1" %%i in (\'%{name}%\') do @set "_GPUENV_FIRST=%%i"\n'
            f'@if not "%_GPUENV_FIRST:~0,1%"=="-" {done}\n'
        )
    return (
        f"{lines}@if defined {name} @goto GPUENV_ADD_{name}\n{new}{done}\n:GPUENV_ADD_{name}\n{tests}{names}"
        f'@set "_GPUENV_OLD_{name}_%_GPUENV_LEVEL%=+%{name}%"\n@set "{name}={added}"\n:GPUENV_DONE_{name}\n'
    )
