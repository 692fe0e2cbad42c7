"""Make `docs/explain.md` from what `gpuenv explain` says: `python tools/explain_page.py`. A test holds both in step."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "explain.md"
MACHINES = {
    "An RTX 3080 with a driver that is too old for it": ["--gpu", "RTX 3080", "--driver", "450.80.02", "--os", "linux"],
    "An RTX 3080 on Windows with Python 3.8": [
        *("--gpu", "RTX 3080", "--driver", "460.89", "--os", "windows", "--python", "3.8"),
    ],
    "An A100": ["--gpu", "A100", "--os", "linux"],
    "An RTX 4090": ["--gpu", "RTX 4090", "--os", "linux"],
    "An H100": ["--gpu", "H100", "--os", "linux"],
    "An RTX 5090": ["--gpu", "RTX 5090", "--os", "linux"],
    "A GTX 1080 Ti": ["--gpu", "GTX 1080 Ti", "--os", "linux"],
    "No GPU": ["--gpu", "none", "--os", "linux"],
    "One release": ["--gpu", "RTX 4090", "--driver", "470.57.02", "--os", "linux", "--framework", "tensorflow==2.9"],
}
HEAD = """\
# Why does it fit, why not?

`gpuenv explain` holds every recipe against a machine, installs nothing, and says for each that does not fit what is in
the way and the smallest change that would help. Without options the machine is this one; `--gpu` (a product or a
compute capability, repeated for several), `--driver`, `--os` (`linux`, `wsl`, `windows`) and `--python` name another.
`--framework tensorflow==2.9` asks for one release, `--engine conda` for what fits with an engine for conda packages. It
says what `gpuenv create` would do: with `--os` on another machine, else here, where a CUDA Toolkit that is installed
counts too.
`--json` has the same for programs: a list of verdicts with stable codes ([json.md](json.md)).

`gpuenv matrix` prints all releases against all generations of GPUs, as a table, `--csv`, `--json` or with `--html FILE`
as a page to filter and sort, on a phone too. What both know comes from tables in which every row names its source:
`gpuenv facts list`; `gpuenv facts show 2.9` prints every claim about a release with the numbers of its sources, which
stand below, as wide as the terminal (100 columns where there is none, `COLUMNS` says otherwise).

The driver that a stack needs is the greatest of three: the one of CUDA's minor-version compatibility, the first that
knows the GPU, and, where GPU code is compiled, the one of the toolkit that made this code, because minor-version
compatibility does not cover PTX.

## A team's own facts

`gpuenv facts update FILE` takes a YAML file whose rows win over gpuenv's; the setting `facts: [FILE, ...]` names files
that are read where they are. A mistake is reported with file, line and column. Of the rows about TensorFlow
`driver_min` and `problem` count in `explain` and `create`; the others `facts show` prints, for what is installed stands
in the recipe.

```yaml
gpuenv_facts_version: "1"
products:
  - {name: GeForce RTX 6090, compute_capability: "12.0", source: the data sheet}
drivers:
  - {cuda: "13.3.0", linux: "600.10", windows: "600.20", source: release notes of CUDA 13.3}
architectures:
  - {compute_capability: "13.0", name: Rubin, first_cuda: "13.3", source: release notes of CUDA 13.3}
tensorflow:
  - {release: "2.9.3", platform: linux-64, key: driver_min, value: "460.32.03", source: measured by us}
```

## Examples
"""


def page() -> str:
    """Return the page, with what the command says today."""
    parts = [HEAD]
    for title, arguments in MACHINES.items():
        said = subprocess.run(
            [sys.executable, "-m", "gpuenv", "explain", *arguments], capture_output=True, text=True, check=True
        ).stdout
        parts.append(f"\n### {title}\n\n```text\n$ gpuenv explain {shlex.join(arguments)}\n{said.rstrip()}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
