"""What `conda activate` and `conda deactivate` do in csh and tcsh, where there is no conda; see `alone_sh`."""

from __future__ import annotations

# `./` in front, for csh takes a word that starts with `~` for a user's home.
_SOURCE = r"""set _gpuenv_env_files = ( `env LC_ALL=C ls -1ORDER "$_gpuenv_env_dir:q" | sed s,^,./,` )
foreach _gpuenv_env_file ( $_gpuenv_env_files:q )
    if ( "$_gpuenv_env_file:q" =~ *.csh ) source "$_gpuenv_env_dir:q/$_gpuenv_env_file:q"
end
"""

_LEVEL = r"""set _gpuenv_env_level = 0
if ( $?CONDA_SHLVL && $?CONDA_PREFIX ) then
    if ( "$CONDA_SHLVL:q" =~ [1-9] || "$CONDA_SHLVL:q" =~ [1-9][0-9] ) set _gpuenv_env_level = "$CONDA_SHLVL:q"
endif
"""


def _indented(text: str, depth: int) -> str:
    return "".join(f"{'    ' * depth}{line}\n" for line in text.splitlines())


def _source(directory: str, depth: int, order: str = "") -> str:
    start = f'set _gpuenv_env_dir = "$CONDA_PREFIX:q/etc/conda/{directory}"\n'
    return _indented(
        f'{start}if ( -d "$_gpuenv_env_dir:q" ) then\n{_indented(_SOURCE.replace("ORDER", order), 1)}endif', depth
    )


# With `_gpuenv_env_old` to be replaced by `_gpuenv_env_new` in PATH, each with `/bin`; nothing for none.
_PATH = r"""set _gpuenv_env_path = ""
set _gpuenv_env_done = 0
foreach _gpuenv_env_dir ( $path:q )
    if ( ! $_gpuenv_env_done && "$_gpuenv_env_old:q" != "" && "$_gpuenv_env_dir:q" == "$_gpuenv_env_old:q/bin" ) then
        set _gpuenv_env_done = 1
        if ( "$_gpuenv_env_new:q" != "" ) set _gpuenv_env_path = "$_gpuenv_env_path:q"":$_gpuenv_env_new:q/bin"
    else
        set _gpuenv_env_path = "$_gpuenv_env_path:q"":$_gpuenv_env_dir:q"
    endif
end
if ( ! $_gpuenv_env_done && "$_gpuenv_env_new:q" != "" ) then
    set _gpuenv_env_path = ":$_gpuenv_env_new:q/bin$_gpuenv_env_path:q"
endif
setenv PATH "$_gpuenv_env_path:s/://:q"
"""

_NAME = r"""setenv CONDA_PREFIX "$_gpuenv_env_new:q"
setenv CONDA_SHLVL $_gpuenv_env_level
setenv CONDA_DEFAULT_ENV "$CONDA_PREFIX:q"
if ( "$CONDA_PREFIX:h:t:q" == envs ) setenv CONDA_DEFAULT_ENV "$CONDA_PREFIX:t:q"
if ( $?CONDA_EXE ) then
    if ( "$CONDA_EXE:h:h:q" == "$CONDA_PREFIX:q" ) setenv CONDA_DEFAULT_ENV base
endif
setenv CONDA_PROMPT_MODIFIER "($CONDA_DEFAULT_ENV:q) "
"""

_END = "unset " + " ".join(
    f"_gpuenv_env_{name}" for name in ("level", "files", "file", "dir", "path", "done", "old", "new")
)

ACTIVATION = f"""\
# Written by gpuenv: activates this environment where there is no conda. csh has to be told where it is:
# `set _gpuenv_env = PREFIX; source PREFIX/etc/gpuenv/activate.csh`. `deactivate` undoes it.
if ( $?VIRTUAL_ENV ) then
    if ( "`alias deactivate`" != "" ) eval deactivate nondestructive
endif
if ( $?_gpuenv_active ) then
    source "$_gpuenv_active:q/etc/gpuenv/deactivate.csh"
endif
{_LEVEL}set _gpuenv_env_old = ""
set _gpuenv_env_new = "$_gpuenv_env:q"
if ( $_gpuenv_env_level > 0 ) then
    set _gpuenv_env_old = "$CONDA_PREFIX:q"
    if ( "$CONDA_PREFIX:q" == "$_gpuenv_env:q" ) then
        @ _gpuenv_env_level--
    else
{_source("deactivate.d", 2, "r")}\
        setenv CONDA_PREFIX_$_gpuenv_env_level "$CONDA_PREFIX:q"
    endif
endif
@ _gpuenv_env_level++
{_PATH}{_NAME}\
if ( $?prompt ) then
    if ( ! $?_gpuenv_prompt ) set _gpuenv_prompt = "$prompt:q"
    if ( "$CONDA_PROMPT_MODIFIER:q" !~ *[%!]* ) set prompt = "$CONDA_PROMPT_MODIFIER:q$_gpuenv_prompt:q"
endif
set _gpuenv_active = "$CONDA_PREFIX:q"
{_source("activate.d", 0)}\
alias deactivate 'source "$_gpuenv_active:q/etc/gpuenv/deactivate.csh"'
rehash
{_END}
unset _gpuenv_env
"""

DEACTIVATION = f"""\
# Written by gpuenv: what `deactivate` does where there is no conda.
{_LEVEL}if ( $_gpuenv_env_level > 0 ) then
    set _gpuenv_env_old = "$CONDA_PREFIX:q"
    set _gpuenv_env_new = ""
{_source("deactivate.d", 1, "r")}\
    @ _gpuenv_env_level--
    if ( $_gpuenv_env_level > 0 ) eval 'set _gpuenv_env_new = "$CONDA_PREFIX_'"$_gpuenv_env_level"':q"'
{_indented(_PATH, 1)}\
    if ( $_gpuenv_env_level > 0 ) then
        unsetenv CONDA_PREFIX_$_gpuenv_env_level
{_indented(_NAME, 2)}\
{_source("activate.d", 2)}\
    else
        unsetenv CONDA_PREFIX
        unsetenv CONDA_DEFAULT_ENV
        unsetenv CONDA_PROMPT_MODIFIER
        unsetenv CONDA_SHLVL
        if ( $?CONDA_EXE ) setenv CONDA_SHLVL 0
    endif
endif
if ( $?_gpuenv_prompt ) then
    set prompt = "$_gpuenv_prompt:q"
    unset _gpuenv_prompt
endif
unset _gpuenv_active
unalias deactivate
rehash
{_END}
"""
