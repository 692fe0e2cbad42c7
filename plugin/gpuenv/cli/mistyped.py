"""Say what was probably meant when a command line cannot be read."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence

from gpuenv.cli.text import quoted
from gpuenv.errors import Hint, UsageError

_CHOICE = re.compile(r"argument (?P<option>[^:]+): invalid choice: (?P<found>'[^']*') \(choose from (?P<known>.*)\)")


def unknown_command(command: str, known: Iterable[str]) -> UsageError:
    """Make the error for a command that does not exist."""
    hints = [Hint("usage.meant", f"did you mean `gpuenv {meant}`?") for meant in _meant(command, known)]
    return UsageError(
        f"there is no command `{command}`",
        cause=f"expected one of {', '.join(known)}",
        hints=hints or [Hint("usage.help", "run `gpuenv --help`")],
    )


def explained(error: UsageError, parser: argparse.ArgumentParser, arguments: Sequence[str]) -> UsageError:
    """Return the error with what was probably meant in front of its hints, and in words of ours."""
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    if command and error.hints == (Hint("usage.help", f"run `{parser.prog} --help`"),):
        # argparse itself finds an unknown option only at the end, where it has forgotten the command.
        error.hints = (Hint("usage.help", f"run `gpuenv {command} --help`"),)
    known = _options(parser, arguments)
    hints = []
    for typed in (argument.partition("=")[0] for argument in arguments if argument.startswith("--")):
        if typed != "--" and not any(option.startswith(typed) for option in known):
            hints += [Hint("usage.meant", f"did you mean `{meant}`?") for meant in _meant(typed, known)]
    if "-n/--name -p/--prefix is required" in error.message:
        return _no_target(error, command, arguments, hints)
    choice = _CHOICE.fullmatch(error.message)
    if choice is None:
        return UsageError(error.message, cause=error.cause, hints=[*hints, *error.hints])
    choices = [one.strip().strip("'") for one in choice["known"].split(",")]
    found = choice["found"].strip("'")
    hints += [Hint("usage.meant", f"did you mean `{meant}`?") for meant in _meant(found, choices)]
    message = f"`{choice['option']}` cannot be `{found}`"
    return UsageError(message, cause=f"expected one of {', '.join(choices)}", hints=[*hints, *error.hints])


def _no_target(error: UsageError, command: str, arguments: Sequence[str], hints: list[Hint]) -> UsageError:
    """Say how an environment is named, with the word that was probably meant as its name."""
    after = list(arguments)[list(arguments).index(command) + 1 :]
    name = after[0] if after and not after[0].startswith("-") else None
    rest = "".join(f" {quoted(word)}" for word in after[1:]) if name else ""
    text = f"run `gpuenv {command} -n {quoted(name)}{rest}`" if name else f"name it, as in `gpuenv {command} -n tf`"
    message = "no environment was named"
    return UsageError(
        message, cause="expected `-n NAME` or `-p PATH`", hints=[*hints, Hint("usage.name", text), *error.hints]
    )


def _meant(word: str, known: Iterable[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(word, list(known), n=1, cutoff=0.6)


def _options(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """List the options of the command that the words name, down to its last sub-command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            name = next((word for word in words if word in action.choices), None)
            if name is not None:
                return _options(action.choices[name], words[words.index(name) + 1 :])
    return list(parser._option_string_actions)
