"""fish."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from gpuenv.activate.change import Change
from gpuenv.activate.conda.table import PREFIX, at_run_time
from gpuenv.activate.fish import quote

# Only a global value is saved: a universal one is shadowed meanwhile and shows again when ours is erased.
_UNDO = r"""set -g _gpuenv_level 0
if string match -qr '^[1-9][0-9]?$' -- "$CONDA_SHLVL"
    set -g _gpuenv_level $CONDA_SHLVL
end
function _gpuenv_undo
    set -l names _GPUENV_NAMES_$_gpuenv_level
    for name in (string split -n ' ' -- "$$names")
        string match -qr '^[A-Za-z_][A-Za-z0-9_]*$' -- $name; or continue
        set -l saved _GPUENV_OLD_{$name}_$_gpuenv_level
        set -l value "$$saved"
        set -l old (string sub -s 2 -- $value)
        set -eg $name
        set -eg $saved
        switch $value
            case '+*'
                set -gx $name $old
            case '=*'
                set -gu $name $old
        end
    end
    set -eg $names
    set -eg _GPUENV_PREFIX_$_gpuenv_level
end
"""

_SET = r"""function _gpuenv_set -a name value
    set -l saved _GPUENV_OLD_{$name}_$_gpuenv_level
    if set -qgx $name
        set -gx $saved "+$$name"
    else if set -qg $name
        set -gx $saved "=$$name"
    else
        set -gx $saved -
    end
    set -ga _gpuenv_names $name
    set -gx $name $value
end
function _gpuenv_inherited -a key text
    set -l others $VIRTUAL_ENV
    set -l below 1
    while test $below -lt $_gpuenv_level
        set -l other CONDA_PREFIX_$below
        set -a others $$other
        set below (math $below + 1)
    end
    for other in $others
        for start in "$other/" "$key=$other/" "$key='$other/"
            test "$(string sub -l (string length -- $start) -- $text)" = "$start"; and return
        end
    end
    return 1
end
function _gpuenv_default -a name value
    if not set -q $name; or _gpuenv_inherited '' "$$name"
        _gpuenv_set $name $value
    end
end
function _gpuenv_flag -a name key flag
    set -l old (string join ' ' -- $$name)
    for its in (string split -n ' ' -- (string replace -ra '\s' ' ' -- $old))
        if test (string split -m 1 = -- $its)[1] = $key; and not _gpuenv_inherited $key $its
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
function _gpuenv_quote -a value
    if not string match -qr '^[\'"]|[ \t]' -- $value
        echo $value
    else if not string match -q "*'*" -- $value
        echo "'$value'"
    else
        echo '"'(string replace -ra '([\\\\"])' '\\\\$1' -- $value)'"'
    end
end
"""

_NOTICE = r"""    if test "$GPUENV_DRIVER_NOTICE" != off -a -r "$CONDA_PREFIX/etc/gpuenv/driver.txt" -a -d MODULES
        set -l proven ''
        set -l stem ''
        set -l found ''
        begin
            read proven
            read stem
        end <"$CONDA_PREFIX/etc/gpuenv/driver.txt"
        test -r VERSION; and read found <VERSION
        if test -n "$proven" -a "$found" != "$proven"
            set -l its $CONDA_DEFAULT_ENV
            if string match -q -- '* -p' $stem; or test -z "$its"; or string match -q '*/*' -- $its
                set its $CONDA_PREFIX
                set stem (string replace -r -- ' -.$' ' -p' $stem)
            end
            test -n "$found"; or set found 'not loaded'
            echo "gpuenv: the NVIDIA driver is $found, this environment was proven with $proven:" \
                "run `$stem "(string escape -- $its)"`" >&2
        end
    end
"""


def activation(changes: Sequence[Change], version_path: PurePosixPath) -> str:
    """Return the script for activate.d; `version_path` is the file with the version of the loaded driver."""
    notice = _NOTICE.replace("MODULES", quote(str(version_path.parent.parent)))
    lines = "".join(f"    {_line(change)}\n" for change in changes)
    return (
        "# Written by gpuenv: the variables of this environment. Values of your own stay.\n"
        f"{_UNDO}{_SET}"
        "function _gpuenv_activate\n"
        "    set -l at _GPUENV_PREFIX_$_gpuenv_level\n"
        '    test -n "$CONDA_PREFIX" -a "$$at" != "$CONDA_PREFIX"; or return\n'
        "    _gpuenv_undo\n"
        f"{lines}"
        "    set -gx _GPUENV_PREFIX_$_gpuenv_level $CONDA_PREFIX\n"
        '    set -gx _GPUENV_NAMES_$_gpuenv_level "$_gpuenv_names"\n'
        f"{notice.replace('VERSION', quote(str(version_path)))}"
        "end\n"
        "_gpuenv_activate\n"
        "functions -e _gpuenv_undo _gpuenv_set _gpuenv_inherited _gpuenv_default _gpuenv_flag _gpuenv_path\n"
        "functions -e _gpuenv_quote _gpuenv_activate\n"
        "set -eg _gpuenv_level\n"
        "set -eg _gpuenv_names\n"
    )


DEACTIVATION = f"""\
# Written by gpuenv: puts back what was there before this environment was activated.
{_UNDO}_gpuenv_undo
functions -e _gpuenv_undo
set -eg _gpuenv_level
"""


def _line(change: Change) -> str:
    value = at_run_time(change.value, quote, '"$CONDA_PREFIX"')
    if change.mode != "flag":
        return f"_gpuenv_{change.mode} {change.name} {value}"
    key = quote(change.key)
    if PREFIX in change.value:
        text = at_run_time(change.value.partition("=")[2], quote, '"$CONDA_PREFIX"')
        value = f"{key}=(_gpuenv_quote {text})"
    return f"_gpuenv_flag {change.name} {key} {value}"
