"""The story of gpuenv: probe, choose, resolve, fetch, build, stage, activate, warm, verify, receipt.

Each step takes and returns frozen values; none prints. Everything from fetch to receipt happens inside one
transaction: when anything goes wrong the machine is as it was. A check that fails is not such an error: the
environment stays for a look, and its receipt says what failed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from packaging.version import Version

from gpuenv import activate, facts, probe, receipt, stage, verify, warm
from gpuenv.errors import GpuenvError, Hint, UsageError
from gpuenv.extension import Adds, Brings, Check, CheckContext, Engine
from gpuenv.model import (
    Built,
    Change,
    CheckResult,
    Choice,
    CondaPackage,
    CudaFiles,
    GpuReadiness,
    Host,
    LoadedRecipe,
    Lock,
    Overrides,
    Plan,
    Receipt,
    Recipe,
    Reporter,
    Request,
    Shared,
    Variable,
    Wanted,
    Warmed,
    Warned,
)
from gpuenv.paths import free_bytes, is_writable, log_dir
from gpuenv.recipes import lock, lock_conda, search, select
from gpuenv.session import Session, Target
from gpuenv.settings import environments_dir
from gpuenv.transaction import adding, check_addable, check_target, check_writable, creating, locked, remove_entries
from gpuenv.warm import WarmOptions


def plan(session: Session, request: Request, overrides: Overrides, target: Target, engine: str) -> Plan:
    """Decide everything that `create` is going to do, and change nothing.

    Raises NoGpuError, NoRecipeError, UnsolvableError or RecipeError with what is in the way.
    """
    builder = session.engine(engine)
    if request.onto is not None and not isinstance(builder, Adds):
        raise UsageError(
            f"the engine `{engine}` adds nothing to environments that are there",
            hints=[Hint("engine.adds", "use the user's own conda: `--engine conda`")],
        )
    if request.channels and not builder.conda_packages:
        session.report(Warned(f"`--channel` counts for nothing: the engine `{engine}` installs no conda packages"))
    own = builder.describe(request.onto) if request.onto is not None else None
    host = session.step("probe", probe.look, overrides, session.plugins.probes())
    choice = session.step("choose", choose, session, host, request, target, conda_packages=builder.conda_packages)
    packages = session.step("resolve", resolve, session, choice, wanted(host, request, choice), builder)
    for warning in choice.warnings:
        session.report(Warned(warning))
    checks = tuple(choice.recipe.checks)
    platform = request.platform or host.platform
    changes = _changes(own, packages) if own is not None else ()
    where = (target.prefix, target.name, platform, checks)
    decided = Plan(host, choice, packages, engine, *where, request.onto, changes, request.artifacts)
    return session.plugins.adjust_plan(host, decided)


def _changes(own: Built, packages: Lock) -> tuple[Change, ...]:
    from gpuenv.onto import changes  # reads metadata with what takes 30 ms to import

    return changes(own, packages)


def create(
    session: Session, planned: Plan, *, replace_existing: bool = False, warm_options: WarmOptions | None = None
) -> Receipt:
    """Carry out a plan, and leave a receipt. With `warm_options` the GPU code that this GPU lacks is compiled too.

    Raises TargetError when something stands at the prefix, FetchError or GpuenvError when building fails; then
    nothing is left behind. A failed check is in the receipt, not raised.
    """
    recipe, source = planned.choice.recipe, planned.choice.source
    engine = session.engine(planned.engine)
    checks = session.checks(planned.checks)
    with locked(planned.prefix, session.state_dir):
        kept: tuple[str, ...] = ()
        if planned.adds:
            check_addable(planned.prefix)
            change = adding(planned.prefix, session.state_dir)
        else:
            check_target(planned.prefix, replace_existing=replace_existing)
            kept = receipt.foreign_entries(planned.prefix) if receipt.was_made(planned.prefix) else ()
            change = creating(planned.prefix, session.state_dir, kept)
        with change:
            built = build(session, planned, engine)
            place = session.artifact_source(planned.choice.source_name)
            if isinstance(place, Brings):
                session.step("bring", place.bring, built, planned, session.settings, session.report)
            context = check_context(session, built, recipe, planned.choice.source_name, planned.host)
            staged = session.step("stage", stage.stage, built, recipe, source, context.cuda)
            scripts = session.step("activate", activate.activate, built, planned.environment, context.cuda)
            if warm_options is not None and needs_warming(planned):
                compile_ahead(session, planned, context, warm_options)
            rules = session.plugins.doctor_rules
            checked = replace(context, environment=_leaving_bytecode(session.environ))
            results = session.step("verify", verify.run_checks, checks, checked, session.report, rules)
            made = receipt.make_receipt(planned, built, results, staged + scripts)
            made = replace(made, gpu_code=_gpu_code(session, planned, context))
            session.step("receipt", receipt.write_receipt, made, recipe, planned.lock.text, added=planned.adds)
            _note_driver(made, checks, results)
            if planned.prefix.parent != environments_dir(session.environ):
                receipt.register(planned.prefix, session.data_dir)
    if kept:
        session.report(Warned(f"kept what gpuenv did not make: {', '.join(f'`{name}`' for name in kept)}"))
    return made


def build(session: Session, planned: Plan, engine: Engine) -> Built:
    """Make the environment with its packages; or take the one that is there, or a clone of it, and add them to it."""
    if planned.onto is None or not isinstance(engine, Adds):
        python = session.step("fetch", engine.fetch, planned, session.report)
        return session.step("build", engine.build, planned, python, session.report)
    if not planned.adds:
        session.step("clone", engine.clone, planned, session.report)
    take_out(planned.prefix)
    return session.step("build", engine.add, planned, session.report)


def take_out(prefix: Path) -> tuple[str, ...]:
    """Take out of an environment what gpuenv put beside its packages; return what somebody has changed since."""
    manifest = receipt.read_manifest(prefix)
    return (*activate.deactivate_files(prefix, manifest), *stage.unstage(prefix, manifest))


def _leaving_bytecode(environ: Mapping[str, str]) -> dict[str, str]:
    """Let the checks of a new environment leave Python's bytecode in it, as pip does whatever this variable says.

    Without it every later import of TensorFlow 2.4.0 takes 4.4 to 7.0 s, not 1.3 to 1.9 s (docs/performance.md).
    """
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


DEFAULT_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """Which checks to run (none: the recipe's), on which training data, and when to give up on one, in seconds."""

    checks: tuple[str, ...] = ()
    data: str = "synthetic"
    timeout_s: float = DEFAULT_TIMEOUT_S


def lasting(
    results: tuple[CheckResult, ...], overrides: Overrides, options: VerifyOptions, *, writable: bool = True
) -> tuple[tuple[CheckResult, ...], str | None]:
    """Return the results that say something about this environment on this machine, and why the others do not.

    A check that was given less time than usual has not shown that the environment is broken, only that it took longer.
    An environment that the user may not write to keeps none.
    """
    if not writable:
        return (), "you may not write to the environment"
    if (overrides.gpus, overrides.driver_version, overrides.cuda_driver_api) != (None, None, None):
        return (), f"{overrides.source} speaks of another machine"
    kept = tuple(it for it in results if it.status != "failed" or options.timeout_s >= DEFAULT_TIMEOUT_S)
    if len(kept) < len(results):
        return kept, f"a check failed within {options.timeout_s:g} s, a time limit below {DEFAULT_TIMEOUT_S:g} s"
    return kept, None


def verify_environment(
    session: Session, target: Target, overrides: Overrides, options: VerifyOptions
) -> tuple[Receipt, tuple[CheckResult, ...]]:
    """Run checks on an environment that was made before; put the results into its receipt and return both.

    Only `lasting` results change the receipt. Raises TargetError when gpuenv did not make it, UsageError for a check
    that nobody provides.
    """
    mine = is_writable(target.prefix)
    with locked(target.prefix, session.state_dir) if mine else nullcontext():
        made = receipt.read_receipt(target.prefix)
        recipe = receipt.read_recipe(target.prefix)
        checks = session.checks(options.checks or tuple(recipe.checks))
        host = session.step("probe", probe.look, overrides, session.plugins.probes())
        built = session.engine(made.engine).describe(target.prefix)
        context = check_context(session, built, recipe, made.source, host)
        logs = context.log_dir if mine else Path(tempfile.mkdtemp(prefix="gpuenv-log-"))
        context = replace(context, data=options.data, timeout_s=options.timeout_s, log_dir=logs)
        rules = session.plugins.doctor_rules
        results = session.step("verify", verify.run_checks, checks, context, session.report, rules)
        kept, _ = lasting(results, overrides, options, writable=mine)
        if mine:
            _note_driver(made, checks, kept)
        return receipt.update_checks(made, kept) if kept else made, results


def needs_warming(planned: Plan) -> bool:
    """Say whether a GPU of this machine would have to compile the framework's code when it is first used."""
    return warm.can_warm(planned.host) and any(gpu.code == "ptx" for gpu in planned.choice.gpus)


def _gpu_code(session: Session, planned: Plan, context: CheckContext) -> GpuReadiness:
    variables = _activated(context.built, planned.environment, context.cuda, session.environ)
    return warm.readiness(planned.prefix, context.recipe, variables.get("CUDA_CACHE_PATH"), planned.host)


def compile_ahead(session: Session, planned: Plan, context: CheckContext, options: WarmOptions) -> None:
    """Compile GPU code as a step of `create`; what cannot be compiled now is a warning, the framework still can."""
    variables, environ = planned.environment, session.environ
    activated = _activated(context.built, variables, context.cuda, environ)
    context = replace(context, environment=activated)
    try:
        done = session.step("warm", warm.warm, context, probe.find_libcuda(environ), options, session.report)
    except GpuenvError as err:
        session.report(Warned(f"{err.message}: {err.cause}" if err.cause else err.message))
        return
    if done.failed or done.left:
        count = len(done.failed) + done.left
        session.report(Warned(f"{count} of {done.modules} modules of GPU code will be compiled when they are used"))


def warm_environment(session: Session, target: Target, options: WarmOptions) -> Warmed:
    """Compile ahead the GPU code of an environment that was made before, for a GPU of this machine.

    Raises TargetError when gpuenv did not make it, NoGpuError without a GPU, GpuenvError when nothing can be compiled.
    """
    check_writable(target.prefix)
    with locked(target.prefix, session.state_dir):
        host = probe.look_for_gpus(session.plugins.probes())
        context = _warm_context(session, target, host)
        libcuda = probe.find_libcuda(session.environ)
        warmed = session.step("warm", warm.warm, context, libcuda, options, session.report)
        state = warm.readiness(target.prefix, context.recipe, warmed.cache_dir, host)
        receipt.update_gpu_code(receipt.read_receipt(target.prefix), state)
        return warmed


def environments(session: Session, host: Host) -> tuple[tuple[Receipt, GpuReadiness], ...]:
    """List the environments that can be read, and whether their GPU code is ready for a machine's GPUs."""
    found = []
    for prefix in receipt.known_prefixes(environments_dir(session.environ), session.data_dir, session.names.known()):
        try:
            made, recipe = receipt.read_receipt(prefix), receipt.read_recipe(prefix)
        except GpuenvError:
            continue  # `gpuenv list` says what is wrong with it
        variable = recipe.variables(made.source).get("CUDA_CACHE_PATH") if made.source in recipe.sources else None
        own = variable.value.replace("{prefix}", str(prefix)) if variable is not None else None
        cache = session.environ.get("CUDA_CACHE_PATH") or own
        found.append((made, warm.readiness(prefix, recipe, cache, host)))
    return tuple(found)


def export_warm(session: Session, target: Target, file: Path) -> Shared:
    """Write an environment's compute cache to a file. Raises as `gpuenv.warm.share.export` does."""
    from gpuenv.warm import share

    with locked(target.prefix, session.state_dir):
        return share.export(_warm_context(session, target, Host(receipt.read_receipt(target.prefix).platform)), file)


def import_warm(session: Session, target: Target, file: Path, *, replace_existing: bool) -> Shared:
    """Fill an environment's compute cache from a file. Raises as `gpuenv.warm.share.take` does."""
    from gpuenv.warm import share

    with locked(target.prefix, session.state_dir):
        context = _warm_context(session, target, probe.look_for_gpus(session.plugins.probes()))
        shared = share.take(context, file, replace=replace_existing)
        state = warm.readiness(target.prefix, context.recipe, context.environment.get("CUDA_CACHE_PATH"), context.host)
        receipt.update_gpu_code(receipt.read_receipt(target.prefix), state)
        return shared


def _warm_context(session: Session, target: Target, host: Host) -> CheckContext:
    made, recipe = receipt.read_receipt(target.prefix), receipt.read_recipe(target.prefix)
    built = session.engine(made.engine).describe(target.prefix)
    context = check_context(session, built, recipe, made.source, host)
    return replace(context, environment=process_environment(session, target))


def remove(session: Session, target: Target) -> tuple[str, ...]:
    """Remove an environment that gpuenv made; return the paths in its directory that gpuenv did not make and kept.

    From one that gpuenv added to, only what it put beside the packages is removed. Raises TargetError when gpuenv did
    not make it, or another gpuenv works on it.
    """
    with locked(target.prefix, session.state_dir):
        if receipt.was_added(target.prefix):
            take_out(target.prefix)
            remove_entries(target.prefix, receipt.own_entries(target.prefix), session.state_dir)
            return ()
        kept = receipt.foreign_entries(target.prefix)
        remove_entries(target.prefix, receipt.own_entries(target.prefix), session.state_dir)
        return kept


def process_environment(session: Session, target: Target) -> dict[str, str]:
    """Return the environment of a process inside an environment, as its activated shell would have it."""
    made = receipt.read_receipt(target.prefix)
    recipe = receipt.read_recipe(target.prefix)
    built = session.engine(made.engine).describe(target.prefix)
    receipt.check_python(made, built)
    cuda = session.artifact_source(made.source).locate(built, recipe.sources[made.source])
    variables = recipe.variables(made.source)
    return _activated(built, variables, cuda, session.environ)


def _activated(
    built: Built, variables: Mapping[str, Variable], cuda: CudaFiles, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a process in an activated shell, in a conda prefix as conda itself would have it."""
    make = activate.conda_command_environment if built.conda else activate.command_environment
    return make(built.prefix, variables, cuda.cuda_dir, built.platform, environ)


def _note_driver(made: Receipt, checks: Sequence[Check], results: Sequence[CheckResult]) -> None:
    """Write down which driver was loaded when every check on the GPU ended well: activation compares with it."""
    on_gpu = {check.name for check in checks if check.needs_gpu}
    ran = [result.status for result in results if result.check in on_gpu and result.status != "not run"]
    if ran and set(ran) == {"ok"}:
        receipt.note_driver(made, probe.loaded_driver())


def choose(session: Session, host: Host, request: Request, target: Target, *, conda_packages: bool = False) -> Choice:
    """Choose the recipe that was named, or the best of all there are. Raises NoRecipeError or NoGpuError."""
    sources, default = session.plugins.recipe_sources(), session.settings.default_recipe
    if request.recipe is not None:
        recipes: tuple[LoadedRecipe, ...] = (search.find_recipe(request.recipe, sources),)
    else:
        recipes, problems = search.list_recipes(sources)
        for problem in problems:
            session.report(Warned(problem))
        if default not in {loaded.recipe.name for loaded in recipes}:
            session.report(Warned(f"there is no recipe `{default}`, which `default_recipe` of the settings names"))
    return select.choose(
        host,
        request,
        recipes,
        default=default,
        artifact_sources=session.plugins.artifact_sources(),
        disk=select.Disk(free_bytes(target.prefix), lock.installed_bytes),
        conda_packages=conda_packages,
    )


def wanted(host: Host, request: Request, choice: Choice) -> Wanted:
    """Say what the chosen stack needs: Python packages, conda packages, channels, and what the driver knows."""
    recipe, source, platform = choice.recipe, choice.source_name, request.platform or host.platform
    return Wanted(
        requirements=lock.lock_inputs(recipe, source, platform),
        platform=platform,
        python_version=choice.python_version,
        conda_specs=lock_conda.conda_specs(recipe, source, platform, None if request.onto else choice.python_version),
        channels=lock_conda.conda_channels(recipe, source, request),
        cuda_driver_api=_cuda_driver_api(host, choice, platform),
        python=choice.python.path if choice.python is not None else None,
        onto=request.onto,
        glibc_min=recipe.glibc_min,
    )


def conda_part(
    session: Session, request: Request, overrides: Overrides, target: Target
) -> tuple[Wanted, tuple[CondaPackage, ...]]:
    """Say what a stack wants of conda on this machine, and the packages where a fresh lock pins them.

    For whoever makes the environment with conda itself and adds the rest. Raises as `plan` does.
    """
    host = probe.look(overrides, session.plugins.probes())
    choice = choose(session, host, request, target, conda_packages=True)
    asked = wanted(host, request, choice)
    found = lock.read_lock(choice.loaded, choice.source_name, asked.platform, choice.python_version)
    fresh = found is not None and not lock.lock_is_stale(choice.loaded, found)
    return asked, found.conda_packages if found is not None and fresh else ()


def _cuda_driver_api(host: Host, choice: Choice, platform: str) -> Version | None:
    """Return what the driver says, else what its version implies, else what the stack needs at least.

    The last is for `--gpu 8.6` alone, on a machine whose driver is not the one that counts.
    """
    if not host.gpus and host.driver is None:
        return None
    if host.driver is not None and host.driver.cuda_driver_api is not None:
        return host.driver.cuda_driver_api
    version = host.driver.driver_version if host.driver is not None else None
    implied = facts.cuda_driver_api(version, platform) if version is not None else None
    return implied or Version(choice.source.cuda_toolkit)


def resolve(session: Session, choice: Choice, wanted: Wanted, engine: Engine) -> Lock:
    """Take the recipe's lock when it has a fresh one, else solve now. Raises UnsolvableError or FetchError.

    The conda part is solved now where the engine needs one and the lock has none, or other channels are asked for.
    """
    found = lock.read_lock(choice.loaded, choice.source_name, wanted.platform, choice.python_version)
    if found is not None and lock.lock_is_stale(choice.loaded, found):
        again = f"`gpuenv lock {choice.loaded.path}` brings it up"
        session.report(Warned(f"`{found.origin}` is older than its recipe: solving anew; {again}"))
        found = None
    if found is None:
        return solve(choice, wanted, engine, session.report)
    if not engine.conda_packages:
        return lock_conda.with_conda_packages(found, ())
    kept = {package.channel for package in found.conda_packages} <= set(wanted.channels)
    if found.conda_packages and kept and wanted.onto is None:
        return found
    solved = engine.resolve(replace(wanted, requirements=()), session.report).conda_packages
    if {package.file_name for package in solved} == {package.file_name for package in found.conda_packages}:
        return found
    return lock_conda.with_conda_packages(found, solved)


def solve(choice: Choice, wanted: Wanted, engine: Engine, report: Reporter) -> Lock:
    """Make a lock with the engine's solver. Raises UnsolvableError or FetchError."""
    solved = engine.resolve(wanted, report)
    text = lock.format_lock(
        choice.loaded,
        choice.source_name,
        wanted.platform,
        choice.python_version,
        solved.text,
        made=f"{datetime.now(timezone.utc):%Y-%m-%d}",
        tool=solved.tool,
        download_bytes=solved.download_bytes,
        installed_bytes=solved.installed_bytes,
        conda_packages=solved.conda_packages,
    )
    return lock.parse_lock(text, "solved")


def check_context(session: Session, built: Built, recipe: Recipe, source: str, host: Host) -> CheckContext:
    """Say what the checks look at: the environment, its CUDA files and the machine."""
    return CheckContext(
        built=built,
        recipe=recipe,
        source_name=source,
        host=host,
        cuda=session.artifact_source(source).locate(built, recipe.sources[source]),
        log_dir=log_dir(built.prefix),
        environment=session.environ,
    )
