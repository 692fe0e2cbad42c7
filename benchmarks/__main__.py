"""Everything that can be measured without a GPU, one after the other, each beside its peer in the same run.

    python -m benchmarks [--quick] [--only PART ...] [--prefix PATH]

Parts: create (against bare uv), staging (against tar and cp, curl and sha256sum), activation (against no gpuenv, in
each shell), conda (what the plugin adds to `conda list`; needs a conda that has gpuenv), growth (with many
environments). `--prefix` is a TensorFlow environment that gpuenv made: it saves fetching.
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
    return {
        "create": (["benchmarks.create", "--pairs", pairs], None),
        "staging": (["benchmarks.staging", "--pairs", pairs, *(["--cudnn", cudnn] if cudnn else [])], None),
        "activation": (["benchmarks.activation", "--pairs", "5" if args.quick else "40"], None),
        "conda": (
            ["benchmarks.conda_startup", "--pairs", "4" if args.quick else "20"],
            None if conda else "no conda is named by GPUENV_TEST_CONDA or on PATH",
        ),
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


if __name__ == "__main__":
    sys.exit(main())
