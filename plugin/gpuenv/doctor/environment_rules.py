"""Rules over the libraries of an environment: what the framework opens, and what it gets."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

from packaging.version import Version

from gpuenv.doctor.environment import Environment, Library, TensorFlow
from gpuenv.doctor.releases import built
from gpuenv.doctor.sources import MEASURED
from gpuenv.extension import Action, Diagnosis, Repair, Rule
from gpuenv.gpu_code import service_of
from gpuenv.model import format_compute_capability

Find = Callable[[Environment], Diagnosis | list[Diagnosis] | None]
_LINKER = "ld.so(8), https://man7.org/linux/man-pages/man8/ld.so.8.html"
_RECREATE = "run `gpuenv create --force`"
# The wheels with CUDA 11 that serve TensorFlow 2.4 to 2.13: its own loader opened all eight libraries (measured).
_WHEELS = {
    "cudart": "nvidia-cuda-runtime-cu11",
    "cublas": "nvidia-cublas-cu11",
    "cublasLt": "nvidia-cublas-cu11",
    "cufft": "nvidia-cufft-cu11",
    "curand": "nvidia-curand-cu11",
    "cusolver": "nvidia-cusolver-cu11",
    "cusparse": "nvidia-cusparse-cu11",
    "cudnn": "nvidia-cudnn-cu11==8.6.0.163",
}
# What only follows when libraries are not there at all, or the build has no use for them.
_LIBRARY_RULES = ("env.library-missing", "env.cudnn-part", "env.cudnn-mixed", "env.wrong-name", "env.no-code")


def framework_incomplete(env: Environment) -> Diagnosis | None:
    """Name a TensorFlow whose metadata is there and whose files are not."""
    tf = env.tensorflow
    if tf is None or ((tf.package / "__init__.py").exists() and (tf.loader is not None or env.platform == "win-64")):
        return None
    missing = tf.package / ("libtensorflow_framework.so.2" if (tf.package / "__init__.py").exists() else "__init__.py")
    return Diagnosis(
        "env.framework-incomplete",
        f"TensorFlow {tf.version} is installed by its metadata, but `{_short(missing, env)}` is gone",
        f"run `{env.install} --force-reinstall --no-deps tensorflow=={tf.version}`",
        "certain",
        "the files that the wheel's RECORD lists",
        explains=_LIBRARY_RULES,
        repair=_install(
            env, "Install TensorFlow's files again", f"tensorflow=={tf.version}", "--reinstall", "--no-deps"
        ),
    )


def cpu_only(env: Environment) -> Diagnosis | None:
    """Name a build for the processor: by its package, its conda build, or because it has no GPU code in it."""
    why = _why_cpu_only(env)
    if why is None:
        return None
    return Diagnosis(
        "env.cpu-only",
        f"{why}: it will never use a GPU",
        "run `gpuenv create -n NAME` for an environment with a GPU build",
        "certain",
        "the package `tensorflow-cpu`, conda-forge's build strings, the binary itself (no fat binaries)",
        explains=_LIBRARY_RULES,
    )


def _why_cpu_only(env: Environment) -> str | None:
    for name in ("tensorflow-cpu", "tensorflow-intel"):
        dist = env.one(name)
        others = env.all("tensorflow", "tensorflow-gpu") if name == "tensorflow-cpu" else []
        if dist is not None and not others:
            return f"`{name}` {dist.version} is a build for the processor"
    for package in ("tensorflow", "tensorflow-base", "pytorch", "jaxlib"):
        build = env.conda_packages.get(package, "").partition(" ")[2]
        if build.startswith(("cpu", "mkl", "eigen")) or "_cpu" in build or "cpu_" in build:
            return f"conda's `{package}` is a build for the processor (`{build}`)"
    if env.torch is not None and not env.torch.has_cuda:
        return f"PyTorch {env.torch.version} is a build for the processor (it has no CUDA library)"
    tf = env.tensorflow
    if tf is not None and tf.code is not None and not tf.code.regions and tf.loader is not None:
        return f"TensorFlow {tf.version} is a build for the processor (it holds no GPU code)"
    if tf is not None and env.platform == "win-64" and tf.version >= Version("2.11"):
        return f"TensorFlow {tf.version} has no GPU build for Windows; 2.10 was the last one, newer ones need WSL"
    if env.gpus and env.one("jaxlib") and not any(it.name.startswith("jax-cuda") for it in env.distributions):
        jaxlib = env.all("jaxlib")[0]
        return None if "cuda" in jaxlib.version else f"jaxlib {jaxlib.version} comes without jax's CUDA plugin"
    return None


def library_missing(env: Environment) -> Diagnosis | None:
    """Name the CUDA libraries that TensorFlow opens at its start and will not find."""
    tf = _with_libraries(env)
    if tf is None:
        return None
    missing = [it for it in tf.libraries if not it.later and not it.usable and it.problem != "damaged"]
    if not missing:
        return None
    dangling = [it for it in missing if it.problem == "dangling"]
    names = ", ".join(f"`{it.name}`" for it in missing)
    what = "is a link to nowhere" if len(missing) == len(dangling) == 1 else "are links to nowhere"
    what = what if len(dangling) == len(missing) else "is not found" if len(missing) == 1 else "are not found"
    later = [it for it in tf.libraries if it.later and not it.usable and it.problem != "damaged"]
    repair = _link(env, tf, [*missing, *later]) or _link(env, tf, missing)
    return Diagnosis(
        "env.library-missing",
        f"{names} {what} where TensorFlow {tf.version} looks: it will see no GPU",
        "run `gpuenv doctor --fix`, which links the files that are in the environment"
        if repair is not None
        else _wheels(env, tf, missing),
        "certain",
        f"{MEASURED}; {_LINKER}",
        explains=("env.cudnn-part",) if any("cudnn" in it.name for it in missing) else (),
        repair=repair,
    )


def cudnn_part(env: Environment) -> Diagnosis | None:
    """Name the parts of cuDNN that it will open later and not find."""
    tf = _with_libraries(env)
    missing = [it for it in tf.libraries if it.later and not it.usable and it.problem != "damaged"] if tf else []
    if tf is None or not missing:
        return None
    repair = _link(env, tf, missing)
    return Diagnosis(
        "env.cudnn-part",
        f"parts of cuDNN are missing: {', '.join(f'`{it.name}`' for it in missing)}; the GPU will be listed, and the "
        "first convolution or training step will end the process",
        _RECREATE if repair is None else "run `gpuenv doctor --fix`, which links the files that are in the environment",
        "certain",
        MEASURED,
        repair=repair,
    )


def library_damaged(env: Environment) -> Diagnosis | None:
    """Name libraries whose files are empty, cut off or of another kind."""
    tf = _with_libraries(env)
    damaged = [it for it in tf.libraries if it.problem == "damaged" and it.path is not None] if tf else []
    if not damaged:
        return None
    names = ", ".join(f"`{_short(it.path, env)}`" for it in damaged if it.path is not None)
    package = _owner(env, damaged[0])
    return Diagnosis(
        "env.library-damaged",
        f"{names} is no whole ELF library, as after a full disk or a download that was cut off",
        f"run `{env.install} --force-reinstall --no-deps {package}`" if package else _RECREATE,
        "certain",
        "System V ABI, ELF header",
        repair=_install(env, f"Install `{package}` again", package, "--reinstall", "--no-deps") if package else None,
    )


def library_needs(env: Environment) -> Diagnosis | None:
    """Name libraries that are there and need others that are not."""
    tf = _with_libraries(env)
    needy = [it for it in tf.libraries if it.usable and it.needs] if tf else []
    if not needy:
        return None
    said = ", ".join(f"`{it.name}` needs {', '.join(f'`{name}`' for name in it.needs)}" for it in needy)
    return Diagnosis(
        "env.library-needs",
        f"CUDA libraries need others that are nowhere: {said}",
        _RECREATE,
        "certain",
        _LINKER,
    )


def wrong_name(env: Environment) -> Diagnosis | None:
    """Name libraries that are another one inside than their file name says, as after renaming a file to make it fit."""
    tf = _with_libraries(env)
    wrong = (
        [it for it in tf.libraries if it.usable and it.soname not in (None, it.name, _alias_of(it.name))] if tf else []
    )
    if not wrong:
        return None
    said = ", ".join(f"`{it.name}` is `{it.soname}`" for it in wrong)
    return Diagnosis(
        "env.wrong-name",
        f"libraries of another version were given the names that TensorFlow opens: {said}",
        _RECREATE,
        "likely",
        "https://github.com/tensorflow/tensorflow/issues/42199, DT_SONAME in the binary",
    )


def cudnn_mixed(env: Environment) -> Diagnosis | None:
    """Name a cuDNN whose files are of several versions."""
    tf = _with_libraries(env)
    found = {it.name: _release(it.version) for it in tf.libraries if it.usable and "cudnn" in it.name} if tf else {}
    versions = {name: version for name, version in found.items() if version}
    if len(set(versions.values())) < 2:
        return None
    said = ", ".join(f"`{name}` {'.'.join(map(str, version))}" for name, version in sorted(versions.items()))
    return Diagnosis(
        "env.cudnn-mixed",
        f"the files of cuDNN are of different versions ({said}): convolutions will end the process",
        _RECREATE,
        "certain",
        "cuDNN's own version check; the versions in the binaries",
        explains=("env.cudnn-older",),
    )


def cudnn_older(env: Environment) -> Diagnosis | None:
    """Name a cuDNN that is older than the one TensorFlow was built with."""
    tf = _with_libraries(env)
    known = built(tf.version) if tf else None
    if tf is None or known is None:
        return None
    versions = [_release(it.version) for it in tf.libraries if it.usable and "cudnn" in it.name and it.version]
    least = Version(known.cudnn).release
    if not versions or min(versions)[:2] >= least[:2]:
        return None
    return Diagnosis(
        "env.cudnn-older",
        f"cuDNN {'.'.join(map(str, min(versions)))} is found, but TensorFlow {tf.version} was built with {known.cudnn} "
        "and needs the same major version and at least that minor one",
        f"run `{env.install} 'nvidia-cudnn-cu{'12' if least >= (8, 9) else '11'}>={known.cudnn}'`",
        "certain",
        "https://www.tensorflow.org/install/source#gpu, https://github.com/tensorflow/tensorflow/issues/60913",
    )


def no_code(env: Environment) -> list[Diagnosis]:
    """Name GPUs that TensorFlow has no code for."""
    tf = env.tensorflow
    if tf is None or tf.code is None or not tf.code.regions:
        return []
    compiled, ptx = tf.code.machine_code_everywhere, tf.code.ptx
    found = []
    for gpu in env.gpus:
        capability = gpu.compute_capability
        if capability is None or service_of(capability, compiled, ptx) is not None:
            continue
        found.append(
            Diagnosis(
                "env.no-code",
                f"TensorFlow {tf.version} has no code for {gpu.name or 'this GPU'} (compute capability "
                f"{format_compute_capability(capability)}); it has machine code for {_list(compiled)}, "
                f"PTX for {_list(ptx)}",
                "run `gpuenv create --dry-run` to see which recipe serves this GPU",
                "certain",
                "the fat binaries in the library; CUDA C++ Programming Guide, Binary Compatibility",
            )
        )
    return found


def link_gone(env: Environment) -> Diagnosis | None:
    """Name links of gpuenv's own that are gone, while what they led to is there."""
    if not env.receipt_links:
        return None
    return Diagnosis(
        "env.link-gone",
        f"{len(env.receipt_links)} of gpuenv's links to CUDA libraries are gone, as after a new TensorFlow",
        "run `gpuenv doctor --fix`, which links them again",
        "certain",
        "the receipt of the environment",
        explains=("env.library-missing", "env.cudnn-part"),
        repair=Repair(
            f"Link {len(env.receipt_links)} CUDA libraries again",
            tuple(Action("link", str(env.prefix / link), text) for link, text in env.receipt_links),
        ),
    )


