"""sh, bash, zsh, dash: one text for all four, safe under `set -eu`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from gpuenv.activate.change import Change

quote = shlex.quote

# `_GPUENV_RESTORE` is a script of our own words; the values it puts back are in `_GPUENV_OLD_*`, never in its text. It
# must not depend on which environment wrote it: when one is activated over another, the new one's `deactivate` undoes
# the old. A shell that was started inside an active environment has its variables but not its functions:
# `_GPUENV_OUTER` tells them from values of the user's own. A plain virtual environment activated over ours knows
# nothing of this: the variables stay until one of ours is activated again.
DEACTIVATE = """\
    eval "${_GPUENV_RESTORE-}"
    unset _GPUENV_RESTORE
    if [ "${1-}" = "nondestructive" ]; then
        _GPUENV_OUTER="${VIRTUAL_ENV-}"
    fi
"""

_FUNCTIONS = """\
# The variables of this environment. `deactivate` puts back what was there before; values of your own stay.
_gpuenv_set () { # NAME VALUE
    if [ "$1" != PATH ]; then
        if eval "[ -z \\"\\${$1+set}\\" ]"; then
            _GPUENV_RESTORE="unset $1;${_GPUENV_RESTORE-}"
        else
            if /bin/sh -c "[ -n \\"\\${$1+set}\\" ]"; then
                _GPUENV_RESTORE="export $1;${_GPUENV_RESTORE-}"
            fi
            eval "_GPUENV_OLD_$1=\\$$1"
            _GPUENV_RESTORE="unset $1;$1=\\$_GPUENV_OLD_$1;unset _GPUENV_OLD_$1;${_GPUENV_RESTORE-}"
        fi
    fi
    eval "$1=\\$2"
    export "$1"
}
_gpuenv_default () { # NAME VALUE
    eval "_gpuenv_old=\\${$1-}"
    if eval "[ -z \\"\\${$1+set}\\" ]"; then
        _gpuenv_set "$1" "$2"
    else
        case "$_gpuenv_old" in
            "${_GPUENV_OUTER:-/dev/null}"/*) _gpuenv_set "$1" "$2" ;;
        esac
    fi
}
_gpuenv_flag () { # NAME KEY FLAG
    eval "_gpuenv_old=\\${$1-}"
    case " $_gpuenv_old " in
        *"$2=${_GPUENV_OUTER:-/dev/null}/"*) ;;
        *[[:space:]]"$2="* | *[[:space:]]"$2"[[:space:]]*) return 0 ;;
    esac
    case "${_gpuenv_old#"${_gpuenv_old%%[![:space:]]*}"}" in
        '') _gpuenv_set "$1" "$3" ;;
        -*) _gpuenv_set "$1" "$_gpuenv_old $3" ;;
    esac
}
_gpuenv_path () { # NAME DIRECTORY
    eval "_gpuenv_old=\\${$1-}"
    case ":$_gpuenv_old:" in
        *":$2:"*) ;;
        ::) _gpuenv_set "$1" "$2" ;;
        *) _gpuenv_set "$1" "$2:$_gpuenv_old" ;;
    esac
}
"""

_END = """\
unset -f _gpuenv_set _gpuenv_default _gpuenv_flag _gpuenv_path
unset _gpuenv_old _GPUENV_OUTER
hash -r 2>/dev/null || true
"""


def block(changes: Sequence[Change], platform: str) -> str:
    """Return the lines that set the variables, for the end of `activate`."""
    return _FUNCTIONS + "".join(_line(change, platform) for change in changes) + _END


def _line(change: Change, platform: str) -> str:
    value = quote(change.value)
    if change.mode == "flag":
        return f"_gpuenv_flag {change.name} {quote(change.key)} {value}\n"
    if change.mode == "path" and platform.startswith("win"):  # the shells of Git and MSYS2 split lists at colons
        value = f'"$(cygpath -u {value})"'
    return f"_gpuenv_{change.mode} {change.name} {value}\n"
