"""Write the recipes of the TensorFlow releases from the facts: `python tools/make_recipes.py`, in a checkout.

What a release opens, has code for and runs on is read from `plugin/gpuenv/facts/tensorflow.csv`; what each family of
releases gets from NVIDIA stands here. `tf-2.4.yaml` is written by hand and is the base of those for CUDA 11, as
`tf-2.15` is of those for CUDA 12. After a change: `gpuenv lock recipes/tf-2.9.yaml --force` for each that changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap

from gpuenv.facts.tensorflow import Release, claims, releases

UNNAMED = "kernels that could not be named"
RECIPES = Path(__file__).parents[1] / "recipes"
CU11_LINUX = {
    "nvidia-cuda-runtime-cu11": "11.8.89",
    "nvidia-cublas-cu11": "11.11.3.6",
    "nvidia-cufft-cu11": "10.9.0.58",
    "nvidia-curand-cu11": "10.3.0.86",
    "nvidia-cusolver-cu11": "11.4.1.48",
    "nvidia-cusparse-cu11": "11.7.5.86",
    "nvidia-cuda-nvcc-cu11": "11.8.89",
}
# NVIDIA's newest for CUDA 12, for the releases that leave the choice open.
CU12_NEWEST = {
    "nvidia-cublas-cu12": "12.9.1.4",
    "nvidia-cuda-cupti-cu12": "12.9.79",
    "nvidia-cuda-nvcc-cu12": "12.9.86",
    "nvidia-cuda-nvrtc-cu12": "12.9.86",
    "nvidia-cuda-runtime-cu12": "12.9.79",
    "nvidia-cudnn-cu12": "9.10.2.21",
    "nvidia-cufft-cu12": "11.4.1.4",
    "nvidia-curand-cu12": "10.3.10.19",
    "nvidia-cusolver-cu12": "11.7.5.82",
    "nvidia-cusparse-cu12": "12.5.10.65",
    "nvidia-nccl-cu12": "2.27.7",
    "nvidia-nvjitlink-cu12": "12.9.86",
}
PTX_TOOLKITS = {f"7.{minor}": f"11.{minor}" for minor in range(9)} | {f"8.{minor}": f"12.{minor}" for minor in range(6)}
CUDNN_9 = ("graph", "ops", "cnn", "adv", "engines_precompiled", "engines_runtime_compiled", "heuristic")
# Of `tensorflow[and-cuda]`: toolkit, cuDNN.
AND_CUDA = {"2.16": ("12.3", "8.9"), "2.17": ("12.3", "8.9"), "2.18": ("12.5", "9.3")}
AND_CUDA["2.19"] = AND_CUDA["2.18"]


def main() -> int:
    """Write every recipe but the two that the others extend, which are kept by hand."""
    for release in releases():
        if release.series not in ("2.4", "2.15"):
            path = RECIPES / f"tf-{release.series}.yaml"
            path.write_text("\n".join(lines(release)) + "\n", "utf-8")
            print(path)
    return 0


def lines(release: Release) -> Iterable[str]:
    """Give the lines of a recipe."""
    cuda_12 = release.number >= (2, 15)
    base = "tf-2.15" if cuda_12 else "tf-2.4" if release.series == "2.5" else "tf-2.5"
    yield f"# Written by tools/make_recipes.py from what `gpuenv facts show {release.series}` prints."
    yield f"name: tf-{release.series}"
    yield f"extends: {base}.yaml"
    cuda = "12" if cuda_12 else "11"
    yield f"summary: TensorFlow {release.version} with CUDA {cuda} and cuDNN {cudnn_major(release)}"
    yield ""
    yield from framework(release)
    yield ""
    yield f"pythons: [{', '.join(quoted(release.pythons))}]"
    if not release.windows and base != "tf-2.15":
        yield "# From 2.11 on TensorFlow has no GPU on native Windows; WSL is linux-64."
        yield "platforms: [linux-64]"
    if release.number >= (2, 20):
        yield "# The oldest that NVIDIA's newest wheels run on."
        yield 'glibc_min: "2.28"'
    yield ""
    yield from gpu(release)
    yield ""
    yield "requirements:"
    yield f"  - tensorflow=={release.version}"
    for claim in claims(release.series, "constraint"):
        constraint, _, why = claim.value.partition(" | ")
        if why:
            yield f"  # {why[0].upper()}{why[1:]}."
            yield f"  - {constraint}"
    yield "  - pip"
    own = list(sources(release))
    if own:
        yield from ("", "sources:", *own)


def framework(release: Release) -> Iterable[str]:
    """Give the framework's version, and where its files and libraries differ from the base's."""
    yield "framework:"
    yield f'  version: "{release.version}"'
    base = Release({True: "2.15", False: "2.4" if release.series == "2.5" else "2.5"}[release.number >= (2, 15)])
    if gpu_code_file(release) != gpu_code_file(base):
        yield f"  gpu_code: {{linux-64: {gpu_code_file(release)}}}"
    if release.libraries != base.libraries:
        yield "  libraries:"
        yield from listed("    linux-64", release.libraries)
        if release.windows:
            yield from listed("    win-64", windows_names(release.libraries))
    if cudnn_major(release) != cudnn_major(base):
        yield "  # cuDNN 9 is split in another way; these open when they are needed."
        yield "  lazy_libraries:"
        yield from listed("    linux-64", [f"libcudnn_{part}.so.9" for part in CUDNN_9])


def listed(key: str, names: Iterable[str]) -> Iterable[str]:
    """Give a list on lines of at most 120 characters."""
    text = f"{key}: [{', '.join(names)}]"
    return wrap(text, 120, subsequent_indent=" " * (len(key) + 3), break_long_words=False, break_on_hyphens=False)


def gpu(release: Release) -> Iterable[str]:
    """Give what the wheel has code for, as it was read from the wheel."""
    yield "gpu:"
    yield f'  compute_capability_min: "{release.machine_code[0]}"'
    regions = release.value("regions")
    if regions:
        yield f"  # Read from the wheel: each of its {regions} fat binaries has machine code for these."
    yield f"  machine_code: [{', '.join(quoted(release.machine_code))}]"
    yield f'  ptx: "{release.ptx}"'
    yield f'  ptx_toolkit: "{ptx_toolkit(release)}"'
    failing = [one for one in (release.value("without_ptx") or "").split("; ") if one and one != UNNAMED]
    own = (release.value("without_ptx_machine_code") or "").split()
    if failing and own and tuple(own) != release.machine_code:
        yield f"  without_ptx_machine_code: [{', '.join(quoted(own))}]"
    yield f"  without_ptx: [{', '.join(quoted(failing))}]"
    if release.windows:
        yield "  # No build for Windows has NCCL: 2.4.0 has no `ncclAllReduce`, and in 2.10.0 every region has PTX."
        yield f"  without_ptx_on: {{win-64: [{', '.join(quoted(one for one in failing if 'NCCL' not in one))}]}}"


def ptx_toolkit(release: Release) -> str:
    """Return the first CUDA toolkit with the language of the PTX; where that is unknown, the one that built it.

    Source: NVIDIA's "PTX ISA", table of releases (https://docs.nvidia.com/cuda/parallel-thread-execution/, read
    2026-11).
    """
    known = release.value("ptx_version")
    return PTX_TOOLKITS[known.split()[-1]] if known else minor(release.value("build_toolkit"))


def gpu_code_file(release: Release) -> str:
    """Return the file with the most fat binaries: the one of Python's module up to 2.10, later a library of C++."""
    name = "libtensorflow_cc.so.2" if release.number > (2, 11) else "python/_pywrap_tensorflow_internal.so"
    return release.value("gpu_code_file") or f"tensorflow/{name}"


