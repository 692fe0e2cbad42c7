"""`gpuenv matrix`: every release with its Pythons, CUDA, drivers and GPUs, for terminals, programs and browsers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpuenv.recipes.matrix import Row
    from gpuenv.session import Session

MARKS = {"native": "yes", "ptx": "once", "unknown": "?", None: "-"}
_LEGEND = """\
yes: runs at once    once: the GPU code is compiled once, at first use or by `gpuenv warm`    -: has no code for it
driver: the least that serves any of these GPUs; `gpuenv explain --gpu 8.6` says it for one"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `matrix`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--csv", action="store_true", help="print it as CSV")
    group.add_argument("--html", metavar="FILE", help="write a page that can be filtered")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Make the table from every recipe that is found."""
    from gpuenv.cli.explain import recipes_of, sources_of
    from gpuenv.recipes.matrix import matrix

    rows = matrix(recipes_of(session), frozenset(sources_of(session, here=False)))
    if args.html is not None:
        return _write_page(args.html, rows)
    return Outcome({"releases": rows}, csv_text(rows) if args.csv else table(rows))


def table(rows: Sequence[Row]) -> str:
    """Print the table: a line a release and platform."""
    head = ["release", "platform", "Python", "CUDA", "cuDNN", "driver", *_capabilities(rows)]
    lines = [[*_cells(row), *(MARKS[cell.code] for cell in row.gpus)] for row in rows]
    return f"{columns([head, *lines])}\n\n{_LEGEND}"


def csv_text(rows: Sequence[Row]) -> str:
    """Print the table as CSV; a cell says how the code runs and the least driver, as `ptx 570.26`."""
    import csv
    from io import StringIO

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["release", "platform", "pythons", "cuda_toolkit", "cudnn", "driver_min", *_capabilities(rows)])
    for row in rows:
        said = [f"{cell.code} {cell.driver_min or ''}".strip() if cell.code else "" for cell in row.gpus]
        first = [f"{row.framework} {row.version}", row.platform, " ".join(row.pythons)]
        writer.writerow([*first, row.cuda_toolkit, row.cudnn, row.driver_min, *said])
    return text.getvalue().rstrip("\n")


def _capabilities(rows: Sequence[Row]) -> list[str]:
    return [cell.compute_capability for cell in rows[0].gpus] if rows else []


def _cells(row: Row) -> list[str]:
    spread = row.pythons[0] if len(row.pythons) == 1 else f"{row.pythons[-1]}-{row.pythons[0]}"
    name = f"{row.framework} {row.version}"
    return [name, row.platform, spread, row.cuda_toolkit or "", row.cudnn or "", row.driver_min or ""]


def _write_page(file: str, rows: Sequence[Row]) -> Outcome:
    from pathlib import Path

    from gpuenv.cli.matrix_page import page
    from gpuenv.text_files import write_texts

    write_texts({Path(file): page(rows)})
    return Outcome({"path": file, "releases": rows}, f"Wrote `{file}`\nNext: open it in a browser", talk=True)