def _with_libraries(env: Environment) -> TensorFlow | None:
    """Return TensorFlow if it opens CUDA libraries at all."""
    return env.tensorflow if env.tensorflow is not None and env.tensorflow.libraries else None


def _link(env: Environment, tf: TensorFlow, missing: Iterable[Library]) -> Repair | None:
    """Make links beside the loader to files that the environment has; none when some file is nowhere."""
    wanted = list(missing)
    if tf.loader is None or any(it.elsewhere is None for it in wanted):
        return None
    directory = tf.loader.parent
    actions = tuple(
        Action("link", str(directory / it.name), os.path.relpath(it.elsewhere, directory))
        for it in wanted
        if it.elsewhere is not None
    )
    return Repair(f"Link {len(actions)} CUDA libraries of the environment beside TensorFlow's loader", actions)


def _wheels(env: Environment, tf: TensorFlow, missing: Iterable[Library]) -> str:
    """Say what brings the libraries: gpuenv, or NVIDIA's wheels, where there are such: for CUDA 11 and 12."""
    if env.kind == "gpuenv" or tf.version < Version("2.4") or env.platform == "win-64":
        return _RECREATE
    if tf.version >= Version("2.14"):
        return f"run `{env.install} 'tensorflow[and-cuda]=={tf.version}'`"
    if env.kind == "venv" and not any(it.name.startswith("nvidia-") for it in env.distributions):
        series = f"{tf.version.major}.{tf.version.minor}"
        return f"run `gpuenv add -p {shlex.quote(str(env.prefix))} --tensorflow {series}`, which brings and links them"
    stems = {it.name.partition(".so")[0].removeprefix("lib") for it in missing if it.elsewhere is None}
    names = sorted({_WHEELS[stem] for stem in stems if stem in _WHEELS})
    return f"run `{env.install} {' '.join(names)}`, then `gpuenv doctor --fix`" if names else _RECREATE


