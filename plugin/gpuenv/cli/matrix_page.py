"""The page of `gpuenv matrix --html`: one file with nothing from elsewhere, and a few lines of script that filter."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpuenv.recipes.matrix import Cell, Row

_WORDS = {"native": "runs at once", "ptx": "compiles once", "unknown": "unknown", None: "no"}
_FIRST = ("release", "system", "Python", "CUDA", "cuDNN")
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gpuenv: which TensorFlow runs on which GPU</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #1b1b1b; background: #fff; }}
form {{ display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }}
label {{ display: flex; gap: .4rem; align-items: center; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .3rem .6rem; border: 1px solid #ccc; text-align: left; white-space: nowrap; }}
thead th {{ position: sticky; top: 0; background: #f0f0f0; }}
td.native {{ background: #d9f0d9; }}
td.ptx {{ background: #fff2cc; }}
td small {{ color: #555; display: block; }}
.hidden {{ display: none; }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #eee; background: #181818; }}
  thead th {{ background: #2a2a2a; }}
  th, td {{ border-color: #444; }}
  td.native {{ background: #1f4a1f; }}
  td.ptx {{ background: #5a4a12; }}
  td small {{ color: #bbb; }}
}}
</style>
</head>
<body>
<h1>Which TensorFlow runs on which GPU</h1>
<p>A cell says how the release runs on GPUs of that compute capability, and the least NVIDIA driver. <em>Compiles
once</em>: the GPU code is compiled at first use, which takes minutes, or ahead by <code>gpuenv warm</code>.</p>
<form id="filters">
<label>Text <input type="search" id="text" placeholder="2.15"></label>
<label>System <select id="platform"><option value="">any</option>{platforms}</select></label>
<label>Python <select id="python"><option value="">any</option>{pythons}</select></label>
<label>GPU <select id="gpu"><option value="">any</option>{gpus}</select></label>
<label>Driver <input id="driver" placeholder="525.60.13" size="10"></label>
<span id="count" role="status"></span>
</form>
<table>
<thead><tr>{first_heads}{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<script>
"use strict";
const parts = text => text.split(".").map(part => parseInt(part, 10) || 0);
function atLeast(have, need) {{
  const a = parts(have), b = parts(need);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {{
    const difference = (a[i] || 0) - (b[i] || 0);
    if (difference) return difference > 0;
  }}
  return true;
}}
const value = id => document.getElementById(id).value.trim();
function filter() {{
  const gpu = value("gpu"), driver = value("driver"), text = value("text").toLowerCase();
  let shown = 0;
  for (const row of document.querySelectorAll("tbody tr")) {{
    const cells = [...row.querySelectorAll("td[data-gpu]")].filter(cell => !gpu || cell.dataset.gpu === gpu);
    const served = cells.some(cell => cell.dataset.code && (!driver || atLeast(driver, cell.dataset.driver)));
    const fits = (!value("platform") || row.dataset.platform === value("platform"))
      && (!value("python") || row.dataset.pythons.split(" ").includes(value("python")))
      && (!text || row.textContent.toLowerCase().includes(text))
      && ((!gpu && !driver) || served);
    row.classList.toggle("hidden", !fits);
    shown += fits ? 1 : 0;
  }}
  for (const cell of document.querySelectorAll("[data-gpu]"))
    cell.classList.toggle("hidden", Boolean(gpu) && cell.dataset.gpu !== gpu);
  document.getElementById("count").textContent = shown + " of " + document.querySelectorAll("tbody tr").length;
}}
document.getElementById("filters").addEventListener("input", filter);
document.getElementById("filters").addEventListener("submit", event => event.preventDefault());
filter();
</script>
</body>
</html>
"""


def page(rows: Sequence[Row]) -> str:
    """Return the page."""
    pythons = sorted({python for row in rows for python in row.pythons}, key=lambda it: [int(p) for p in it.split(".")])
    capabilities = [cell.compute_capability for cell in rows[0].gpus] if rows else []
    return _PAGE.format(
        platforms=_options(dict.fromkeys(row.platform for row in rows)),
        pythons=_options(pythons),
        gpus="".join(f'<option value="{one}">{escape(_gpu(one))}</option>' for one in capabilities),
        first_heads="".join(f'<th scope="col">{name}</th>' for name in _FIRST),
        heads="".join(f'<th scope="col" data-gpu="{one}">{escape(_gpu(one))}</th>' for one in capabilities),
        rows="\n".join(_row(row) for row in rows),
    )


def _options(values: Sequence[str] | dict[str, None]) -> str:
    return "".join(f"<option>{escape(value)}</option>" for value in values)


def _gpu(capability: str) -> str:
    from gpuenv.facts import architecture_name
    from gpuenv.model import parse_compute_capability

    name = architecture_name(parse_compute_capability(capability))
    return f"{capability} {name}" if name else capability


def _row(row: Row) -> str:
    first = (f"{row.framework} {row.version}", row.platform, ", ".join(row.pythons), row.cuda_toolkit, row.cudnn)
    release, *others = (escape(str(text or "")) for text in first)
    cells = f'<th scope="row">{release}</th>' + "".join(f"<td>{text}</td>" for text in others)
    gpus = "".join(_cell(cell) for cell in row.gpus)
    data = f'data-platform="{escape(row.platform)}" data-pythons="{escape(" ".join(row.pythons))}"'
    return f"<tr {data}>{cells}{gpus}</tr>"


def _cell(cell: Cell) -> str:
    driver = escape(cell.driver_min or "")
    data = f'data-gpu="{cell.compute_capability}" data-code="{cell.code or ""}" data-driver="{driver}"'
    below = f"<small>{driver}</small>" if driver else ""
    return f'<td class="{cell.code or "none"}" {data}>{_WORDS[cell.code]}{below}</td>'
