"""csh and tcsh, which have no functions and cannot read a file: every variable is spelled out."""

from __future__ import annotations

from collections.abc import Sequence

from gpuenv.activate.change import Change
from gpuenv.activate.conda.table import PREFIX, at_run_time
from gpuenv.activate.csh import quote

# csh looks at every `$NAME` of a line before it runs any of it, so that a name with a level in it needs `eval`, and
# must have a value by then.
_STATE = r"""    set _gpuenv_level = 0
    if ( $?CONDA_SHLVL ) then
        if ( "$CONDA_SHLVL:q" =~ [1-9] || "$CONDA_SHLVL:q" =~ [1-9][0-9] ) set _gpuenv_level = "$CONDA_SHLVL:q"
    endif
    eval 'if ( ! $?_GPUENV_PREFIX_'"$_gpuenv_level"' ) setenv _GPUENV_PREFIX_'"$_gpuenv_level"' ""'
    eval 'if ( ! $?_GPUENV_NAMES_'"$_gpuenv_level"' ) setenv _GPUENV_NAMES_'"$_gpuenv_level"' ""'
    eval 'set _gpuenv_prefix = "$_GPUENV_PREFIX_'"$_gpuenv_level"':q"'
    eval 'set _gpuenv_names = "$_GPUENV_NAMES_'"$_gpuenv_level"':q"'
"""

_UNDO = r"""    foreach _gpuenv_name ( $_gpuenv_names )
        set _gpuenv_at = _GPUENV_OLD_${_gpuenv_name}_$_gpuenv_level
        eval 'if ( ! $?'"$_gpuenv_at"' ) setenv '"$_gpuenv_at"' -'
        eval 'set _gpuenv_old = "$'"$_gpuenv_at"':q"'
        unsetenv $_gpuenv_at
        unsetenv $_gpuenv_name
        if ( "$_gpuenv_old:q" =~ +* ) setenv $_gpuenv_name "$_gpuenv_old:s/+//:q"
        if ( "$_gpuenv_old:q" =~ =* ) setenv $_gpuenv_name "$_gpuenv_old:s/=//:q"
    end
    unsetenv _GPUENV_PREFIX_$_gpuenv_level
    unsetenv _GPUENV_NAMES_$_gpuenv_level
"""

# The nearest environment below this one: a value that lies in it was inherited, the user did not choose it. With
# characters in its path that are patterns to csh it is not recognized.
_OTHER = r"""        set _gpuenv_other = /dev/null
        if ( $?VIRTUAL_ENV ) then
            set _gpuenv_other = "$VIRTUAL_ENV:q"
        endif
        @ _gpuenv_below = $_gpuenv_level - 1
        while ( $_gpuenv_below > 0 )
            set _gpuenv_at = CONDA_PREFIX_$_gpuenv_below
            eval 'if ( ! $?'"$_gpuenv_at"' ) setenv '"$_gpuenv_at"' ""'
            eval 'set _gpuenv_old = "$'"$_gpuenv_at"':q"'
            if ( "$_gpuenv_old:q" == "" ) unsetenv $_gpuenv_at
            if ( "$_gpuenv_old:q" != "" && -e "$_gpuenv_old:q/etc/gpuenv/receipt.json" ) then
                set _gpuenv_other = "$_gpuenv_old:q"
                break
            endif
            @ _gpuenv_below--
        end
"""

_TAKE = r"""        if ( $_gpuenv_take ) then
            if ( $?NAME ) then
                setenv _GPUENV_OLD_NAME_$_gpuenv_level "+$NAME:q"
            else
                setenv _GPUENV_OLD_NAME_$_gpuenv_level -
            endif
            set _gpuenv_names = "$_gpuenv_names NAME"
            setenv NAME "$_gpuenv_new:q"
        endif
"""

_QUOTE = r"""        if ( "$_gpuenv_value:q" =~ *[" 	"]* || "$_gpuenv_value:q" =~ ["'"'"']* ) then
            if ( "$_gpuenv_value:q" =~ *"'"* ) then
                set _gpuenv_value = ""
            else
                set _gpuenv_value = "'$_gpuenv_value:q'"
            endif
        endif
"""

