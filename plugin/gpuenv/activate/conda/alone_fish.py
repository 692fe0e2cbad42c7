"""What `conda activate` and `conda deactivate` do in fish, where there is no conda; see `alone_sh`."""

from __future__ import annotations

ACTIVATION = r"""# Written by gpuenv: activates this environment where there is no conda. `deactivate` undoes it.
if functions -q deactivate; and test -n "$VIRTUAL_ENV$_gpuenv_active"
    deactivate nondestructive
end
function _gpuenv_env_source -a directory order -d 'read the scripts of packages in the order that conda has'
    for file in (printf '%s\n' $directory/*.fish | LC_ALL=C sort $order)
        test -n "$file"; and source $file
    end
end
function _gpuenv_env_path -a old new -d 'put one directory into the place of another, or in front; nothing for none'
    set -l at (contains -i -- "$old" $PATH)
    if test -n "$old" -a -n "$at"
        set -l found $PATH
        set -e found[$at[1]]
        if test -n "$new"
            set -l before
            test $at[1] -gt 1; and set before $found[1..(math $at[1] - 1)]
            set found $before $new $found[$at[1]..-1]
        end
        set -gx PATH $found
    else if test -n "$new"
        set -gx PATH $new $PATH
    end
end
function _gpuenv_env_name -a prefix level -d 'set what conda says of an active environment'
    set -gx CONDA_PREFIX $prefix
    set -gx CONDA_SHLVL $level
    set -gx CONDA_DEFAULT_ENV $prefix
    if string match -qr '/envs/[^/]+$' -- $prefix
        set -gx CONDA_DEFAULT_ENV (string replace -r '.*/' '' -- $prefix)
    else if test -n "$CONDA_EXE" -a "$prefix" = (string replace -r '/[^/]+/[^/]+$' '' -- "$CONDA_EXE")
        set -gx CONDA_DEFAULT_ENV base
    end
    set -gx CONDA_PROMPT_MODIFIER "($CONDA_DEFAULT_ENV) "
end
function _gpuenv_env_level
    if test -n "$CONDA_PREFIX"; and string match -qr '^[1-9][0-9]?$' -- "$CONDA_SHLVL"
        echo $CONDA_SHLVL
    else
        echo 0
    end
end
function deactivate -d 'leave the environment'
    set -l level (_gpuenv_env_level)
    if test $level -gt 0
        _gpuenv_env_source $CONDA_PREFIX/etc/conda/deactivate.d -r
    end
    if test $level -gt 1
        set -l level (math $level - 1)
        set -l below CONDA_PREFIX_$level
        set -l prefix $$below
        set -e $below
        _gpuenv_env_path $CONDA_PREFIX/bin $prefix/bin
        _gpuenv_env_name $prefix $level
        _gpuenv_env_source $CONDA_PREFIX/etc/conda/activate.d
    else if test $level = 1
        _gpuenv_env_path $CONDA_PREFIX/bin ''
        set -e CONDA_PREFIX
        set -e CONDA_DEFAULT_ENV
        set -e CONDA_PROMPT_MODIFIER
        if test -n "$CONDA_EXE"
            set -gx CONDA_SHLVL 0
        else
            set -e CONDA_SHLVL
        end
    end
    if functions -q _gpuenv_env_prompt
        functions -e fish_prompt
        functions -c _gpuenv_env_prompt fish_prompt
        functions -e _gpuenv_env_prompt
    end
    functions -e deactivate _gpuenv_env_source _gpuenv_env_path _gpuenv_env_name _gpuenv_env_level
    set -e _gpuenv_active
end
function _gpuenv_env_activate -a prefix
    set -l level (_gpuenv_env_level)
    if test $level -gt 0 -a "$CONDA_PREFIX" = "$prefix"
        set level (math $level - 1)
        _gpuenv_env_path $CONDA_PREFIX/bin ''
    else if test $level -gt 0
        _gpuenv_env_source $CONDA_PREFIX/etc/conda/deactivate.d -r
        set -gx CONDA_PREFIX_$level $CONDA_PREFIX
    end
    set -l old ''
    test -n "$CONDA_PREFIX"; and set old $CONDA_PREFIX/bin
    _gpuenv_env_path "$old" $prefix/bin
    _gpuenv_env_name $prefix (math $level + 1)
    set -g _gpuenv_active $prefix
    _gpuenv_env_source $CONDA_PREFIX/etc/conda/activate.d
    if status is-interactive; and functions -q fish_prompt; and not functions -q _gpuenv_env_prompt
        functions -c fish_prompt _gpuenv_env_prompt
        function fish_prompt
            set -l last $status
            echo -n "$CONDA_PROMPT_MODIFIER"
            sh -c "exit $last"
            _gpuenv_env_prompt
        end
    end
end
_gpuenv_env_activate (cd (dirname (status filename))/../..; and pwd)
functions -e _gpuenv_env_activate
"""
