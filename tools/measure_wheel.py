"""Measure what a TensorFlow wheel is, from an environment that has it: `python tools/measure_wheel.py ENV 2.9.3`.

Read, not run: the fat binaries, the loader's search path, the names that the loader can open. What is found is printed
as rows of `plugin/gpuenv/facts/tensorflow.csv`.
"""

from __future__ import annotations

import argparse
import csv
import mmap
import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from gpuenv import facts
from gpuenv.binaries import GpuCodeSummary, dlopened_names, fat_binaries, gpu_code, read_elf
from gpuenv.model import ComputeCapability, Recipe, format_compute_capability

TABLE = Path(facts.__file__).with_name("tensorflow.csv")
LINKED_BYTES = 10_000_000  # NCCL's are 48 to 64 MB, the others below 1 MB
VERSION = re.compile(rb"\.version (\d\.\d)")
KERNEL = re.compile(rb"(ncclKernel|ncclDevKernel|ncclFunction)|\b(Abs|Tanh)_GPU_")


def record(prefix: Path, recipe: Recipe) -> None:
    """Replace what the table says was measured of this release by what is measured now."""
    version = recipe.framework.version
    found = list(rows(prefix, version))
    with TABLE.open(encoding="utf-8", newline="") as file:
        kept = [row for row in csv.reader(file)]
    header, old = kept[0], kept[1:]
    keys = {(row[0], row[1], row[2]) for row in found}
    merged = [row for row in old if not ((row[0], row[1], row[2]) in keys and row[4] == "measured")] + found
    merged.sort(key=lambda row: ([int(part) for part in row[0].split(".")], row[1], row[2], row[4]))
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *merged])


def rows(prefix: Path, version: str) -> Iterator[list[str]]:
    """Give a row for each thing that can be measured."""
    windows = (prefix / "Scripts").is_dir()
    site_packages = next(iter([*prefix.glob("lib/python*/site-packages"), *prefix.glob("Lib/site-packages")]))
    platform = "win-64" if windows else "linux-64"
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    wheel = f"the installed wheel of tensorflow {version}, Python {site_packages.parent.name.removeprefix('python')}"

    def row(key: str, value: str, how: str) -> list[str]:
        return [version, platform, key, value, "measured", f"{how} in {wheel}", today]

    largest, summary = max(summaries(site_packages, windows=windows), key=lambda it: it[1].regions)
    where = largest.relative_to(site_packages).as_posix()
    how = f"fat binaries of {where}"
    everywhere = summary.machine_code_everywhere
    yield row("gpu_code_file", where, "the file with the most fat binaries")
    yield row("regions", str(summary.regions), how)
    yield row("machine_code", texts(everywhere), how)
    counts: Counter[ComputeCapability] = Counter()
    for (machine_code, _), count in summary.regions_by_code.items():
        counts.update({capability: count for capability in machine_code})
    partly = {it: count for it, count in counts.items() if it not in everywhere}
    yield row("machine_code_partly", " ".join(f"{texts([it])}:{count}" for it, count in sorted(partly.items())), how)
    yield row("ptx", texts(summary.ptx), how)
    yield row("ptx_version", " ".join(ptx_versions(largest)), f"`.version` of the PTX of {where}")
    without = sum(count for (_, ptx), count in summary.regions_by_code.items() if not ptx)
    yield row("regions_without_ptx", str(without), how)
    of_these = [machine_code for machine_code, ptx in summary.regions_by_code if not ptx]
    common = frozenset.intersection(*of_these) if of_these else frozenset[ComputeCapability]()
    yield row("without_ptx_machine_code", texts(common), f"regions without PTX of {where}")
    yield row("without_ptx", "; ".join(named(largest)), f"names of the kernels in regions without PTX of {where}")
    if not windows:
        loader = site_packages / "tensorflow" / "libtensorflow_framework.so.2"
        yield row("search_path", search_path(loader), f"dynamic section of {loader.name}")
        names = dlopened_names(loader)
        if names:
            yield row("libraries", " ".join(names), f"code of DsoLoader in {loader.name}")


def summaries(site_packages: Path, *, windows: bool) -> Iterator[tuple[Path, GpuCodeSummary]]:
    """Give the GPU code of each library of the framework that has any."""
    root = site_packages / "tensorflow"
    patterns = (
        ("python/_pywrap_tensorflow_internal.pyd",) if windows else ("*.so*", "python/_pywrap_tensorflow_internal.so")
    )
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if not path.is_symlink():
                summary = gpu_code(path)
                if summary.regions:
                    yield path, summary


def named(path: Path) -> list[str]:
    """Name what the fat binaries without PTX are for, as far as the names of their kernels tell."""
    found: dict[str, None] = {}
    data = path.read_bytes()
    for region in fat_binaries(path):
        if region.ptx:
            continue
        match = KERNEL.search(data, region.offset, region.offset + region.size_bytes)
        # The one that was linked from relocatable code is NCCL's: nothing else in TensorFlow is made that way. It is
        # compressed.
        linked = region.size_bytes > LINKED_BYTES and b"NCCL version" in data
        if match is None and linked:
            found["NCCL (training on several GPUs)"] = None
        elif match is None:
            found["kernels that could not be named"] = None
        elif match[1]:
            found["NCCL (training on several GPUs)"] = None
        else:
            found[f"`tf.{match[2].decode().lower()}`"] = None
    return list(found)


def ptx_versions(path: Path) -> list[str]:
    """Return the versions of the PTX language that are used: a driver has to know them to compile the code.

    PTX is compressed, but begins with what cannot be: `//\n.version 7.0\n.target sm_80`.
    """
    found: set[str] = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for region in fat_binaries(path):
            match = VERSION.search(data, region.offset, region.offset + region.size_bytes) if region.ptx else None
            found |= {match[1].decode()} if match else set()
    return sorted(found)


def search_path(loader: Path) -> str:
    """Say what kind of search path a loader has: `runpath $ORIGIN nvidia`, or which few directories of NVIDIA's."""
    info = read_elf(loader)
    kind = (info.search_kind or "none").lower()
    plain = ["$ORIGIN"] if any(entry.rstrip("/") == "$ORIGIN" for entry in info.search_path) else []
    nvidia = sorted({match[1] for entry in info.search_path if (match := re.search(r"nvidia/(\w+)/lib", entry))})
    return " ".join([kind, *plain, *(["nvidia"] if len(nvidia) > 3 else nvidia)])


def texts(capabilities: frozenset[ComputeCapability] | list[ComputeCapability]) -> str:
    """Print capabilities in order."""
    return " ".join(format_compute_capability(it) for it in sorted(capabilities))


def main() -> int:
    """Print the rows, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", type=Path)
    parser.add_argument("version", help="version of TensorFlow in it")
    args = parser.parse_args()
    csv.writer(sys.stdout).writerows(rows(args.environment, args.version))
    return 0


if __name__ == "__main__":
    sys.exit(main())
