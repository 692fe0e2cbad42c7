"""sh, bash, zsh, dash, and xonsh through bash: one text for all, safe under `set -eu` and with noclobber; no process.

The one exception: dash, ksh and old bashes cannot tell whether a variable is exported, so that they start a process
when one is going to be changed that is set already.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import PurePosixPath

from gpuenv.activate.change import Change
from gpuenv.activate.conda.table import PREFIX, at_run_time
from gpuenv.activate.sh import quote

# The user's shell can have any settings, so this is POSIX and nothing more: no `local`, no word splitting, no `return`
# outside functions. What it defines is gone at the end.
_UNDO = r"""_gpuenv_level=0
case "${CONDA_SHLVL-}" in
    [1-9] | [1-9][0-9]) _gpuenv_level=$CONDA_SHLVL ;;
esac
_gpuenv_undo () {
    eval "_gpuenv_names=\${_GPUENV_NAMES_$_gpuenv_level-}"
    unset "_GPUENV_NAMES_$_gpuenv_level" "_GPUENV_PREFIX_$_gpuenv_level"
    while [ -n "$_gpuenv_names" ]; do
        _gpuenv_name=${_gpuenv_names%% *}
        _gpuenv_names=${_gpuenv_names#"$_gpuenv_name"}
        _gpuenv_names=${_gpuenv_names# }
        case "$_gpuenv_name" in
            '' | [0-9]* | *[!A-Za-z0-9_]*) continue ;;
        esac
        eval "_gpuenv_old=\${_GPUENV_OLD_${_gpuenv_name}_$_gpuenv_level-}"
        unset "_GPUENV_OLD_${_gpuenv_name}_$_gpuenv_level" "$_gpuenv_name"
        case "$_gpuenv_old" in
            [+=]*) eval "$_gpuenv_name=\${_gpuenv_old#?}" ;;
        esac
        case "$_gpuenv_old" in
            +*) export "$_gpuenv_name" ;;
        esac
    done
}
"""

_SET = r"""_gpuenv_exported () { # NAME
    case "${ZSH_VERSION:+zsh}${BASH_VERSION-}" in
        zsh) eval "case \${(t)$1} in *export*) return 0 ;; *) return 1 ;; esac" ;;
        '' | [1-3].* | 4.[0-3].*) /bin/sh -c "[ -n \"\${$1+set}\" ]" ;;
        *) eval "case \${$1@a} in *x*) return 0 ;; *) return 1 ;; esac" ;;
    esac
}
_gpuenv_set () { # NAME VALUE
    if eval "[ -z \"\${$1+set}\" ]"; then
        _gpuenv_old=-
    elif _gpuenv_exported "$1"; then
        eval "_gpuenv_old=\"+\$$1\""
    else
        eval "_gpuenv_old=\"=\$$1\""
    fi
    eval "_GPUENV_OLD_$1_$_gpuenv_level=\$_gpuenv_old"
    export "_GPUENV_OLD_$1_$_gpuenv_level"
    _gpuenv_names="${_gpuenv_names:+$_gpuenv_names }$1"
    eval "$1=\$2"
    export "$1"
}
_gpuenv_inherited () { # KEY: whether the old value, or that of the flag, lies in an environment that is active below
    _gpuenv_below=$_gpuenv_level
    while [ "$_gpuenv_below" -gt 0 ]; do
        _gpuenv_below=$((_gpuenv_below - 1))
        _gpuenv_other=${VIRTUAL_ENV:-/dev/null}
        if [ "$_gpuenv_below" -gt 0 ]; then
            eval "_gpuenv_other=\${CONDA_PREFIX_$_gpuenv_below:-/dev/null}"
        fi
        case " $_gpuenv_old" in
            " $_gpuenv_other"/* | *[[:space:]]"${1:-/}=$_gpuenv_other"/* | *[[:space:]]"${1:-/}='$_gpuenv_other"/*)
                return 0 ;;
        esac
    done
    return 1
}
_gpuenv_default () { # NAME VALUE
    eval "_gpuenv_old=\${$1-}"
    if eval "[ -z \"\${$1+set}\" ]" || _gpuenv_inherited ''; then
        _gpuenv_set "$1" "$2"
    fi
}
_gpuenv_flag () { # NAME KEY FLAG
    eval "_gpuenv_old=\${$1-}"
    case " $_gpuenv_old " in
        *[[:space:]]"$2="* | *[[:space:]]"$2"[[:space:]]*)
            if ! _gpuenv_inherited "$2"; then
                return 0
            fi ;;
    esac
    case "${_gpuenv_old#"${_gpuenv_old%%[![:space:]]*}"}" in
        '') _gpuenv_set "$1" "$3" ;;
        -*) _gpuenv_set "$1" "$_gpuenv_old $3" ;;
    esac
}
_gpuenv_path () { # NAME DIRECTORY
    eval "_gpuenv_old=\${$1-}"
    case ":$_gpuenv_old:" in
        *":$2:"*) ;;
        ::) _gpuenv_set "$1" "$2" ;;
        *) _gpuenv_set "$1" "$2:$_gpuenv_old" ;;
    esac
}
_gpuenv_quote () { # VALUE: puts it into quotes where XLA needs them
    _gpuenv_value=$1
    case "$1" in
        [\'\"]* | *[[:blank:]]*) ;;
        *) return 0 ;;
    esac
    case "$1" in
        *\'*) ;;
        *) _gpuenv_value="'$1'" && return 0 ;;
    esac
    _gpuenv_value='"' _gpuenv_rest=$1
    while :; do
        _gpuenv_other=${_gpuenv_rest%%[\\\"]*}
        _gpuenv_value=$_gpuenv_value$_gpuenv_other
        if [ "$_gpuenv_other" = "$_gpuenv_rest" ]; then
            break
        fi
        _gpuenv_rest=${_gpuenv_rest#"$_gpuenv_other"}
        _gpuenv_value="$_gpuenv_value\\${_gpuenv_rest%"${_gpuenv_rest#?}"}"
        _gpuenv_rest=${_gpuenv_rest#?}
    done
    _gpuenv_value="$_gpuenv_value\""
}
"""

_NOTICE = r"""    if [ "${GPUENV_DRIVER_NOTICE-}" != off ] && [ -d MODULES ] &&
        [ -r "$CONDA_PREFIX/etc/gpuenv/driver.txt" ]; then
        _gpuenv_proven='' _gpuenv_command='' _gpuenv_old=''
        { IFS= read -r _gpuenv_proven && IFS= read -r _gpuenv_command; } <"$CONDA_PREFIX/etc/gpuenv/driver.txt" || :
        if [ -r VERSION ]; then
            IFS= read -r _gpuenv_old <VERSION || :
        fi
        if [ -n "$_gpuenv_proven" ] && [ "$_gpuenv_old" != "$_gpuenv_proven" ]; then
            case "${_gpuenv_command##* }${CONDA_DEFAULT_ENV-}" in
                -n | -n*/* | -p*) _gpuenv_name=$CONDA_PREFIX _gpuenv_command="${_gpuenv_command% *} -p" ;;
                *) _gpuenv_name=$CONDA_DEFAULT_ENV ;;
            esac
            case "$_gpuenv_name" in
                *[!A-Za-z0-9_./-]*) _gpuenv_name="'$_gpuenv_name'" ;;
            esac
            printf '%s%s%s\n' "gpuenv: the NVIDIA driver is ${_gpuenv_old:-not loaded}, " \
                "this environment was proven with $_gpuenv_proven: run " \
                "\`$_gpuenv_command $_gpuenv_name\`" >&2
        fi
    fi
