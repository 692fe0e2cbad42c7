"""PowerShell, on Windows and elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from gpuenv.activate.change import Change
from gpuenv.activate.conda.table import PREFIX, at_run_time
from gpuenv.activate.powershell import quote

# PowerShell makes an empty text of `$null` where .NET wants a text, and new .NETs then set the variable to that.
_UNDO = r"""    $none = [NullString]::Value
    $level = if ($env:CONDA_SHLVL -match '^[1-9][0-9]?$') { $env:CONDA_SHLVL } else { '0' }
    $names = [Environment]::GetEnvironmentVariable("_GPUENV_NAMES_$level")
    $active = [Environment]::GetEnvironmentVariable("_GPUENV_PREFIX_$level")
    $undo = {
        foreach ($name in @(-split "$names" | Where-Object { $_ })) {
            $old = [Environment]::GetEnvironmentVariable("_GPUENV_OLD_${name}_$level")
            $back = if ("$old" -match '^[+=]') { $old.Substring(1) } else { $none }
            [Environment]::SetEnvironmentVariable($name, $back)
            [Environment]::SetEnvironmentVariable("_GPUENV_OLD_${name}_$level", $none)
        }
        [Environment]::SetEnvironmentVariable("_GPUENV_NAMES_$level", $none)
        [Environment]::SetEnvironmentVariable("_GPUENV_PREFIX_$level", $none)
    }
"""

_BEGIN = r"""    if ($env:CONDA_PREFIX -and "$active" -cne $env:CONDA_PREFIX) {
        & $undo
        $others = @($env:VIRTUAL_ENV)
        for ($below = 1; $below -lt [int]$level; $below++) {
            $others += [Environment]::GetEnvironmentVariable("CONDA_PREFIX_$below")
        }
        $inherited = { param($text, $start)
            foreach ($other in $others) {
                foreach ($quote in '', "'") {
                    $begin = "$start$quote$other" + [IO.Path]::DirectorySeparatorChar
                    if ($other -and $text.StartsWith($begin, 'Ordinal')) { return $true }
                }
            }
        }
        $quoted = { param($text)
            if ($text -notmatch "^['""]|[ \t]") { return $text }
            if (-not $text.Contains("'")) { return "'$text'" }
            return '"' + $text.Replace('\', '\\').Replace('"', '\"') + '"'
        }
        $set = @()
        foreach ($change in @(
"""

_END = r"""        )) {
            $name, $mode, $value = $change
            $old = [Environment]::GetEnvironmentVariable($name)
            $new = $null
            if ($mode -eq 'default') {
                if ($null -eq $old -or (& $inherited $old '')) { $new = $value }
            } elseif ($mode -eq 'path') {
                if (-not $old) { $new = $value }
                elseif ($old.Split([IO.Path]::PathSeparator) -notcontains $value) {
                    $new = $value + [IO.Path]::PathSeparator + $old
                }
            } elseif (-not "$old".Trim()) {
                $new = $value
            } elseif ($old.Trim().StartsWith('-')) {
                $key = $value.Split('=')[0]
                $own = @(-split $old | Where-Object { $_.Split('=')[0] -ceq $key -and -not (& $inherited $_ "$key=") })
                if ($own.Count -eq 0) { $new = "$old $value" }
            }
            if ($null -ne $new) {
                $was = if ($null -eq $old) { '-' } else { "+$old" }
                [Environment]::SetEnvironmentVariable("_GPUENV_OLD_${name}_$level", $was)
                [Environment]::SetEnvironmentVariable($name, $new)
                $set += $name
            }
        }
        [Environment]::SetEnvironmentVariable("_GPUENV_PREFIX_$level", $env:CONDA_PREFIX)
        [Environment]::SetEnvironmentVariable("_GPUENV_NAMES_$level", ($set -join ' '))
"""

# Not on Windows, where the version is in no file that can be read.
_NOTICE = r"""        $proven = Join-Path $env:CONDA_PREFIX 'etc/gpuenv/driver.txt'
        if ($env:GPUENV_DRIVER_NOTICE -cne 'off' -and [IO.File]::Exists($proven) -and [IO.Directory]::Exists(MODULES)) {
            $proven, $stem = [IO.File]::ReadAllLines($proven)
            $found = if ([IO.File]::Exists(VERSION)) { [IO.File]::ReadAllText(VERSION).Trim() }
            if ($proven -and $found -cne $proven) {
                $its = $env:CONDA_DEFAULT_ENV
                if ($stem -like '* -p' -or -not $its -or $its.Contains('/')) {
                    $its, $stem = $env:CONDA_PREFIX, ($stem -replace ' -.$', ' -p')
                }
                if ($its -match '[^A-Za-z0-9_./-]') { $its = "'" + $its.Replace("'", "''") + "'" }
                if (-not $found) { $found = 'not loaded' }
                [Console]::Error.WriteLine("gpuenv: the NVIDIA driver is $found, this environment was proven with " +
                    "${proven}: run ``$stem $its``")
            }
        }
"""


def activation(changes: Sequence[Change], entries: Sequence[str], version_path: PurePosixPath, *, windows: bool) -> str:
    """Return the script for activate.d; `entries` go on PATH."""
    rows = [f"            @({quote(change.name)}, {quote(change.mode)}, {_value(change)})" for change in changes]
    # Without the comma PowerShell makes one flat list of a single row.
    table = ",\n".join(["            , " + rows[0].lstrip()] if len(rows) == 1 else rows)
    notice = _NOTICE.replace("MODULES", quote(str(version_path.parent.parent)))
    return (
        "# Written by gpuenv: the variables of this environment. Values of your own stay.\n"
        f"& {{\n{_UNDO}{_BEGIN}{table}\n{_END}{_path(entries)}"
        f"{'' if windows else notice.replace('VERSION', quote(str(version_path)))}    }}\n}}\n"
    )


DEACTIVATION = f"""\
# Written by gpuenv: puts back what was there before this environment was activated.
& {{
{_UNDO}    & $undo
}}
"""


def _path(entries: Sequence[str]) -> str:
    """Put directories on PATH behind conda's first one: conda removes everything between its first and its last."""
    if not entries:
        return ""
    parts = ", ".join(f"({_joined(entry)})" for entry in entries)
    return f"        $env:PATH = (@($env:CONDA_PREFIX, {parts}, $env:PATH) -join ';')\n"


def _joined(value: str) -> str:
    return at_run_time(value, quote, " + $env:CONDA_PREFIX + ").strip(" +")


def _value(change: Change) -> str:
    if change.mode == "flag" and PREFIX in change.value:
        return f"({quote(change.key + '=')} + (& $quoted ({_joined(change.value.partition('=')[2])})))"
    return f"({_joined(change.value)})"
