"""fish."""

from __future__ import annotations

from collections.abc import Sequence

from gpuenv.activate.change import Change

# Only a global value is saved: a universal one is shadowed meanwhile and shows again when ours is erased.
DEACTIVATE = """\
    for _gpuenv_name in $_gpuenv_names
        set -l _gpuenv_old _gpuenv_old_$_gpuenv_name
        set -eg $_gpuenv_name
        if set -qgx $_gpuenv_old
            set -gx $_gpuenv_name $$_gpuenv_old
        else if set -qg $_gpuenv_old
            set -gu $_gpuenv_name $$_gpuenv_old
        end
        set -eg $_gpuenv_old
    end
    set -eg _gpuenv_names
    if test "$argv[1]" = nondestructive; and set -q VIRTUAL_ENV
        set -g _gpuenv_outer $VIRTUAL_ENV
    end
"""

_FUNCTIONS = """\
# The variables of this environment. `deactivate` puts back what was there before; values of your own stay.
function _gpuenv_set -a name value
    if test $name != PATH
        set -ga _gpuenv_names $name
        if set -qgx $name
            set -gx _gpuenv_old_$name $$name
        else if set -qg $name
            set -gu _gpuenv_old_$name $$name
        end
    end
    set -gx $name $value
end
function _gpuenv_outer_is -a start text
    set -q _gpuenv_outer; or return 1
    set -l begin "$start$_gpuenv_outer/"
    test "$(string sub -l (string length -- $begin) -- $text)" = "$begin"
end
function _gpuenv_default -a name value
    if not set -q $name; or _gpuenv_outer_is '' "$$name"
        _gpuenv_set $name $value
    end
end
function _gpuenv_flag -a name key flag
    set -l old (string join ' ' -- $$name)
    for its in (string split -n ' ' -- (string replace -ra '\\s' ' ' -- $old))
        if test (string split -m 1 = -- $its)[1] = $key; and not _gpuenv_outer_is $key= $its
            return
        end
    end
    switch (string trim -- "$old")
        case ''
            _gpuenv_set $name $flag
        case '-*'
            _gpuenv_set $name "$old $flag"
    end
end
function _gpuenv_path -a name directory
    set -l old (string join : -- $$name)
    if test -z "$old"
        _gpuenv_set $name $directory
    else if not contains -- $directory (string split : -- $old)
        _gpuenv_set $name "$directory:$old"
    end
end
"""

_END = """\
functions -e _gpuenv_set _gpuenv_outer_is _gpuenv_default _gpuenv_flag _gpuenv_path
set -eg _gpuenv_outer
"""


def quote(text: str) -> str:
    """Quote for fish, where a backslash escapes itself and the quote inside single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def block(changes: Sequence[Change]) -> str:
    """Return the lines that set the variables, for the end of `activate.fish`."""
    return _FUNCTIONS + "".join(_line(change) for change in changes) + _END


def _line(change: Change) -> str:
    key = f"{quote(change.key)} " if change.mode == "flag" else ""
    return f"_gpuenv_{change.mode} {change.name} {key}{quote(change.value)}\n"
