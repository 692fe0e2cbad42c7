"""Make the commands in hints whole: with the environment that is meant and everything the user chose for it.

A check or a rule knows neither, so it writes `gpuenv verify device` or `gpuenv create --force` in backticks; here they
become `gpuenv verify -n tf device` and `gpuenv create -n tf --recipe tf-2.4 --python 3.8 --force`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gpuenv.cli.text import option_for, quoted
from gpuenv.errors import GpuenvError, Hint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpuenv.model import CheckResult, Receipt

# The origin that a receipt has of a recipe that was named by its file, which may be anywhere or gone by now.
_FILE_ORIGIN = "file"
_COMMAND = re.compile(
    r"`gpuenv (?P<command>create|verify|warm|run|activate|remove|export|doctor)(?P<rest>(?: [^`]*)?)`"
)
_TARGET = re.compile(r""" -[np] (?:'[^']*'|"[^"]*"|[^ `]+)""")
# What a receipt writes for a GPU that was only named, as `--gpu 8.6` does: it has no product's name.
_NAMED_GPU = re.compile(r"GPU \((?P<capability>\d+\.\d+), \w+\)")
_PACKAGE = re.compile(r"(?P<install>pip install )(?P<name>[\w.-]+)(?=`)")


@dataclass(frozen=True, slots=True)
class Again:
    """What to put into commands: the environment's option (None: unknown), options of `create`, locked versions.

    `before` is a command that has to be run in front of `create`, to have its recipe at hand. `adds` says that the
    environment is none of gpuenv's own: what makes such a one again is `gpuenv add`.
    """

    target: str | None
    options: tuple[tuple[str, str], ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    adds: bool = False

    def complete(self, text: str) -> str:
        """Return the text with every command in it whole."""
        text = _PACKAGE.sub(lambda found: f"{found['install']}{self._pinned(found['name'])}", text)
        return _COMMAND.sub(self._command, text)

    def complete_result(self, result: CheckResult) -> CheckResult:
        """Return a check's result with a whole hint."""
        return result if result.hint is None else replace(result, hint=self.complete(result.hint))

    def complete_error(self, error: GpuenvError) -> GpuenvError:
        """Make the hints of an error whole, and return it."""
        error.hints = tuple(Hint(hint.code, self.complete(hint.text)) for hint in error.hints)
        return error

    def _pinned(self, name: str) -> str:
        version = self.packages.get(name)
        return f"{name}=={version}" if version else name

    def _command(self, found: re.Match[str]) -> str:
        command, rest = found["command"], found["rest"]
        if self.target is None or "-n NAME" in rest:
            return found[0]
        if command == "create" and self.adds and not _TARGET.match(rest):  # one that names its place means it
            chosen = "".join(f" {option} {value}" for option, value in self.options)
            return f"`{self.before}gpuenv add {self.target}{chosen}`"
        if command == "create":
            rest = _TARGET.sub("", rest, count=1)
            # A dry run asks which recipe fits, so nothing but the GPU is given; what the hint itself says wins.
            kept = [
                (option, value)
                for option, value in self.options
                if option not in rest and ("--dry-run" not in rest or option in ("--gpu", "--driver"))
            ]
            chosen = "".join(f" {option}{' ' if value else ''}{value}" for option, value in kept)
            return f"`{self.before if '--force' in rest else ''}gpuenv create {self.target}{chosen}{rest}`"
        return found[0] if _TARGET.match(rest) else f"`gpuenv {command} {self.target}{rest}`"


def from_receipt(made: Receipt) -> Again:
    """Return how an environment is made again that gpuenv made, down to the versions of its packages."""
    from gpuenv.receipt import was_added

    where = option_for(made.name, made.prefix)
    recipe, before = made.recipe, ""
    if made.recipe_origin == _FILE_ORIGIN:
        recipe = f"{made.recipe}.yaml"
        before = f"gpuenv export {where} -o {quoted(recipe)} && "
    adds = was_added(Path(made.prefix))
    options = [("--recipe", quoted(recipe))]
    options += [("--python", ".".join(made.python_version.split(".")[:2]))] if not adds else []
    options += [("--cuda-from", made.source)] if made.source != "pypi" or made.engine != "uv" else []
    options += [("--engine", made.engine)] if made.engine != "uv" and not adds else []
    channels = dict.fromkeys(package.rsplit("/", 2)[0] for package in made.conda_packages)
    options += [("--channel", quoted(channel)) for channel in channels]
    named = [found["capability"] for gpu in made.gpus if (found := _NAMED_GPU.fullmatch(gpu))]
    options += [("--gpu", capability) for capability in named]
    packages = dict(package.split("==", 1) for package in made.packages)
    return Again(where, tuple(options), packages, before, adds)


def from_arguments(args: argparse.Namespace) -> Again:
    """Return what the user has typed: the environment, and for `create` all that was chosen."""
    name, prefix = getattr(args, "name", None), getattr(args, "prefix", None)
    if name is None and prefix is None:
        return Again(None)
    target = option_for(name, prefix or "")
    if args.command not in ("create", "add"):
        return Again(target)
    adds = args.command == "add"
    typed = {
        "--recipe": args.recipe,
        "--tensorflow": args.tensorflow,
        "--python": getattr(args, "python", None),
        "--cuda-from": args.cuda_from,
        "--engine": None if adds or args.engine == "uv" else args.engine,
        "--driver": args.driver,
    }
    options = [(option, quoted(value)) for option, value in typed.items() if value]
    options += [("--channel", quoted(channel)) for channel in args.channel]
    options += [("--override-channels", "")] if args.override_channels else []
    options += [("--gpu", quoted(gpu)) for gpu in args.gpu if gpu.lower() != "none"]
    return Again(target, tuple(options), adds=adds)


def completed(results: Iterable[CheckResult], again: Again) -> tuple[CheckResult, ...]:
    """Return results with whole hints."""
    return tuple(again.complete_result(result) for result in results)