"""


def notice(version_path: PurePosixPath) -> str:
    """Return the driver notice as a script of its own, for csh, which cannot read a file; `version_path` as below."""
    return (
        "# Written by gpuenv: says so when the NVIDIA driver is not the one that this environment was proven with.\n"
        + (textwrap.dedent(_notice(version_path)))
    )


def _notice(version_path: PurePosixPath) -> str:
    text = _NOTICE.replace("MODULES", quote(str(version_path.parent.parent)))
    return text.replace("VERSION", quote(str(version_path)))


def activation(changes: Sequence[Change], version_path: PurePosixPath) -> str:
    """Return the script for activate.d; `version_path` is the file with the version of the loaded driver."""
    lines = "".join(f"    {line}\n" for change in changes for line in _lines(change))
    return (
        "# Written by gpuenv: the variables of this environment. Values of your own stay.\n"
        f"{_UNDO}{_SET}"
        'eval "_gpuenv_names=\\${_GPUENV_PREFIX_$_gpuenv_level-}"\n'
        'if [ -n "${CONDA_PREFIX-}" ] && [ "$_gpuenv_names" != "$CONDA_PREFIX" ]; then\n'
        "    _gpuenv_undo\n"
        f"{lines}"
        '    eval "_GPUENV_PREFIX_$_gpuenv_level=\\$CONDA_PREFIX _GPUENV_NAMES_$_gpuenv_level=\\$_gpuenv_names"\n'
        '    export "_GPUENV_PREFIX_$_gpuenv_level" "_GPUENV_NAMES_$_gpuenv_level"\n'
        f"{_notice(version_path)}"
        "fi\n"
        "unset -f _gpuenv_undo _gpuenv_exported _gpuenv_set _gpuenv_inherited _gpuenv_default _gpuenv_flag\n"
        "unset -f _gpuenv_path _gpuenv_quote\n"
        "unset _gpuenv_level _gpuenv_names _gpuenv_name _gpuenv_old _gpuenv_below _gpuenv_other _gpuenv_value\n"
        "unset _gpuenv_rest _gpuenv_proven _gpuenv_command\n"
    )


DEACTIVATION = f"""\
# Written by gpuenv: puts back what was there before this environment was activated.
{_UNDO}_gpuenv_undo
unset -f _gpuenv_undo
unset _gpuenv_level _gpuenv_names _gpuenv_name _gpuenv_old
"""


def _lines(change: Change) -> list[str]:
    value = at_run_time(change.value, quote, '"$CONDA_PREFIX"')
    if change.mode != "flag":
        return [f"_gpuenv_{change.mode} {change.name} {value}"]
    key = quote(change.key)
    if PREFIX not in change.value:
        return [f"_gpuenv_flag {change.name} {key} {value}"]
    text = at_run_time(change.value.partition("=")[2], quote, '"$CONDA_PREFIX"')
    return [f"_gpuenv_quote {text}", f'_gpuenv_flag {change.name} {key} {key}="$_gpuenv_value"']
