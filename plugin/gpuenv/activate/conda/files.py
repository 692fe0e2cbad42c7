"""Which files gpuenv writes into a conda prefix for its activation, and which links."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath

from gpuenv.activate.conda import alone_cmd, alone_csh, alone_fish, alone_sh, cmd, csh, fish, powershell, sh
from gpuenv.activate.conda.table import conda_changes, path_entries
from gpuenv.model import StagedFile, Variable

# conda runs activate.d sorted and deactivate.d in reverse. The packages of conda-forge that want to be late start with
# one `~`, the last printable character of ASCII: ours is last, so that it sees their values, and is undone first.
SCRIPT = "~~gpuenv"
# What a loaded NVIDIA kernel module says of itself, on Linux. Only there: no file says it on Windows or inside WSL.
DRIVER_VERSION_PATH = PurePosixPath("/sys/module/nvidia/version")
# XLA runs these three (tensorflow/stream_executor/gpu/asm_compiler.cc and compiler/xla/service/gpu, read 2026-11).
_TOOLS = ("ptxas", "fatbinary", "nvlink")


def scripts(
    variables: Mapping[str, Variable],
    prefix: PurePath,
    cuda_dir: PurePath | None,
    platform: str,
    version_path: PurePosixPath = DRIVER_VERSION_PATH,
) -> dict[str, str]:
    """Return the text of every script by its path in the prefix; none of them depends on where the prefix is.

    `version_path` is the file with the version of the loaded driver. Raises UsageError for a name or a value that
    cannot be written into a script.
    """
    table = conda_changes(variables, prefix, cuda_dir, platform)
    entries = path_entries(prefix, cuda_dir, platform)
    windows = platform.startswith("win")
    pairs = {
        "sh": (sh.activation(table, version_path), sh.DEACTIVATION),
        "ps1": (powershell.activation(table, entries, version_path, windows=windows), powershell.DEACTIVATION),
    }
    if windows:
        pairs["bat"] = (_crlf(cmd.activation(table, entries)), _crlf(cmd.DEACTIVATION))
        alone = {"activate.bat": _crlf(alone_cmd.ACTIVATION), "deactivate.bat": _crlf(alone_cmd.DEACTIVATION)}
    else:
        pairs["fish"] = (fish.activation(table, version_path), fish.DEACTIVATION)
        pairs["csh"] = (csh.activation(table), csh.DEACTIVATION)
        alone = {"activate.sh": alone_sh.ACTIVATION, "activate.fish": alone_fish.ACTIVATION}
        alone |= {"activate.csh": alone_csh.ACTIVATION, "deactivate.csh": alone_csh.DEACTIVATION}
        alone["driver-notice.sh"] = sh.notice(version_path)
    found = {}
    for extension, (activation, deactivation) in pairs.items():
        found[f"etc/conda/activate.d/{SCRIPT}.{extension}"] = activation
        found[f"etc/conda/deactivate.d/{SCRIPT}.{extension}"] = deactivation
    return {**found, **{f"etc/gpuenv/{name}": text for name, text in alone.items()}}


def tool_links(prefix: Path, cuda_dir: Path | None, platform: str) -> tuple[StagedFile, ...]:
    """Say which CUDA tools get a link in `bin`, where conda's PATH finds them; a tool that is there already gets none.

    Relative links where the tools lie in the prefix, so that they stay right in a copy of it. None on Windows.
    """
    if cuda_dir is None or platform.startswith("win"):
        return ()
    found = []
    for tool in (cuda_dir / "bin" / name for name in _TOOLS):
        link = prefix / "bin" / tool.name
        if tool == link or not os.access(tool, os.X_OK) or (os.path.lexists(link) and not _leads_to(link, tool)):
            continue
        inside = tool.is_relative_to(prefix)
        target = tool.relative_to(prefix).as_posix() if inside else str(tool)
        found.append(StagedFile(f"bin/{tool.name}", "symlink", target=target))
    return tuple(found)


def _leads_to(link: Path, tool: Path) -> bool:
    return link.is_symlink() and os.path.normpath(link.parent / os.readlink(link)) == str(tool)


def _crlf(text: str) -> str:
    return text.replace("\n", "\r\n")
