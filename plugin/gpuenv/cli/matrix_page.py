"""The page of `gpuenv matrix --html`: one file with nothing from elsewhere, and a script that filters and sorts.

The page itself, its style and script are `matrix_page.html` beside this module; here its rows are filled in. A cell's
`data-key` is what the script sorts by: numbers with dots between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpuenv.recipes.matrix import Cell, Row

_PAGE = Path(__file__).with_name("matrix_page.html")
_WORDS = {"native": "at once", "ptx": "compiles", "unknown": "unknown", None: "no"}
_RANKS = {"native": 3, "ptx": 2, "unknown": 1, None: 0}
_SYSTEMS = {"linux-64": "Linux, WSL", "win-64": "Windows"}
_FIRST = ("Release", "System", "Python", "CUDA", "cuDNN")
_EXAMPLES = 2


def page(rows: Sequence[Row]) -> str:
    """Return the page."""
    from string import Template

    from gpuenv import __version__

    pythons = sorted({python for row in rows for python in row.pythons}, key=_numbers)
    # The newest GPUs first: those are what most people come with, and what is cut off on a small screen.
    capabilities = [cell.compute_capability for cell in reversed(rows[0].gpus)] if rows else []
    platforms = dict.fromkeys(row.platform for row in rows)
    return Template(_PAGE.read_text("utf-8")).substitute(
        gpus="".join(_option(one, _with_examples(one)) for one in capabilities),
        platforms="".join(_option(one, _SYSTEMS.get(one, one)) for one in platforms),
        pythons="".join(_option(one, one) for one in pythons),
        heads="".join([*(_head(name) for name in _FIRST), *(_gpu_head(one) for one in capabilities)]),
        rows="\n".join(_row(row) for row in rows),
        products="\n".join(_products()),
        version=escape(__version__),
    )


def _option(value: str, text: str) -> str:
    return f'<option value="{escape(value)}">{escape(text)}</option>'


def _head(name: str) -> str:
    return f'<th scope="col"><button type="button">{escape(name)}</button></th>'


def _gpu_head(capability: str) -> str:
    button = f'<button type="button">{capability}<small>{escape(_architecture(capability))}</small></button>'
    return f'<th scope="col" data-gpu="{capability}" title="{escape(_with_examples(capability))}">{button}</th>'


def _row(row: Row) -> str:
    spread = row.pythons[0] if len(row.pythons) == 1 else f"{row.pythons[-1]} to {row.pythons[0]}"
    system = _SYSTEMS.get(row.platform, row.platform)
    texts = (
        ("System", system, str(list(_SYSTEMS).index(row.platform)) if row.platform in _SYSTEMS else "9"),
        ("Python", spread, row.pythons[0]),
        ("CUDA", row.cuda_toolkit or "", row.cuda_toolkit or "0"),
        ("cuDNN", row.cudnn or "", row.cudnn or "0"),
    )
    cells = "".join(
        f'<td data-label="{label}" data-key="{escape(key)}">{escape(text)}</td>' for label, text, key in texts
    )
    name = f'<th scope="row" data-key="{escape(row.version)}">{escape(f"{row.framework} {row.version}")}</th>'
    data = f'data-platform="{escape(row.platform)}" data-pythons="{escape(" ".join(row.pythons))}"'
    return f"<tr {data}>{name}{cells}{''.join(map(_cell, reversed(row.gpus)))}</tr>"


def _cell(cell: Cell) -> str:
    driver = escape(cell.driver_min or "")
    label = escape(f"{cell.compute_capability} {_architecture(cell.compute_capability)}")
    names = f'class="{cell.code or "none"}" data-label="{label}"'
    data = f'data-gpu="{cell.compute_capability}" data-code="{cell.code or ""}" data-driver="{driver or 0}"'
    below = f"<small>{driver}</small>" if driver else ""
    return f'<td {names} {data} data-key="{_RANKS[cell.code]}.{driver or 0}">{_WORDS[cell.code]}{below}</td>'


def _products() -> Iterable[str]:
    """List every known GPU below its compute capability, the newest first."""
    from gpuenv.facts import known_capabilities, products_of
    from gpuenv.model import format_compute_capability

    for capability in reversed(known_capabilities()):
        names = products_of(capability)
        if names:
            text = format_compute_capability(capability)
            yield f"<dt>{text} {escape(_architecture(text))}</dt><dd>{escape(', '.join(names))}</dd>"


def _with_examples(capability: str) -> str:
    """Name a capability with products that people know: `8.6 Ampere: RTX 3090 Ti, RTX 3090`."""
    from gpuenv.facts import products_of
    from gpuenv.model import parse_compute_capability

    names = [name.removeprefix("GeForce ") for name in products_of(parse_compute_capability(capability))[:_EXAMPLES]]
    return f"{capability} {_architecture(capability)}{': ' if names else ''}{', '.join(names)}"


def _architecture(capability: str) -> str:
    from gpuenv.facts import architecture_name
    from gpuenv.model import parse_compute_capability

    return architecture_name(parse_compute_capability(capability)) or ""


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