def _install(env: Environment, summary: str, requirement: str, *options: str) -> Repair:
    """Install with uv, into the environment's own Python."""
    return Repair(
        summary, (Action("run", command=("uv", "pip", "install", "--python", str(env.python), *options, requirement)),)
    )


def _owner(env: Environment, library: Library) -> str | None:
    """Return the wheel of NVIDIA that a library is from, as `nvidia-cudnn-cu11==8.6.0.163`."""
    real = library.path.resolve() if library.path is not None else Path()
    site = next((parent.parent for parent in real.parents if parent.name == "nvidia"), None)
    if site is None:
        return None
    member = real.relative_to(site).as_posix()
    for dist in env.distributions:
        record = dist.info_dir / "RECORD"
        if (
            dist.name.startswith("nvidia-")
            and record.is_file()
            and f"{member}," in record.read_text("utf-8", "replace")
        ):
            return f"{dist.name}=={dist.version}"
    return None


def _alias_of(name: str) -> str:
    """Return what may stand behind a name: cuSOLVER 11 behind 10 serves TensorFlow 2.4 (measured on an H100)."""
    return "libcusolver.so.11" if name == "libcusolver.so.10" else name


def _release(version: str | None) -> tuple[int, ...]:
    parts = [part for part in (version or "").split(".") if part.isdigit()]
    return tuple(int(part) for part in parts[:3])


def _list(capabilities: Iterable[tuple[int, int]]) -> str:
    return ", ".join(format_compute_capability(it) for it in sorted(capabilities)) or "none"


def _short(path: Path, env: Environment) -> str:
    return path.relative_to(env.prefix).as_posix() if path.is_relative_to(env.prefix) else str(path)


def rule(identity: str, find: Find, order: int) -> Rule:
    """Make a rule that looks at an environment."""
    return Rule(identity, find, order, "environment")


LIBRARY_ENVIRONMENT_RULES = (
    rule("env.framework-incomplete", framework_incomplete, 10),
    rule("env.cpu-only", cpu_only, 12),
    rule("env.link-gone", link_gone, 30),
    rule("env.library-missing", library_missing, 32),
    rule("env.library-damaged", library_damaged, 31),
    rule("env.library-needs", library_needs, 34),
    rule("env.cudnn-mixed", cudnn_mixed, 35),
    rule("env.cudnn-part", cudnn_part, 36),
    rule("env.cudnn-older", cudnn_older, 37),
    rule("env.wrong-name", wrong_name, 38),
    rule("env.no-code", no_code, 40),
)
