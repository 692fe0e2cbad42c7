"""Requirements that pip cannot read or meet, packages that it cannot replace, and commands that are not there."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

REQUIREMENT_KINDS = (
    Kind(
        "install.killed",
        (
            r"CondaMemoryError",
            r"(?:Collecting|Downloading|Using cached|Installing collected packages|Solving environment)\b[^\n]*"
            r"(?:\n[^\n]*){0,4}?\n\s*(?:\[\d+\]\s+\d+\s+)?[Kk]illed\b",
        ),
    ),
    Kind(
        "install.tensorflow-gpu",
        (
            r"The \"?'?tensorflow-gpu\"?'? package has been removed",
            r"tensorflow-gpu has been removed",
            r"(?:Downloading|Using cached) \S*tensorflow[-_]gpu-[\d.]+\.tar\.gz",
            r"Failed to build '?tensorflow-gpu==",
        ),
    ),
    Kind(
        "install.command",
        (
            r"'(?P<command>conda|mamba|pip3?|python3?|py|jupyter)' is not recognized as (?:an internal|the name of)",
            r"(?:line \d+|bash|sh|zsh|dash): (?:\d+: )?(?P<command>conda|mamba|micromamba|pip3?|python3?|uv|poetry): "
            r"(?:command )?not found",
            r"command not found: (?P<command>conda|mamba|micromamba|pip3?|python3?|uv"
            r"|poetry)\b",
            r"No module named '?(?P<command>pip|venv)\b(?!\.)",
            r"environment was not created successfully because (?P<command>ensurepip) is not available",
            r"(?P<command>Python) was not found; run without arguments to "
            r"install",
            r"'?\"?(?P<command>conda|pip3?|python3?)\"?'?,? (?:ist entweder falsch geschrieben|n'est pas "
            r"reconnu|no se re"
            r"conoce como|não é reconhecido|не является внутренней|不是内部或外部命令|不是內部或外部命令"
            r"|は、内部コマンド|은\(는\) 내부)",
        ),
    ),
    Kind(
        "install.cannot-uninstall",
        (
            r"Cannot uninstall '?(?P<package>[\w.-]+)'?[^\n]*It is a distutils installed project",
            r"Cannot uninstall '?(?P<package>[\w.-]+)[^\n]*\s+\W*(?:The package's contents are unknown|RECORD "
            r"file not found)",
            r"uninstall-(?:no-record-file|distutils-installed-package)",
            r"Cannot remove entries from nonexistent file [^\n]*easy-install\.pth",
        ),
    ),
    Kind(
        "install.requirement",
        (
            r"Invalid requirement: (?P<package>'[^'\n]+')",
            r"no matches found: (?P<package>\w+\[[\w,-]+\])",
            r"= is not a valid operator",
        ),
    ),
    Kind("install.no-extra", (r"(?P<package>\S+) [\d.]\S* does not provide the extra '(?P<name>and-cuda|cuda\w*)'",)),
    Kind(
        "requires.checked",
        (
            r"(?P<package>[\w-]+) (?P<found>\d[\w.]*) is installed but (?P<wanting>\S+) is required "
            r"by",
            r"(?:Contextual)?VersionConflict: \((?P<package>[\w-]+) "
            r"(?P<found>\d[\w.]*)[^\n]*Requirement\.parse\('(?P<wanting>[^'\n]+)",
            r"(?P<wanting>\w[\w<>=!.,-]+) is required for a normal functioning of this module, but found "
            r"(?P<package>[\w-]+)==(?P<found>\d[\w.]*\w)",
        ),
    ),
)
