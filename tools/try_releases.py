"""Make the environment of each shipped recipe from the package index, check it, and write down what was seen.

    python tools/try_releases.py                       every recipe on every Python it names, for this platform
    python tools/try_releases.py tf-2.9 tf-2.15/3.11   some

Each is made with `--gpu 8.6 --driver 580.65.06` and removed again; its packages leave uv's cache too when `--tidy` is
given, so that 10 GB of disk suffice. Results go to `docs/evidence/releases.json`, from which `docs/releases.md` is
made; measured facts to `plugin/gpuenv/facts/tensorflow.csv`; the size on disk into the lock.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from measure_wheel import record
from releases_page import RESULTS, read_results, write_page

from gpuenv.model import LoadedRecipe
from gpuenv.plugins import Plugins, new_manager
from gpuenv.recipes import shipped_dirs
from gpuenv.recipes.lock import lock_path
from gpuenv.recipes.search import load_recipe_file

GPU, DRIVER = "8.6", "580.65.06"
PLATFORM = "win-64" if os.name == "nt" else "linux-64"


def main() -> int:
    """Try what was asked for; return 1 when anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="recipes, or recipe/python")
    parser.add_argument("--tidy", action="store_true", help="take TensorFlow out of uv's cache after each release")
    parser.add_argument("--new", action="store_true", help="only those without a result for the present lock")
    args = parser.parse_args()
    failed = False
    for loaded in recipes(args.what):
        for python in pythons(loaded, args.what):
            if args.new and is_known(loaded, python):
                continue
            result = try_one(loaded, python)
            failed = failed or result["status"] != "ok"
            write_result(result)
            print(json.dumps(result), flush=True)
        if args.tidy:
            subprocess.run(["uv", "cache", "clean", "-q", "tensorflow"], check=True)
    write_page()
    return 1 if failed else 0


def recipes(what: list[str]) -> list[LoadedRecipe]:
    """Load the recipes that were named, else all for this platform, newest first."""
    sources = Plugins(new_manager()).recipe_sources()
    directory = next(iter(shipped_dirs()))
    loaded = [load_recipe_file(path, sources) for path in directory.glob("tf-*.yaml")]
    names = {one.partition("/")[0] for one in what}
    wanted = [
        one for one in loaded if PLATFORM in one.recipe.platforms and one.recipe.name in (names or [one.recipe.name])
    ]
    return sorted(wanted, key=lambda one: [-int(part) for part in one.recipe.framework.version.split(".")])


def pythons(loaded: LoadedRecipe, what: list[str]) -> list[str]:
    """Return the Pythons that were named for a recipe, else all from 3.8 on."""
    named = [one.partition("/")[2] for one in what if one.startswith(f"{loaded.recipe.name}/")]
    return named or [python for python in loaded.recipe.pythons if int(python.split(".")[1]) >= 8]


def is_known(loaded: LoadedRecipe, python: str) -> bool:
    """Say whether there is a good result for the lock as it is."""
    lock = lock_path(Path(loaded.path), "pypi", PLATFORM, python)
    key = (loaded.recipe.name, python, PLATFORM)
    found = next((it for it in read_results() if (it["recipe"], it["python"], it["platform"]) == key), None)
    return found is not None and found["status"] == "ok" and found["pins"] == pins(lock)


def pins(lock: Path) -> int:
    """Return a number that changes when a lock pins something else."""
    import zlib

    lines = [line for line in lock.read_text("utf-8").splitlines() if not line.startswith("#")]
    return zlib.crc32("\n".join(lines).encode())


def try_one(loaded: LoadedRecipe, python: str) -> dict[str, Any]:
    """Create an environment, look at it, remove it."""
    name = f"try-{loaded.recipe.name}-{python}"
    begun = time.monotonic()
    made = gpuenv(
        "create", "-n", name, "--recipe", loaded.recipe.name, "--python", python, "--gpu", GPU, "--driver", DRIVER,
        "--cuda-from", "pypi", "--verify", "files,import", "--no-warm", "--yes", "--force",
    )  # fmt: skip
    lock = lock_path(Path(loaded.path), "pypi", PLATFORM, python)
    result = {
        "recipe": loaded.recipe.name,
        "version": loaded.recipe.framework.version,
        "python": python,
        "platform": PLATFORM,
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "status": "ok" if made["exit_code"] == 0 else "failed",
        "seconds": round(time.monotonic() - begun, 1),
        "pins": pins(lock),
        "errors": [
            error["message"] + (f": {error['cause'][:300]}" if error["cause"] else "") for error in made["errors"]
        ],
    }
    if made["data"]:
        prefix = Path(made["data"]["prefix"])
        result["checks"] = {
            f"{it['check']}{' activated' if it['activated'] else ''}": it["message"] for it in made["data"]["checks"]
        }
        result["links"] = sum(1 for file in made["data"]["manifest"]["files"] if file["kind"] == "symlink")
        result["installed_bytes"] = measure_size(prefix)
        if result["status"] == "ok":
            write_size(lock, result["installed_bytes"])
            record(prefix, loaded.recipe)
        gpuenv("remove", "-n", name, "--yes")
    return result


def gpuenv(*arguments: str) -> dict[str, Any]:
    """Run gpuenv and return its document."""
    with tempfile.TemporaryFile() as said:
        ended = subprocess.run(
            [sys.executable, "-m", "gpuenv", *arguments, "--json"], stdout=subprocess.PIPE, stderr=said, check=False
        )
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


def measure_size(prefix: Path) -> int:
    """Add up the files that the packages brought, in bytes."""
    site_packages = next(iter([*prefix.glob("lib/python*/site-packages"), *prefix.glob("Lib/site-packages")]))
    return sum(
        os.lstat(os.path.join(parent, name)).st_size
        for parent, _, names in os.walk(site_packages)
        if "__pycache__" not in parent
        for name in names
        if not os.path.islink(os.path.join(parent, name))
    )


def write_size(lock: Path, size_bytes: int) -> None:
    """Put the size on disk into the lock."""
    text = lock.read_text("utf-8")
    lines = [
        f"# installed_bytes: {size_bytes}" if line.startswith("# installed_bytes:") else line
        for line in text.splitlines()
    ]
    lock.write_text("\n".join(lines) + "\n", "utf-8")


def write_result(result: dict[str, Any]) -> None:
    """Replace the earlier result of the same recipe, Python and platform."""
    key = ("recipe", "python", "platform")
    kept = [one for one in read_results() if any(one[name] != result[name] for name in key)]
    RESULTS.write_text(json.dumps([*kept, result], indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
