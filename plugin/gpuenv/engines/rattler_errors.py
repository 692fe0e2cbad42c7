"""What is in the way of the rattler engine, as the errors that gpuenv's users know, each with something to type."""

from __future__ import annotations

from pathlib import Path

from gpuenv.engines.rattler_messages import Answer
from gpuenv.errors import FetchError, GpuenvError, Hint, UnsolvableError, UsageError

_PYPI = Hint("conda.pypi", "take CUDA from NVIDIA's wheels instead: `gpuenv create --cuda-from pypi`")
_UV = Hint("conda.uv", "do without conda packages: `gpuenv create --engine uv --cuda-from pypi`")
_AGAIN = Hint("fetch.again", "run the same command again: what has arrived is kept, but nothing damaged")


def error_of(
    answer: Answer, channels: tuple[str, ...], specs: tuple[str, ...], prefix: Path | None = None
) -> GpuenvError:
    """Return the error for an answer with a problem; `specs` are what was asked for, from `channels`."""
    cause = one_line(answer.text)
    asked = answer.names if answer.problem == "missing" else specs
    names = ", ".join(f"`{name}`" for name in answer.names)
    # Other than for Python, there is another place to take it from.
    wheels = [_PYPI] if any(not spec.startswith("python=") for spec in asked) else []
    match answer.problem:
        case "missing" | "unsolvable":
            return _unsolvable(names, channels, cause, wheels)
        case "channel":
            mirror = Hint(
                "fetch.channel", "behind a mirror set `channel_alias` in `~/.condarc`, behind a proxy HTTPS_PROXY"
            )
            return FetchError(f"channel {names} could not be read", cause=cause, hints=[_AGAIN, mirror, _UV])
        case "unhashed":
            index = Hint(
                "channel.index", "index that channel again, with a tool that writes `sha256`: `conda index DIR`"
            )
            return FetchError(f"the channel gives no hash of {names}", cause=cause, hints=[index])
        case "changed":
            hint = Hint("fetch.lock", "if the channel replaced the file on purpose, make a new lock with `gpuenv lock`")
            return FetchError(f"{names} does not have the hash that the lock pins", cause=cause, hints=[hint])
        case "damaged":
            return FetchError(f"a download from {names} does not have the right hash", cause=cause, hints=[_AGAIN])
        case "install":
            return _not_installed(cause)
        case "config":
            what = f"{names} is no conda package that can be asked for" if names else "rattler's configuration is wrong"
            return UsageError(what, cause=cause)
        case "full":
            elsewhere = Hint("disk.elsewhere", "free some space, or choose another place with `-p PATH`")
            return GpuenvError(f"the disk of `{prefix}` is full", cause=cause, hints=[elsewhere])
        case _:
            return GpuenvError(f"rattler could not build `{prefix}`", cause=cause)


def one_line(text: str) -> str:
    """Put rattler's explanation, which is a tree of lines, into one line."""
    lines = [line.strip(" \u251c\u2514\u2502\u2500\t") for line in text.splitlines()]
    return "; ".join(line for line in lines if line)[:2000]


def _unsolvable(names: str, channels: tuple[str, ...], cause: str, wheels: list[Hint]) -> UnsolvableError:
    looked_in = " and ".join(f"`{channel}`" for channel in channels)
    where = f"channel {looked_in} has" if len(channels) == 1 else f"the channels {looked_in} have"
    message = f"{where} no {names}" if names else f"{where} no packages that fit together"
    other = Hint("conda.channel", "name a channel that has what is missing: `--channel NAME`")
    python = Hint(
        "conda.python", "take another Python of the recipe with `--python`, or an installed one with `--engine uv`"
    )
    return UnsolvableError(message, cause=cause, hints=[*(wheels or [python]), other])


def _not_installed(cause: str) -> UsageError:
    return UsageError(
        "the engine `rattler` needs the package `py-rattler`",
        cause=cause,
        hints=[
            Hint("rattler.install", "run `python -m pip install 'gpuenv[rattler]'`"),
            Hint("rattler.other", "where conda is installed, use it: `--engine conda`"),
        ],
    )
