"""Rules over the packages of an environment, and over the variables that its programs would meet."""

from __future__ import annotations

from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from gpuenv.doctor.environment import TENSORFLOWS, Distribution, Environment
from gpuenv.doctor.environment_rules import rule
from gpuenv.doctor.sources import BROKEN, CUDA_VARIABLES, SMOKE
from gpuenv.extension import Action, Diagnosis, Repair

# What metadata does not say, and what breaks: the releases up to, the package, what it must be.
_UNSAID = (
    (Version("2.6"), "protobuf", "<3.21"),
    (Version("2.18"), "numpy", "<2"),
    (Version("2.4"), "h5py", "<3"),
)


def python_gone(env: Environment) -> Diagnosis | None:
    """Name an environment whose interpreter is a link to nowhere, as after an update of the system's Python."""
    if env.python_works:
        return None
    return Diagnosis(
        "env.python-gone",
        f"`{env.python}` leads nowhere: the Python that this environment was made from is gone",
        "install that Python again, or make the environment again with `gpuenv create`",
        "certain",
        "https://docs.python.org/3/library/venv.html",
    )


def moved(env: Environment) -> Diagnosis | None:
    """Name a virtual environment that lies elsewhere than where it was made: activating it puts another place first."""
    if env.made_at is None or env.made_at.resolve() == env.prefix.resolve():
        return None
    return Diagnosis(
        "env.moved",
        f"the environment was made in `{env.made_at}` and then moved or copied: activated, and through its `pip`, "
        "programs of that place run",
        f"move it back to `{env.made_at}`, or make it again here with `gpuenv create -p {env.prefix}`",
        "certain",
        "https://docs.python.org/3/library/venv.html: environments are not movable",
    )


def python_tag(env: Environment) -> Diagnosis | None:
    """Name a framework whose wheel is for another Python: `cp38` in an environment of 3.9."""
    minor = "cp" + "".join(env.python_version.split(".")[:2])
    wrong = [
        dist
        for dist in env.distributions
        if dist.tag.startswith("cp3") and not dist.tag.startswith(f"{minor}-") and "abi3" not in dist.tag
    ]
    if not wrong or env.python_version == "3":
        return None
    said = ", ".join(f"{it.name} {it.version} (`{it.tag.partition('-')[0]}`)" for it in wrong)
    return Diagnosis(
        "env.python-tag",
        f"this Python is {env.python_version}, but these were built for another one: {said}",
        "run `gpuenv create` with the Python that the framework was built for",
        "certain",
        "https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/",
    )


def clashes(env: Environment) -> list[Diagnosis]:
    """Name packages of versions that a framework cannot work with, by measurement or by its own metadata."""
    found = {one.rule: one for one in (*_unsaid(env), *_unmet(env)) if one is not None}
    return list(found.values())


def _unsaid(env: Environment) -> list[Diagnosis | None]:
    tf = env.tensorflow
    wrong = []
    for before, name, specifier in _UNSAID:
        dist = env.one(name)
        if tf is not None and dist is not None and tf.version < before:
            requirement = Requirement(f"{name}{specifier}")
            if dist.parsed not in requirement.specifier:
                wrong.append(_clash(env, f"TensorFlow {tf.version}", requirement, dist, SMOKE))
    return list(wrong)


def _unmet(env: Environment) -> list[Diagnosis | None]:
    """Compare what the frameworks' metadata requires with what is installed, for this Python."""
    marker: dict[str, str] = {
        **_default_marker(),
        "python_version": ".".join(env.python_version.split(".")[:2]),
        "extra": "",
    }
    marker |= {
        "python_full_version": env.python_version,
        "sys_platform": "win32" if env.platform == "win-64" else "linux",
    }
    marker |= {"platform_system": "Windows" if env.platform == "win-64" else "Linux"}
    wrong = []
    for framework in env.distributions:
        for text in framework.requires:
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            if requirement.marker is not None and not requirement.marker.evaluate(marker):
                continue
            name = requirement.name.lower().replace("_", "-").replace(".", "-")
            dist = env.one(name)
            if dist is None:
                wrong.append(_absent(env, framework, requirement, name))
            elif not requirement.specifier.contains(dist.parsed, prereleases=True):
                source = f"`Requires-Dist: {text}` of {framework.name} {framework.version}"
                wrong.append(_clash(env, f"{framework.name} {framework.version}", requirement, dist, source))
    return list(wrong)


def _default_marker() -> dict[str, str]:
    return {name: str(value) for name, value in default_environment().items()}


