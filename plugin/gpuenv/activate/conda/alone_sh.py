"""What `conda activate` and `conda deactivate` do in sh, bash, zsh and dash, where there is no conda.

It keeps conda's own records (`CONDA_SHLVL`, `CONDA_PREFIX_1`), so that a conda that is there after all can go on from
it. `deactivate` is the name that virtual environments use, and means the same.
"""

from __future__ import annotations

_FUNCTIONS = r"""_gpuenv_env_list () { # DIRECTORY IN-REVERSE: names of scripts in conda's order, a `/` behind each
    if [ -n "${ZSH_VERSION-}" ]; then
        setopt localoptions nullglob
    fi
    _gpuenv_env_found='' _gpuenv_env_locale=${LC_ALL-unset} LC_ALL=C
    for _gpuenv_env_file in "$1"/*.sh; do
        if [ ! -e "$_gpuenv_env_file" ]; then
            continue
        elif [ -n "$2" ]; then
            _gpuenv_env_found="${_gpuenv_env_file##*/}/$_gpuenv_env_found"
        else
            _gpuenv_env_found="$_gpuenv_env_found${_gpuenv_env_file##*/}/"
        fi
    done
    if [ "$_gpuenv_env_locale" = unset ]; then
        unset LC_ALL
    else
        LC_ALL=$_gpuenv_env_locale
    fi
}
_gpuenv_env_source () { # DIRECTORY IN-REVERSE: read the scripts of packages
    _gpuenv_env_list "$1" "$2"
    while [ -n "$_gpuenv_env_found" ]; do
        _gpuenv_env_file=$1/${_gpuenv_env_found%%/*}
        _gpuenv_env_found=${_gpuenv_env_found#*/}
        . "$_gpuenv_env_file"
    done
}
_gpuenv_env_path () { # OLD NEW: put one directory into the place of another, or in front; nothing for none
    case "${1:+:$PATH:}" in
        *":$1:"*)
            _gpuenv_env_found=":$PATH:"
            PATH="${_gpuenv_env_found%%":$1:"*}:${2:+$2:}${_gpuenv_env_found#*":$1:"}"
            PATH=${PATH#:}
            PATH=${PATH%:} ;;
        *) PATH="${2:+$2${PATH:+:}}$PATH" ;;
    esac
    hash -r 2>/dev/null || :
}
_gpuenv_env_name () { # PREFIX LEVEL: what conda says of an active environment
    CONDA_PREFIX=$1 CONDA_SHLVL=$2 CONDA_DEFAULT_ENV=$1
    _gpuenv_env_file=${1%/*}
    if [ "${_gpuenv_env_file##*/}" = envs ]; then
        CONDA_DEFAULT_ENV=${1##*/}
    elif [ -n "${CONDA_EXE-}" ] && [ "$1" = "${CONDA_EXE%/*/*}" ]; then
        CONDA_DEFAULT_ENV=base
    fi
    CONDA_PROMPT_MODIFIER="($CONDA_DEFAULT_ENV) "
    export CONDA_PREFIX CONDA_SHLVL CONDA_DEFAULT_ENV CONDA_PROMPT_MODIFIER
}
_gpuenv_env_prompt () { # OLD NEW: what shells would expand in a prompt is not put there
    if [ -n "${PS1-}" ]; then
        PS1=${PS1#"$1"}
        case "$2" in
            *[\\\$\`!%]*) ;;
            *) PS1="$2$PS1" ;;
        esac
    fi
}
_gpuenv_env_level () {
    _gpuenv_env_level=0
    case "${CONDA_PREFIX:+${CONDA_SHLVL-}}" in
        [1-9] | [1-9][0-9]) _gpuenv_env_level=$CONDA_SHLVL ;;
    esac
}
deactivate () {
    _gpuenv_env_level
    _gpuenv_env_old=${CONDA_PROMPT_MODIFIER-}
    if [ "$_gpuenv_env_level" -gt 0 ]; then
        _gpuenv_env_source "$CONDA_PREFIX/etc/conda/deactivate.d" reverse
    fi
    if [ "$_gpuenv_env_level" -gt 1 ]; then
        _gpuenv_env_level=$((_gpuenv_env_level - 1))
        eval "_gpuenv_env_prefix=\$CONDA_PREFIX_$_gpuenv_env_level"
        unset "CONDA_PREFIX_$_gpuenv_env_level"
        _gpuenv_env_path "$CONDA_PREFIX/bin" "$_gpuenv_env_prefix/bin"
        _gpuenv_env_name "$_gpuenv_env_prefix" "$_gpuenv_env_level"
        _gpuenv_env_prompt "$_gpuenv_env_old" "$CONDA_PROMPT_MODIFIER"
        _gpuenv_env_source "$CONDA_PREFIX/etc/conda/activate.d" ''
    elif [ "$_gpuenv_env_level" = 1 ]; then
        _gpuenv_env_path "$CONDA_PREFIX/bin" ''
        _gpuenv_env_prompt "$_gpuenv_env_old" ''
        unset CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_PROMPT_MODIFIER
        if [ -n "${CONDA_EXE-}" ]; then
            CONDA_SHLVL=0
        else
            unset CONDA_SHLVL
        fi
    fi
    unset -f deactivate _gpuenv_env_list _gpuenv_env_source _gpuenv_env_path _gpuenv_env_name _gpuenv_env_prompt
    unset -f _gpuenv_env_level
    unset _GPUENV_ACTIVE _gpuenv_env_level _gpuenv_env_prefix _gpuenv_env_found _gpuenv_env_file _gpuenv_env_locale
    unset _gpuenv_env_old
}
"""

