"""Everything that is measured, one after the other, each beside its peer in the same run.

    python -m benchmarks [--quick] [--only PART ...] [--prefix PATH]

Parts: create (against bare uv), rattler and conda_create (`create` on conda packages, caches warm and empty, against
bare py-rattler and against `conda create`; the latter needs a conda), staging (against tar and cp, curl and sha256sum),
activation (against no gpuenv, in each shell), conda (what the plugin adds to `conda list`; needs a conda that has
gpuenv), doctor, growth (with many environments), and on a machine with a GPU first_epoch (by hand, lazy, warmed; beside
machine code with `--native`, which benchmarks.native_code makes) and first_step (what the first step waits for, by
setting). `--prefix` is a TensorFlow environment that gpuenv made: it saves fetching, and doctor, first_epoch and
first_step need one; first_epoch empties its compute cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time


def main() -> int:
    """Run the parts; return how many could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few repetitions, to see that it runs")
    parser.add_argument("--only", nargs="+", metavar="PART", help="run these parts alone")
    parser.add_argument("--prefix", metavar="PATH", help="a TensorFlow environment that gpuenv made")
    parser.add_argument("--native", metavar="PATH", help="another one, with machine code for this GPU")
    args = parser.parse_args()
    print(
        time.strftime("%Y-%m-%d %H:%M"),
        f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "",
        flush=True,
    )
    failed = 0
    for part, (words, reason) in _parts(args).items():
        if args.only and part not in args.only:
            continue
        print(f"\n== {part}", flush=True)
        if reason is not None:
            print(f"not measured: {reason}", flush=True)
            failed += 1
            continue
        failed += subprocess.run([sys.executable, "-m", *words], check=False).returncode != 0
    return failed


def _parts(args: argparse.Namespace) -> dict[str, tuple[list[str], str | None]]:
    """Return each part's command, and why it cannot be measured here."""
    pairs = "2" if args.quick else "7"
    cudnn = f"{args.prefix}/lib/python3.8/site-packages/nvidia/cudnn/lib" if args.prefix else None
    conda = os.environ.get("GPUENV_TEST_CONDA") or shutil.which("conda")
    no_conda = None if conda else "no conda is named by GPUENV_TEST_CONDA or on PATH"
    on_conda = ["benchmarks.create_conda", "--pairs", "1" if args.quick else "9", "--cold", "1" if args.quick else "5"]
    on_conda += ["--prefix", args.prefix] if args.prefix else []
    return {
        "create": (["benchmarks.create", "--pairs", pairs], None),
        "rattler": (on_conda, None),
        "conda_create": ([*on_conda, "--engine", "conda"], no_conda),
        "staging": (["benchmarks.staging", "--pairs", pairs, *(["--cudnn", cudnn] if cudnn else [])], None),
        "activation": (["benchmarks.activation", "--pairs", "5" if args.quick else "40"], None),
        "conda": (["benchmarks.conda_startup", "--pairs", "4" if args.quick else "20"], no_conda),
        "doctor": (["benchmarks.doctor", str(args.prefix)], None if args.prefix else "no `--prefix` is given"),
        "first_epoch": (
            ["benchmarks.first_epoch", str(args.prefix), *(["--native", args.native] if args.native else [])],
            _no_gpu(args.prefix),
        ),
        "first_step": (["benchmarks.first_step", str(args.prefix)], _no_gpu(args.prefix)),
        "growth": (
            [
                "benchmarks.growth",
                "--most",
                "10" if args.quick else "100",
                *(["--prefix", args.prefix] if args.prefix else []),
            ],
            None,
        ),
    }


def _no_gpu(prefix: str | None) -> str | None:
    if shutil.which("nvidia-smi") is None:
        return "no NVIDIA driver is there"
    return None if prefix else "no `--prefix` is given"


if __name__ == "__main__":
    sys.exit(main())