def _clash(env: Environment, who: str, requirement: Requirement, dist: Distribution, source: str) -> Diagnosis:
    wanted = f"{requirement.name}{requirement.specifier}"
    known = dist.name in ("protobuf", "numpy", "h5py", "keras")
    return Diagnosis(
        f"env.{dist.name}" if known else f"env.requirement.{dist.name}",
        f"{dist.name} {dist.version} is installed, but {who} needs `{wanted}`",
        f"run `{env.install} '{wanted}'`",
        "certain" if known else "possible",
        source,
        repair=_install(env, f"Install `{wanted}` instead of {dist.version}", wanted),
    )


def _absent(env: Environment, framework: Distribution, requirement: Requirement, name: str) -> Diagnosis | None:
    """Name a package that is not there; what conda calls otherwise, or has built in, is not looked for."""
    if env.conda_packages and framework.installer != "pip":
        return None
    wanted = f"{requirement.name}{requirement.specifier}"
    return Diagnosis(
        f"env.absent.{name}",
        f"{framework.name} {framework.version} needs `{wanted}`, which is not installed",
        f"run `{env.install} '{wanted}'`",
        "likely",
        f"`Requires-Dist` of {framework.name} {framework.version}",
        repair=_install(env, f"Install `{wanted}`", wanted),
    )


def keras_mismatch(env: Environment) -> Diagnosis | None:
    """Name a Keras of another release than TensorFlow's: from 2.6 to 2.15 both have the same number."""
    tf, keras = env.tensorflow, env.one("keras")
    if tf is None or keras is None or not Version("2.6") <= tf.version < Version("2.16"):
        return None
    if keras.parsed.release[:2] == tf.version.release[:2]:
        return None
    minor = ".".join(map(str, tf.version.release[:2]))
    return Diagnosis(
        "env.keras",
        f"Keras {keras.version} is installed, but TensorFlow {tf.version} needs Keras {minor}",
        f"run `{env.install} 'keras=={minor}.*'`",
        "certain",
        "https://github.com/tensorflow/tensorflow/issues/56298",
        repair=_install(env, f"Install Keras {minor} instead of {keras.version}", f"keras=={minor}.*"),
    )


def two_frameworks(env: Environment) -> Diagnosis | None:
    """Name several TensorFlows in one environment: they write into the same directory."""
    found = env.all(*TENSORFLOWS)
    shell = {"tensorflow", "tensorflow-intel"}  # on Windows one only requires the other
    if len({it.name for it in found}) < 2 or {it.name for it in found} <= shell:
        return None
    return Diagnosis(
        "env.two-frameworks",
        f"several TensorFlows overwrite each other's files: {', '.join(f'{it.name} {it.version}' for it in found)}",
        "run `gpuenv create` for an environment with one of them",
        "certain" if len({it.version for it in found}) > 1 else "likely",
        "all of these wheels hold the directory `tensorflow/`",
        explains=("env.duplicate",),
    )


def duplicate(env: Environment) -> Diagnosis | None:
    """Name packages whose metadata is there twice, as after an installer was interrupted."""
    versions: dict[tuple[str, Path], list[str]] = {}
    for dist in env.distributions:
        versions.setdefault((dist.name, dist.info_dir.parent), []).append(dist.version)
    twice = {name: found for (name, _), found in versions.items() if len(found) > 1}
    if not twice:
        return None
    said = ", ".join(f"{name} {' and '.join(found)}" for name, found in sorted(twice.items()))
    return Diagnosis(
        "env.duplicate",
        f"packages are installed in two versions at once, so that their files are mixed: {said}",
        f"run `{env.install} --force-reinstall {' '.join(sorted(twice))}`",
        "certain",
        "https://packaging.python.org/en/latest/specifications/recording-installed-packages/",
    )


def left_over(env: Environment) -> Diagnosis | None:
    """Name what pip renames before it replaces it, and leaves when it is interrupted: `~ensorflow`."""
    if not env.left_over:
        return None
    return Diagnosis(
        "env.left-over",
        f"an installation was interrupted: {', '.join(f'`{path.name}`' for path in env.left_over)} was left behind",
        "run `gpuenv create --force`, or install those packages again and remove the directories",
        "likely",
        "https://github.com/pypa/pip/issues/8219",
    )


