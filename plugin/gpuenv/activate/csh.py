"""csh and tcsh, which have no functions: every variable is spelled out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gpuenv.activate.change import Change

_ALIAS = re.compile(r"^alias deactivate '(.*)$", re.MULTILINE)


# Alone, first, last or within a list; csh cannot put a colon behind a modifier.
_IN_LIST = (("", ""), ("", '":"*'), ('*":"', ""), ('*":"', '":"*'))
# The text names the variable that holds the old value and never holds the value itself.
_SAVE = """\
        set _GPUENV_OLD_NAME = "$NAME:q"
        set _GPUENV_RESTORE = 'setenv NAME "$_GPUENV_OLD_NAME:q"; unset _GPUENV_OLD_NAME; '"$_GPUENV_RESTORE:q"
"""


def quote(text: str) -> str:
    """Quote for csh, where `!` means history even inside single quotes."""
    return "'" + text.replace("'", "'\"'\"'").replace("!", "\\!") + "'"


def deactivate(script: str) -> str | None:
    """Return the script's own alias `deactivate` with our part in front; None when it has none."""
    found = _ALIAS.search(script)
    if found is None:
        return None
    undo = 'test $?_GPUENV_RESTORE != 0 && eval "$_GPUENV_RESTORE:q" && unset _GPUENV_RESTORE'
    return f"alias deactivate '{undo}; {found[1]}\n"


def block(changes: Sequence[Change]) -> str:
    """Return the lines that set the variables, for the end of `activate.csh`."""
    note = (
        "# The variables of this environment. `deactivate` puts back what was there before; values of your own stay.\n"
    )
    return note + 'set _GPUENV_RESTORE = ":;"\n' + "".join(_lines(change) for change in changes) + "rehash\n"


def _lines(change: Change) -> str:
    name, value = change.name, quote(change.value)
    unset = f'    set _GPUENV_RESTORE = "unsetenv {name}; $_GPUENV_RESTORE:q"\n    setenv {name} {value}\n'
    if change.mode == "default":
        return f"if ( ! $?{name} ) then\n{unset}endif\n"
    # The `X` keeps a value that starts with `-` from being read as a test for a file.
    old = f'"X ${name}:q "'
    if change.mode == "flag":
        key = quote(change.key)
        there = " || ".join(f'{old} =~ X*"{before}"{key}"{after}"*' for before in " \t" for after in "= \t")
        there += f' || ( {old} !~ "X -"* && {old} !~ "X  -"* && {old} != "X  " )'
        new = f'"${name}:q "{value}'
    else:
        there = " || ".join(f'"X${name}:q" =~ X{before}{value}{after}' for before, after in _IN_LIST)
        new = f'{value}":${name}:q"'
    # PATH is saved by the script itself.
    save = "" if name == "PATH" else _SAVE.replace("NAME", name)
    add = (
        f'        if ( "X${name}:q" == X ) then\n            setenv {name} {value}\n'
        f"        else\n            setenv {name} {new}\n        endif\n"
    )
    return f"if ( ! $?{name} ) then\n{unset}else\n    if ( {there} ) then\n    else\n{save}{add}    endif\nendif\n"
