"""What is claimed about a release, for people: values with the numbers of their sources, and below the sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gpuenv.cli.text import width, wrapped

if TYPE_CHECKING:
    from gpuenv.facts.tensorflow import Claim

    Cited = dict[tuple[str, str], int]


_BUT, _AND = "  but", "  and"
_ALL_COUNT = {"problem"}  # several do not contradict each other


def claims_text(series: str, found: Sequence[Claim], most: int) -> str:
    """Print claims within `most` columns, the best of each key first, each with the numbers of its sources.

    It looks like this::

        cudnn          8 [1]
          but          8.1 [2]

        Sources:
        [1] metadata: tensorflow/python/platform/build_info.py in tensorflow-2.9.3-cp310-cp310-win_amd64.whl
        [2] documented: tensorflow/docs site/en/install/source.md
    """
    cited: Cited = {}
    linux = _rows([one for one in found if one.platform != "win-64"], cited)
    windows = _rows([one for one in found if one.platform == "win-64"], cited)
    wide = max((width(key) for key, _ in (*linux, *windows)), default=0)
    lines = [f"TensorFlow {series}", "", *_table(linux, wide, most)]
    if windows:
        lines += ["", "On Windows:", *_table(windows, wide, most)]
    if any(key == _BUT for key, _ in (*linux, *windows)):
        lines += ["", *wrapped("Of values that differ the first counts; `but` is what another source says.", "", most)]
    lines += ["", "Sources:"]
    for (kind, source), number in cited.items():
        lines += wrapped(f"[{number}] {kind}: {source}", "  ", most)
    return "\n".join(lines)


def _rows(found: Iterable[Claim], cited: Cited) -> list[tuple[str, str]]:
    """Put claims of a key with the same value together: (`cudnn`, `8 [1] [3]`), (`  but`, `8.1 [2]`)."""
    values: dict[str, dict[str, list[int]]] = {}
    for one in found:
        number = cited.setdefault((one.kind, one.source), len(cited) + 1)
        numbers = values.setdefault(one.key, {}).setdefault(one.value, [])
        if number not in numbers:
            numbers.append(number)
    return [
        (
            (_AND if key in _ALL_COUNT else _BUT) if place else key,
            " ".join([value or "none", *(f"[{number}]" for number in numbers)]),
        )
        for key, said in values.items()
        for place, (value, numbers) in enumerate(said.items())
    ]


def _table(rows: Iterable[tuple[str, str]], wide: int, most: int) -> Iterator[str]:
    for key, value in rows:
        first, *more = wrapped(value, "", most - wide - 2)
        yield f"{key}{' ' * (wide - width(key))}  {first}"
        yield from (" " * (wide + 2) + line for line in more)
