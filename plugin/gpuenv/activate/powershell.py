"""PowerShell, on Windows and elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gpuenv.activate.change import Change

# `$null` stands for "was not set", which .NET keeps apart from an empty value.
DEACTIVATE = """\
    if (Test-Path variable:global:_GPUENV_OLD) {
        foreach ($gpuenvName in @($global:_GPUENV_OLD.Keys)) {
            if ($null -eq $global:_GPUENV_OLD[$gpuenvName]) {
                Remove-Item "env:$gpuenvName" -ErrorAction SilentlyContinue
            } else {
                Set-Item "env:$gpuenvName" $global:_GPUENV_OLD[$gpuenvName]
            }
        }
        Remove-Variable _GPUENV_OLD -Scope global
    }
    if ($NonDestructive) { $global:_GPUENV_OUTER = $env:VIRTUAL_ENV }
"""

_BEGIN = """\
# The variables of this environment. `deactivate` puts back what was there before; values of your own stay.
& {
    $global:_GPUENV_OLD = @{}
    $outer = $null
    if (Test-Path variable:global:_GPUENV_OUTER) { $outer = $global:_GPUENV_OUTER }
    $within = { param($text, $start)
        $outer -and $text.StartsWith("$start$outer" + [IO.Path]::DirectorySeparatorChar, 'Ordinal') }
    foreach ($change in @(
"""

_END = """\
    )) {
        $name, $mode, $value = $change
        $old = [Environment]::GetEnvironmentVariable($name)
        $new = $null
        if ($mode -eq 'default') {
            if ($null -eq $old -or (& $within $old '')) { $new = $value }
        } elseif ($mode -eq 'path') {
            if (-not $old) { $new = $value }
            elseif ($old.Split([IO.Path]::PathSeparator) -notcontains $value) {
                $new = $value + [IO.Path]::PathSeparator + $old
            }
        } elseif (-not "$old".Trim()) {
            $new = $value
        } elseif ($old.Trim().StartsWith('-')) {
            $key = $value.Split('=')[0]
            $own = @(-split $old | Where-Object { $_.Split('=')[0] -ceq $key -and -not (& $within $_ "$key=") })
            if ($own.Count -eq 0) { $new = "$old $value" }
        }
        if ($null -ne $new) {
            if ($name -ne 'PATH') { $global:_GPUENV_OLD[$name] = $old }
            Set-Item "env:$name" $new
        }
    }
    Remove-Variable _GPUENV_OUTER -Scope global -ErrorAction SilentlyContinue
}
"""


def quote(text: str) -> str:
    """Quote for PowerShell, which takes four more characters for a single quote than the keyboard has."""
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"


def block(changes: Sequence[Change]) -> str:
    """Return the lines that set the variables, for the end of `activate.ps1`."""
    rows = [f"        @({quote(change.name)}, {quote(change.mode)}, {quote(change.value)})" for change in changes]
    # Without the comma PowerShell makes one flat list of a single row.
    return _BEGIN + ",\n".join(["        , " + rows[0].lstrip(), *rows[1:]] if len(rows) == 1 else rows) + "\n" + _END
