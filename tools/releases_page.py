"""Make `docs/releases.md` from the results that `try_releases.py` wrote: `python tools/releases_page.py`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "evidence" / "releases.json"
PAGE = ROOT / "docs" / "releases.md"
HEAD = """\
# TensorFlow releases, tried

Written by `python tools/try_releases.py`. Each line is an environment that was made from the package index with the
shipped recipe and lock, for `--gpu 8.6 --driver 580.65.06` on a machine without a GPU, checked by `files` and `import`
(activated and not), and removed again. `linked` counts the libraries that gpuenv had to put where TensorFlow looks; 0
means that TensorFlow finds NVIDIA's wheels by itself. What runs on a GPU is in [evidence](evidence/).

`gpuenv create -n tf --tensorflow 2.15` takes the recipe of a series, with its newest patch release. `--tensorflow
newest` takes the newest release that fits this machine: its system, its GPUs, its driver, and `--python` when it was
given. It is the first that `gpuenv explain` lists; a release whose GPU code has to be compiled first counts as fitting.
Without `--tensorflow` it is the project's own `gpuenv.yaml`, else `tf-2.4`, and when neither fits the newest that does.

| TensorFlow | Python | platform | date | result | linked | on disk | seen |
|---|---|---|---|---|---|---|---|
"""


def read_results() -> list[dict[str, Any]]:
    """Return the results so far."""
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    return found


def write_page() -> None:
    """Write the page."""
    ordered = sorted(read_results(), key=lambda one: (_number(one["version"]), _number(one["python"])), reverse=True)
    PAGE.write_text(HEAD + "".join(_line(one) for one in ordered), "utf-8")


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _line(one: dict[str, Any]) -> str:
    seen = "; ".join(one["errors"]) or one["checks"].get("import", "")
    size = f"{one['installed_bytes'] / 1024**3:.1f} GiB" if one.get("installed_bytes") else ""
    cells = (
        one["version"],
        one["python"],
        one["platform"],
        one["date"],
        one["status"],
        one.get("links", ""),
        size,
        seen,
    )
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    sys.exit(write_page())