def two_cudas(env: Environment) -> Diagnosis | None:
    """Name wheels of NVIDIA for two CUDA versions that write the same files."""
    kinds: dict[str, list[str]] = {}
    for dist in env.distributions:
        stem, _, cuda = dist.name.rpartition("-cu")
        if stem.startswith("nvidia-") and cuda in ("10", "11", "12"):
            kinds.setdefault(stem, []).append(cuda)
    both = [stem for stem, found in kinds.items() if len(set(found)) > 1]
    if not both:
        return None
    return Diagnosis(
        "env.two-cudas",
        f"wheels for two CUDA versions share a directory and overwrite each other: {', '.join(sorted(both))}",
        "run `gpuenv create`; frameworks for different CUDA versions need environments of their own",
        "certain",
        "RECORD of nvidia-cudnn-cu11 and nvidia-cudnn-cu12: both hold `nvidia/cudnn/lib`",
        explains=("env.cudnn-mixed", "env.wrong-name", "env.library-needs"),
    )


def openmp_twice(env: Environment) -> Diagnosis | None:
    """Name several copies of the OpenMP runtimes of Intel and LLVM, which end a process that loads both."""
    if len(env.openmp) < 2:
        return None
    return Diagnosis(
        "env.openmp-twice",
        f"there are {len(env.openmp)} copies of the OpenMP runtime: {', '.join(f'`{path}`' for path in env.openmp)}; a "
        "process that loads two of them ends with `OMP: Error #15`",
        "run `conda install nomkl`, or install NumPy and the framework with one installer",
        "possible",
        "https://github.com/ContinuumIO/anaconda-issues/issues/13121",
    )


def conda_and_pip(env: Environment) -> Diagnosis | None:
    """Name packages that both conda and pip have installed, in different versions."""
    both = []
    for dist in env.distributions:
        conda = env.conda_packages.get(dist.name, "").partition(" ")[0]
        if conda and dist.installer in ("pip", "uv") and conda != dist.version:
            both.append(f"{dist.name} (conda {conda}, {dist.installer} {dist.version})")
    if not both:
        return None
    return Diagnosis(
        "env.conda-and-pip",
        f"pip has replaced packages of conda, which goes on counting on its own: {', '.join(both)}",
        "run `gpuenv create` for an environment of one kind; do not run `conda install` in this one",
        "likely",
        "https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html",
    )


def stub(env: Environment) -> Diagnosis | None:
    """Name a `libcuda` that is not the driver's: a stub for linking, or an old copy."""
    if not env.driver_libraries:
        return None
    links = tuple(path for path in env.driver_libraries if path.is_symlink() and path.is_relative_to(env.prefix))
    said = ", ".join(f"`{path}`" for path in env.driver_libraries)
    inside = any(path.is_relative_to(env.prefix) for path in env.driver_libraries)
    return Diagnosis(
        "env.stub",
        f"{said} stands before the driver's own library; one from a toolkit's `stubs` or `compat` does not work",
        f"run `rm {' '.join(map(str, env.driver_libraries))}`" if inside else "run `unset LD_LIBRARY_PATH`",
        "likely",
        "https://github.com/numba/numba/issues/8985",
        repair=Repair(
            f"Remove {len(links)} link{'s' if len(links) > 1 else ''} to a `libcuda` that is not the driver's",
            tuple(Action("unlink", str(path)) for path in links),
        )
        if links
        else None,
    )


def shadowed(env: Environment) -> Diagnosis | None:
    """Name libraries that LD_LIBRARY_PATH puts before those of the environment."""
    tf = env.tensorflow
    if not env.shadowing or (tf is not None and tf.search_kind == "RPATH" and "libstdc++.so.6" not in env.shadowing):
        return None
    if tf is None and env.torch is None:
        return None
    names = ", ".join(f"`{name}`" for name in list(env.shadowing)[:5])
    more = f" and {len(env.shadowing) - 5} more" if len(env.shadowing) > 5 else ""
    directories = ", ".join(f"`{path}`" for path in dict.fromkeys(path.parent for path in env.shadowing.values()))
    return Diagnosis(
        "env.ld-library-path",
        f"LD_LIBRARY_PATH puts libraries of {directories} before those of the environment: {names}{more}",
        "run `unset LD_LIBRARY_PATH`, and remove it from `~/.bashrc`",
        "likely",
        "ld.so(8): LD_LIBRARY_PATH goes before DT_RUNPATH",
    )


def hidden(env: Environment) -> Diagnosis | None:
    """Name a CUDA_VISIBLE_DEVICES that shows no GPU."""
    value = env.variables.get("CUDA_VISIBLE_DEVICES")
    if value is None or value.strip() not in ("", "-1", "none", "NoDevFiles"):
        return None
    return Diagnosis(
        "env.hidden",
        f"`CUDA_VISIBLE_DEVICES={value}` hides every GPU from programs",
        "run `unset CUDA_VISIBLE_DEVICES`",
        "certain",
        CUDA_VARIABLES,
    )


