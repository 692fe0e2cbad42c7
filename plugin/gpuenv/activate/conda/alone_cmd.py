"""What `conda activate` and `conda deactivate` do in the Windows command processor, where there is no conda.

A conda environment that is active already stays below, as with `conda activate --stack`.
"""

from __future__ import annotations

from gpuenv.activate.conda.environment import WINDOWS_DIRECTORIES

_RUN = """\
@for /f "delims=" %%f in ('dir /b ORDER "%CONDA_PREFIX%\\etc\\conda\\WHERE\\*.bat" 2^>nul') do \
@call "%CONDA_PREFIX%\\etc\\conda\\WHERE\\%%f"
"""
_PATH = ";".join(
    "%CONDA_PREFIX%" + (directory and f"/{directory}").replace("/", "\\") for directory in WINDOWS_DIRECTORIES
)

ACTIVATION = f"""\
@REM Written by gpuenv: activates this environment where there is no conda. `deactivate.bat` beside it undoes it.
@set "_GPUENV_VALUE=%_GPUENV_ACTIVE%\\etc\\gpuenv\\deactivate.bat"
@if defined _GPUENV_ACTIVE @if exist "%_GPUENV_VALUE%" @call "%_GPUENV_VALUE%"
@set "_GPUENV_LEVEL=0"
@if defined CONDA_PREFIX @if defined CONDA_SHLVL @set "_GPUENV_LEVEL=%CONDA_SHLVL%"
@set "_GPUENV_OLD_SHLVL=%CONDA_SHLVL%"
@set "_GPUENV_OLD_DEFAULT_ENV=%CONDA_DEFAULT_ENV%"
@set "_GPUENV_OLD_PATH=%PATH%"
@set "_GPUENV_OLD_PROMPT=%PROMPT%"
@if not "%_GPUENV_LEVEL%"=="0" @set "CONDA_PREFIX_%_GPUENV_LEVEL%=%CONDA_PREFIX%"
@set /a _GPUENV_LEVEL=%_GPUENV_LEVEL%+1 >nul
@if not "%_GPUENV_LEVEL%"=="1" @set "CONDA_STACKED_%_GPUENV_LEVEL%=true"
@set "_GPUENV_BELOW=%CONDA_PREFIX%"
@for %%i in ("%~dp0..\\..") do @set "CONDA_PREFIX=%%~fi"
@set "_GPUENV_ACTIVE=%CONDA_PREFIX%"
@set "CONDA_SHLVL=%_GPUENV_LEVEL%"
@set "_GPUENV_LEVEL="
@for %%i in ("%CONDA_PREFIX%") do @set "CONDA_DEFAULT_ENV=%%~nxi"
@set "PATH={_PATH};%PATH%"
@if defined PROMPT @set "PROMPT=(%CONDA_DEFAULT_ENV%) %PROMPT%"
{_RUN.replace("ORDER", "/on").replace("WHERE", "activate.d")}"""

DEACTIVATION = f"""\
@REM Written by gpuenv: what leaves this environment where there is no conda.
@if not defined _GPUENV_ACTIVE @goto :EOF
{_RUN.replace("ORDER", "/o-n").replace("WHERE", "deactivate.d")}\
@set "CONDA_STACKED_%CONDA_SHLVL%="
@set "CONDA_PREFIX=%_GPUENV_BELOW%"
@set "CONDA_SHLVL=%_GPUENV_OLD_SHLVL%"
@if defined CONDA_PREFIX @set "CONDA_PREFIX_%CONDA_SHLVL%="
@set "CONDA_DEFAULT_ENV=%_GPUENV_OLD_DEFAULT_ENV%"
@set "PATH=%_GPUENV_OLD_PATH%"
@set "PROMPT=%_GPUENV_OLD_PROMPT%"
@set "_GPUENV_OLD_PROMPT="
@set "_GPUENV_OLD_PATH="
@set "_GPUENV_OLD_DEFAULT_ENV="
@set "_GPUENV_OLD_SHLVL="
@set "_GPUENV_BELOW="
@set "_GPUENV_ACTIVE="
"""