_NOTICE = r"""        set _gpuenv_take = 1
        if ( $?GPUENV_DRIVER_NOTICE ) then
            if ( "$GPUENV_DRIVER_NOTICE:q" == off ) set _gpuenv_take = 0
        endif
        if ( $_gpuenv_take && -r "$CONDA_PREFIX:q/etc/gpuenv/driver.txt" ) then
            /bin/sh "$CONDA_PREFIX:q/etc/gpuenv/driver-notice.sh"
        endif
"""

_NAMES = ("level", "prefix", "names", "name", "at", "old", "other", "below", "take", "new", "value")
_END = "".join(f"unset _gpuenv_{name}\n" for name in _NAMES)


def activation(changes: Sequence[Change]) -> str:
    """Return the script for activate.d."""
    return (
        "# Written by gpuenv: the variables of this environment. Values of your own stay.\n"
        "if ( $?CONDA_PREFIX ) then\n"
        f"{_STATE}"
        '    if ( "$_gpuenv_prefix:q" != "$CONDA_PREFIX:q" ) then\n'
        f"{_UNDO}{_OTHER}"
        '        set _gpuenv_names = ""\n'
        f"{''.join(_lines(change) + _TAKE.replace('NAME', change.name) for change in changes)}"
        '        setenv _GPUENV_PREFIX_$_gpuenv_level "$CONDA_PREFIX:q"\n'
        '        setenv _GPUENV_NAMES_$_gpuenv_level "$_gpuenv_names:q"\n'
        f"{_NOTICE}"
        "    endif\n"
        f"endif\n{_END}"
    )


DEACTIVATION = f"""\
# Written by gpuenv: puts back what was there before this environment was activated.
if ( $?CONDA_PREFIX ) then
{_STATE}{_UNDO}endif
{_END}"""


def _lines(change: Change) -> str:
    """Return the lines that decide whether a variable is changed, and to what."""
    name, value = change.name, at_run_time(change.value, quote, '"$CONDA_PREFIX:q"')
    unset = f"        set _gpuenv_take = 1\n        set _gpuenv_new = {value}\n        if ( $?{name} ) then\n"
    if change.mode == "default":
        inherited = f'"${name}:q" =~ "$_gpuenv_other:q"/*'
        return f"{unset}            if ( ! ( {inherited} ) ) set _gpuenv_take = 0\n        endif\n"
    if change.mode == "path":
        return (
            f'{unset}            set _gpuenv_old = ":${name}:q"":"\n'
            f'            if ( "$_gpuenv_old:q" =~ *":"{value}":"* ) set _gpuenv_take = 0\n'
            f'            if ( "${name}:q" != "" ) set _gpuenv_new = {value}":${name}:q"\n        endif\n'
        )
    return _flag_lines(change)


def _flag_lines(change: Change) -> str:
    name, key = change.name, quote(change.key)
    if PREFIX in change.value:
        text = at_run_time(change.value.partition("=")[2], quote, '"$CONDA_PREFIX:q"')
        lines, flag = f"        set _gpuenv_value = {text}\n{_QUOTE}", f'{key}="$_gpuenv_value:q"'
        take = '        set _gpuenv_take = 1\n        if ( "$_gpuenv_value:q" == "" ) set _gpuenv_take = 0\n'
    else:
        lines, flag, take = "", quote(change.value), "        set _gpuenv_take = 1\n"
    # The `X` keeps a value that starts with `-` from being read as a test for a file.
    old = f'"X ${name}:q "'
    there = " || ".join(f'{old} =~ X*"{before}"{key}"{after}"*' for before in " \t" for after in "= \t")
    inherited = " || ".join(f'{old} =~ X*" "{key}"={mark}$_gpuenv_other:q/"*' for mark in ("", "'"))
    not_flags = f'{old} !~ "X -"* && {old} !~ "X  -"* && {old} != "X  "'
    return (
        f"{lines}{take}        set _gpuenv_new = {flag}\n        if ( $?{name} ) then\n"
        f"            if ( ( {there} ) && ! ( {inherited} ) ) set _gpuenv_take = 0\n"
        f"            if ( {not_flags} ) set _gpuenv_take = 0\n"
        f'            if ( "X${name}:q" != X ) set _gpuenv_new = "${name}:q "{flag}\n        endif\n'
    )