def ptx_setting(env: Environment) -> Diagnosis | None:
    """Name a variable that keeps the driver from using machine code, or from compiling PTX."""
    forced, disabled = (env.variables.get(name) == "1" for name in ("CUDA_FORCE_PTX_JIT", "CUDA_DISABLE_PTX_JIT"))
    if not (forced or disabled):
        return None
    said = (
        "`CUDA_FORCE_PTX_JIT=1` makes the driver leave machine code aside, without which cuBLAS and cuDNN fail"
        if forced
        else "`CUDA_DISABLE_PTX_JIT=1` keeps the driver from compiling PTX, which a GPU newer than the framework needs"
    )
    return Diagnosis(
        "env.ptx-setting",
        said,
        "run `unset CUDA_FORCE_PTX_JIT CUDA_DISABLE_PTX_JIT`",
        "certain" if forced else "likely",
        f"{CUDA_VARIABLES}, {BROKEN}",
    )


def user_site(env: Environment) -> Diagnosis | None:
    """Name packages in the user's own directory that go before the environment's."""
    here = {dist.name: dist.version for dist in env.distributions}
    over = [it for it in env.user_site if here.get(it.name, it.version) != it.version]
    if not over:
        return None
    said = ", ".join(f"{it.name} {it.version} (here {here[it.name]})" for it in over[:6])
    return Diagnosis(
        "env.user-site",
        f"packages in `{over[0].info_dir.parent}` go before those of the environment: {said}",
        "run `export PYTHONNOUSERSITE=1`",
        "certain",
        "https://docs.python.org/3/library/site.html#site.ENABLE_USER_SITE",
    )


def python_path(env: Environment) -> Diagnosis | None:
    """Name a PYTHONPATH whose directories hold packages of the framework's."""
    for entry in env.variables.get("PYTHONPATH", "").split(":"):
        for name in ("tensorflow", "keras", "numpy", "google/protobuf", "torch", "jax"):
            if entry and (Path(entry) / name).is_dir():
                return Diagnosis(
                    "env.python-path",
                    f"PYTHONPATH has `{entry}`, whose `{name}` goes before the environment's",
                    "run `unset PYTHONPATH`",
                    "likely",
                    "https://docs.python.org/3/using/cmdline.html#envvar-PYTHONPATH",
                )
    return None


def not_executable(env: Environment) -> Diagnosis | None:
    """Name programs of CUDA that may not be run."""
    if not env.not_executable:
        return None
    return Diagnosis(
        "env.not-executable",
        f"{', '.join(f'`{path.name}`' for path in env.not_executable)} may not be executed: XLA will not compile",
        f"run `chmod +x {' '.join(map(str, env.not_executable))}`",
        "certain",
        "chmod(1)",
        repair=Repair(
            f"Make {', '.join(path.name for path in env.not_executable)} executable",
            tuple(Action("executable", str(path)) for path in env.not_executable),
        ),
    )


def startup_missing(env: Environment) -> Diagnosis | None:
    """Name a start-up file of gpuenv's that is gone."""
    if not env.missing_startup:
        return None
    return Diagnosis(
        "env.startup-missing",
        f"`{env.missing_startup[0]}` is gone: without activation, CUDA_MODULE_LOADING and others will not be set",
        "run `gpuenv create --force`",
        "certain",
        "the receipt of the environment",
    )


def _install(env: Environment, summary: str, requirement: str) -> Repair:
    return Repair(summary, (Action("run", command=("uv", "pip", "install", "--python", str(env.python), requirement)),))


PACKAGE_ENVIRONMENT_RULES = (
    rule("env.python-gone", python_gone, 5),
    rule("env.moved", moved, 6),
    rule("env.python-tag", python_tag, 8),
    rule("env.two-frameworks", two_frameworks, 14),
    rule("env.left-over", left_over, 16),
    rule("env.duplicate", duplicate, 17),
    rule("env.requirements", clashes, 20),
    rule("env.keras", keras_mismatch, 19),
    rule("env.two-cudas", two_cudas, 25),
    rule("env.stub", stub, 28),
    rule("env.hidden", hidden, 42),
    rule("env.ptx-setting", ptx_setting, 43),
    rule("env.ld-library-path", shadowed, 44),
    rule("env.user-site", user_site, 22),
    rule("env.python-path", python_path, 23),
    rule("env.conda-and-pip", conda_and_pip, 50),
    rule("env.openmp-twice", openmp_twice, 52),
    rule("env.not-executable", not_executable, 54),
    rule("env.startup-missing", startup_missing, 56),
)