def cudnn_major(release: Release) -> str:
    """Return the number in `libcudnn.so.8`."""
    return next(name for name in release.libraries if name.startswith("libcudnn")).rpartition(".")[2]


def minor(version: str | None) -> str:
    """Return `12.5` for `12.5.1`."""
    return ".".join((version or "").split(".")[:2])


def sources(release: Release) -> Iterable[str]:
    """Give where CUDA comes from."""
    if release.number >= (2, 15):
        yield from sources_cuda_12(release)
        return
    cudnn = "8.7.0.84" if release.series == "2.14" else "8.6.0.163"
    if release.series == "2.14":
        yield "  pypi:"
        yield '    cudnn: "8.7"'
        yield "    # What `tensorflow[and-cuda]` names, but for TensorRT, whose packages can no longer be installed."
        yield "    requirements:"
        yield "      linux-64:"
        yield from (f"        - {name}=={version}" for name, version in CU11_LINUX.items() if "curand" not in name)
        yield f"        - nvidia-cudnn-cu11=={cudnn}"
    if release.series == "2.5":
        yield "  pypi:"
        yield "    # cuSOLVER is opened by its name in CUDA 11.1 and newer."
        yield "    aliases: null"
        yield '    machine_code_max: "9.0"'
    newer = release.number >= (2, 12)
    toolkit, with_cudnn = ("11.8", "8.9") if newer else ("11.2", "8.1")
    if release.series == "2.5" or newer:
        yield "  conda:"
        yield f'    cuda_toolkit: "{toolkit}"'
        yield f'    cudnn: "{with_cudnn}"'
        if release.series == "2.5":
            yield '    driver_min: {linux-64: "450.80.02", win-64: "452.39"}'
        if newer:
            yield "    compute_capability_max: null"
            yield '    machine_code_max: "9.0"'
        yield "    packages:"
        yield f"      linux-64: [cudatoolkit={toolkit}, cudnn={with_cudnn}]"
        if release.windows:
            yield f"      win-64: [cudatoolkit={toolkit}, cudnn={with_cudnn}]"
        yield "  toolkit:"
        yield f'    cuda_toolkit: "{toolkit}"'
        yield f'    cudnn: "{with_cudnn if not newer else "8.6"}"'
        yield '    driver_min: {linux-64: "450.80.02", win-64: "452.39"}'
        if newer:
            yield "    compute_capability_max: null"


