"""What conda runs when it activates a prefix and leaves it: scripts for sh, fish and csh in `etc/conda`.

They are for programs that are no Python of the prefix; those have the start-up file. The prefix is `CONDA_PREFIX` at
run time, so the scripts survive `conda rename` and `--clone`. What was set is kept in `_GPUENV_<id>_<name>`, with an id
for each prefix, so that environments can be stacked; a value that somebody changed meanwhile is left alone. PATH stays
as conda makes it: on a switch conda would not take our entry out again. No process is started.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from gpuenv.activate import csh, fish, sh
from gpuenv.activate.change import templates
from gpuenv.model import Variable

# conda runs activate.d in the order of names and deactivate.d in reverse: ours last, and first.
_NAME = "zz-gpuenv"


@dataclass(frozen=True, slots=True)
class _Setting:
    """One variable: its name, where its old value is kept, and the value as the pieces around the prefix."""

    name: str
    kept: str
    mode: str
    key: str
    pieces: tuple[str, ...]

    def value(self, quote: Callable[[str], str], prefix: str) -> str:
        """Return the value for a shell, whose own expression `prefix` stands between the quoted pieces."""
        return prefix.join(quote(piece) if piece else "" for piece in self.pieces)


def conda_scripts(variables: Mapping[str, Variable], prefix: Path, cuda_dir: Path | None) -> dict[Path, str]:
    """Return the scripts of a prefix, by file. Raises UsageError for a name that cannot be written into one."""
    settings = _settings(variables, prefix, cuda_dir)
    directory = prefix / "etc" / "conda"
    return {
        directory / which / f"{_NAME}.{shell}": "".join(line(setting) for setting in settings)
        for shell, lines in _SHELLS.items()
        for which, line in zip(("activate.d", "deactivate.d"), lines, strict=True)
    }


def _settings(variables: Mapping[str, Variable], prefix: PurePath, cuda_dir: PurePath | None) -> list[_Setting]:
    mark = hashlib.sha256(str(prefix).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    found = []
    for name, variable in templates(variables, "linux-64"):
        text = variable.value
        if name == "PATH" or (cuda_dir is None and "{cuda_dir}" in text):
            continue
        if cuda_dir is not None:
            inside = cuda_dir.is_relative_to(prefix)
            tools = f"{{prefix}}/{PurePosixPath(cuda_dir.relative_to(prefix))}" if inside else str(cuda_dir)
            text = text.replace("{cuda_dir}", tools)
        key, equals, value = text.partition("=") if variable.mode == "flag" else ("", "", text)
        if variable.mode == "flag" and "{prefix}" in value:
            value = f'"{value}"'  # XLA takes blanks inside quotes, and a prefix may have some
        pieces = tuple(f"{key}{equals}{value}".split("{prefix}"))
        found.append(_Setting(name, f"_GPUENV_{mark}_{name}", variable.mode, key, pieces))
    return found


def _sh_on(it: _Setting) -> str:
    name, kept, value = it.name, it.kept, it.value(sh.quote, '"$CONDA_PREFIX"')
    if it.mode == "default":
        return f'if [ -z "${{{name}+x}}" ]; then\n    export {name}={value}\n    export {kept}="${name}"\nfi\n'
    if it.mode == "flag":  # a value that begins with no `-` is the name of a file with flags
        subject, there = f'" ${{{name}-}} "', f"*' {it.key}='* | ' '[!\\ -]*"
        new = f'"${{{name}:+${name} }}"{value}'
    else:
        subject, there = f'":${{{name}-}}:"', f"*:{value}:*"
        new = f'{value}"${{{name}:+:${name}}}"'
    return (
        f"case {subject} in\n    {there}) ;;\n    *)\n"
        f'        if [ -n "${{{name}+x}}" ]; then export {kept}_OLD="${name}"; fi\n'
        f'        export {name}={new}\n        export {kept}="${name}" ;;\nesac\n'
    )


def _sh_off(it: _Setting) -> str:
    name, kept = it.name, it.kept
    return (
        f'if [ -n "${{{kept}+x}}" ]; then\n    if [ "${{{name}-}}" = "${kept}" ]; then\n'
        f'        if [ -n "${{{kept}_OLD+x}}" ]; then export {name}="${kept}_OLD"; else unset {name}; fi\n    fi\n'
        f"    unset {kept} {kept}_OLD\nfi\n"
    ).replace(f'"${kept}_OLD"', f'"${{{kept}_OLD}}"')


def _fish_on(it: _Setting) -> str:
    name, kept, value = it.name, it.kept, it.value(fish.quote, '"$CONDA_PREFIX"')
    set_it = f"    set -gx {name} {value}\n    set -gx {kept} ${name}\n"
    if it.mode == "default":
        return f"if not set -q {name}\n{set_it}end\n"
    if it.mode == "flag":
        there = f'string match -q -- {fish.quote(f"* {it.key}=*")} " ${name} "'
        there += (
            f'; or begin; set -q {name}[1]; and test -n "${name}"; and not string match -q -- \'-*\' "${name}"; end'
        )
        new = f'"${name} "{value}'
    else:
        there = f'contains -- {value} (string split : -- "${name}")'
        new = f'{value}":${name}"'
    return (
        f'if not set -q {name}; or test -z "${name}"\n    if set -q {name}; set -gx {kept}_OLD ${name}; end\n{set_it}'
        f"else if {there}\nelse\n    set -gx {kept}_OLD ${name}\n    set -gx {name} {new}\n"
        f"    set -gx {kept} ${name}\nend\n"
    )


def _fish_off(it: _Setting) -> str:
    name, kept = it.name, it.kept
    return (
        f'if set -q {kept}\n    if test "${name}" = "${kept}"\n        if set -q {kept}_OLD\n'
        f"            set -gx {name} ${kept}_OLD\n        else\n            set -e {name}\n        end\n    end\n"
        f"    set -e {kept}\n    set -e {kept}_OLD\nend\n"
    )


def _csh_on(it: _Setting) -> str:
    name, kept, value = it.name, it.kept, it.value(csh.quote, '"$CONDA_PREFIX:q"')
    keep = f'setenv {kept} "${name}:q"\n'
    fresh = f"    setenv {name} {value}\n    {keep}"
    if it.mode == "default":
        return f"if ( ! $?{name} ) then\n{fresh}endif\n"
    if it.mode == "flag":
        there = f'"X ${name}:q " =~ X*" "{csh.quote(it.key)}"="* || "X ${name}:q" !~ "X -"*'
        new = f'"${name}:q "{value}'
    else:
        there = f'"X:${name}:q"":" =~ X*":"{value}":"*'
        new = f'{value}":${name}:q"'
    return (
        f'if ( ! $?{name} ) then\n{fresh}else if ( "X${name}:q" == X ) then\n    setenv {kept}_OLD ""\n{fresh}'
        f'else if ( {there} ) then\nelse\n    setenv {kept}_OLD "${name}:q"\n    setenv {name} {new}\n    {keep}endif\n'
    )


def _csh_off(it: _Setting) -> str:
    name, kept = it.name, it.kept
    return (
        f"if ( $?{kept} ) then\n    if ( $?{name} ) then\n"
        f'        if ( "X${name}:q" == "X${kept}:q" ) then\n'
        f'            if ( $?{kept}_OLD ) then\n                setenv {name} "${{{kept}_OLD:q}}"\n'
        f"            else\n                unsetenv {name}\n            endif\n        endif\n    endif\n"
        f"    unsetenv {kept}\n    unsetenv {kept}_OLD\nendif\n"
    )


_SHELLS: dict[str, tuple[Callable[[_Setting], str], Callable[[_Setting], str]]] = {
    "sh": (_sh_on, _sh_off),
    "fish": (_fish_on, _fish_off),
    "csh": (_csh_on, _csh_off),
}