ACTIVATION = (
    r"""# Written by gpuenv: activates this environment where there is no conda. bash and zsh: `source` this file; other
# shells have to be told where it is: `_GPUENV_ENV=PREFIX; . PREFIX/etc/gpuenv/activate.sh`. `deactivate` undoes it.
if [ -n "${_GPUENV_ACTIVE-}${VIRTUAL_ENV-}" ] && command -v deactivate >/dev/null; then
    deactivate nondestructive
fi
_gpuenv_env_prefix=${_GPUENV_ENV-}
if [ -n "$_gpuenv_env_prefix" ]; then
    :
elif [ -n "${BASH_VERSION-}" ]; then
    eval '_gpuenv_env_prefix=${BASH_SOURCE[0]}'
elif [ -n "${ZSH_VERSION-}" ]; then
    eval '_gpuenv_env_prefix=${(%):-%x}'
fi
unset _GPUENV_ENV
case "$_gpuenv_env_prefix" in
    */etc/gpuenv/activate.sh) _gpuenv_env_prefix=$(CDPATH= cd -- "${_gpuenv_env_prefix%/*}/../.." && pwd) ;;
esac
"""
    + _FUNCTIONS
    + r"""_gpuenv_env_activate () {
    _GPUENV_ACTIVE=$_gpuenv_env_prefix
    _gpuenv_env_level
    _gpuenv_env_old=${CONDA_PROMPT_MODIFIER-}
    if [ "$_gpuenv_env_level" -gt 0 ] && [ "$CONDA_PREFIX" = "$_gpuenv_env_prefix" ]; then
        _gpuenv_env_level=$((_gpuenv_env_level - 1))
        _gpuenv_env_path "$CONDA_PREFIX/bin" ''
    elif [ "$_gpuenv_env_level" -gt 0 ]; then
        _gpuenv_env_source "$CONDA_PREFIX/etc/conda/deactivate.d" reverse
        eval "CONDA_PREFIX_$_gpuenv_env_level=\$CONDA_PREFIX"
        export "CONDA_PREFIX_$_gpuenv_env_level"
    fi
    _gpuenv_env_path "${CONDA_PREFIX:+$CONDA_PREFIX/bin}" "$_gpuenv_env_prefix/bin"
    _gpuenv_env_name "$_gpuenv_env_prefix" $((_gpuenv_env_level + 1))
    _gpuenv_env_prompt "$_gpuenv_env_old" "$CONDA_PROMPT_MODIFIER"
    _gpuenv_env_source "$CONDA_PREFIX/etc/conda/activate.d" ''
}
if [ -d "${_gpuenv_env_prefix:-/dev/null}/conda-meta" ]; then
    _gpuenv_env_activate
else
    echo 'gpuenv: set _GPUENV_ENV to the path of the environment before this shell reads the file' >&2
    unset -f deactivate
fi
unset -f _gpuenv_env_activate
unset _gpuenv_env_level _gpuenv_env_prefix _gpuenv_env_found _gpuenv_env_file _gpuenv_env_locale _gpuenv_env_old
"""
)