def sources_cuda_12(release: Release) -> Iterable[str]:
    """Give the wheels that `tensorflow[and-cuda]` names, or where it leaves the choice open, NVIDIA's newest."""
    toolkit, cudnn = AND_CUDA.get(release.series, ("12.9", "9.10"))
    yield "  pypi:"
    yield f'    cuda_toolkit: "{toolkit}"'
    yield f'    cudnn: "{cudnn}"'
    yield f'    machine_code_max: "{"12.0" if toolkit == "12.9" else "9.0"}"'
    yield "    requirements:"
    yield "      linux-64:"
    if toolkit != "12.9":
        yield f"        - tensorflow[and-cuda]=={release.version}"
    else:
        yield "        # `tensorflow[and-cuda]` takes any CUDA 12 from 12.5 on. 12.9 and cuDNN 9.10 have machine code"
        yield "        # for GPUs from 5.0 to 12.0."
        yield from (f"        - {name}=={version}" for name, version in CU12_NEWEST.items())


def windows_names(libraries: Iterable[str]) -> Iterable[str]:
    """Turn names of Linux into those of Windows: `libcusolver.so.11` is `cusolver64_11.dll` there."""
    for name in libraries:
        stem, _, version = name.removeprefix("lib").partition(".so.")
        yield f"{stem}64_{'110' if version == '11.0' else version}.dll"


def quoted(texts: Iterable[str]) -> list[str]:
    """Quote texts for YAML."""
    return [f'"{text}"' for text in texts]


if __name__ == "__main__":
    sys.exit(main())
