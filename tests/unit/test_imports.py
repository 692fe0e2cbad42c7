from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import gpuenv

PACKAGE = Path(gpuenv.__file__).parent
STEPS = {"probe", "recipes", "engines", "stage", "activate", "verify", "doctor", "artifact_sources", "warm", "onto"}
STEPS |= {"fetch", "archive", "toolkit"}
LEAVES = {"model", "errors", "extension", "hookspec", "process", "facts", "paths", "binaries", "gpu_code", "settings"}
LEAVES |= {"document", "conform", "diagnosis", "locks", "registry", "text_files", "toolkit_files", "user_path"}
# Put several steps together: what brings and stages an archive.
COMPOSERS = {"bring", "toolkit_source"}
BELOW_PIPELINE = STEPS | LEAVES | {"plugins", "session", "transaction", "receipt"}


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the modules that a file imports, at the top or inside functions."""
    return frozenset(_imported(ast.parse(path.read_text())))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from [node.module] if node.module != "gpuenv" else [f"gpuenv.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imports_of(path: Path) -> set[str]:
    """Return the rooms of gpuenv that a file imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("gpuenv.")} - {"__version__"}


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "children" not in path.parts]


def allowed(room: str) -> set[str]:
    if room == "model":
        return {"model"}
    if room == "errors":
        return set()
    if room in STEPS or room in LEAVES:
        return LEAVES | {room}
    if room in ("plugins", "session", "transaction", "receipt"):
        return LEAVES | {"plugins", "session", "transaction", "receipt"}
    if room in COMPOSERS:
        return BELOW_PIPELINE | COMPOSERS
    if room == "pipeline":
        return BELOW_PIPELINE
    return (
        BELOW_PIPELINE
        | COMPOSERS
        | {"pipeline", "examination", "repair", "cli"}
        | ({"in_conda"} if room in ("conda_plugin", "in_conda") else set())
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports__every_module__stays_in_its_direction(path: Path) -> None:
    room = room_of(path)
    assert imports_of(path) - allowed(room) == set()


@pytest.mark.parametrize(
    ("module", "homes"),
    [
        ("rich", ["cli/report.py"]),
        ("subprocess", ["process.py"]),
        ("requests", ["fetch/http.py"]),
        ("rattler", ["engines/rattler_worker.py"]),
        ("ctypes", ["probe/ask_driver.py", "probe/system.py", "process.py", "registry.py", "warm/warm_worker.py"]),
    ],
)
def test_imports__edges__have_one_home(module: str, homes: list[str]) -> None:
    found = [
        str(path.relative_to(PACKAGE)) for path in FILES if module in {name.split(".")[0] for name in imported(path)}
    ]
    assert found == homes


@pytest.mark.parametrize("command", ["--help", "--version", "create --help", "recipes --help"])
def test_help__nothing_heavy_is_imported(command: str) -> None:
    heavy = {"rattler", "rich", "msgspec", "ruamel", "elftools", "pefile", "findpython", "requests", "numpy", "pluggy"}
    script = (
        "import sys\n"
        "from gpuenv.cli.main import main\n"
        f"try: main({command.split()!r})\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "usage:" in ended.stdout or "gpuenv" in ended.stdout
    assert heavy & set(ended.stderr.split()) == set()
