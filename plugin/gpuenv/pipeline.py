"""The story of gpuenv: probe, choose, resolve, fetch, build, stage, activate, warm, verify, receipt.

Each step takes and returns frozen values; none prints. Everything from fetch to receipt happens inside one
transaction: when anything goes wrong the machine is as it was. A check that fails is not such an error: the
environment stays for a look, and its receipt says what failed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone

from gpuenv import activate, probe, receipt, stage, verify, warm
from gpuenv.errors import GpuenvError
from gpuenv.extension import CheckContext, Engine
from gpuenv.model import (
    Built,
    CheckResult,
    Choice,
    Host,
    LoadedRecipe,
    Lock,
    Overrides,
    Plan,
    Receipt,
    Recipe,
    Reporter,
    Request,
    Wanted,
    Warmed,
    Warned,
)
from gpuenv.paths import free_bytes, log_dir
from gpuenv.recipes import lock, search, select
from gpuenv.session import Session, Target
from gpuenv.transaction import check_target, creating, locked, remove_entries
from gpuenv.warm import WarmOptions


def plan(session: Session, request: Request, overrides: Overrides, target: Target, engine: str) -> Plan:
    """Decide everything that `create` is going to do, and change nothing.

    Raises NoGpuError, NoRecipeError, UnsolvableError or RecipeError with what is in the way.
    """
    builder = session.engine(engine)
    host = session.step("probe", probe.look, overrides, session.plugins.probes())
    platform = request.platform or host.platform
    choice = session.step("choose", choose, session, host, request, target)
    packages = session.step("resolve", resolve, session, choice, platform, builder)
    for warning in choice.warnings:
        session.report(Warned(warning))
    checks = tuple(choice.recipe.checks)
    decided = Plan(host, choice, packages, engine, target.prefix, target.name, platform, checks)
    return session.plugins.adjust_plan(host, decided)


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
        check_target(planned.prefix, replace_existing=replace_existing)
        kept = receipt.foreign_entries(planned.prefix) if receipt.was_made(planned.prefix) else ()
        with creating(planned.prefix, session.state_dir, kept):
            python = session.step("fetch", engine.fetch, planned, session.report)
            built = session.step("build", engine.build, planned, python, session.report)
            context = check_context(session, built, recipe, planned.choice.source_name, planned.host)
            staged = session.step("stage", stage.stage, built, recipe, source, context.cuda)
            scripts = session.step("activate", activate.activate, built, planned.environment, context.cuda)
            if warm_options is not None and needs_warming(planned):
                compile_ahead(session, planned, context, warm_options)
            rules = session.plugins.doctor_rules()
            results = session.step("verify", verify.run_checks, checks, context, session.report, rules)
            made = receipt.make_receipt(planned, built, results, staged + scripts)
            session.step("receipt", receipt.write_receipt, made, recipe, planned.lock.text)
            if planned.name is None:
                receipt.register(planned.prefix, session.data_dir)
    if kept:
        session.report(Warned(f"kept what gpuenv did not make: {', '.join(f'`{name}`' for name in kept)}"))
    return made


DEFAULT_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """Which checks to run (none: the recipe's), on which training data, and when to give up on one, in seconds."""

    checks: tuple[str, ...] = ()
    data: str = "synthetic"
    timeout_s: float = DEFAULT_TIMEOUT_S


def lasting(
    results: tuple[CheckResult, ...], overrides: Overrides, options: VerifyOptions
) -> tuple[tuple[CheckResult, ...], str | None]:
    """Return the results that say something about this environment on this machine, and why the others do not.

    A check that was given less time than usual has not shown that the environment is broken, only that it took longer.
    """
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
    with locked(target.prefix, session.state_dir):
        made = receipt.read_receipt(target.prefix)
        recipe = receipt.read_recipe(target.prefix)
        checks = session.checks(options.checks or tuple(recipe.checks))
        host = session.step("probe", probe.look, overrides, session.plugins.probes())
        built = session.engine(made.engine).describe(target.prefix)
        context = check_context(session, built, recipe, made.source, host)
        context = replace(context, data=options.data, timeout_s=options.timeout_s)
        rules = session.plugins.doctor_rules()
        results = session.step("verify", verify.run_checks, checks, context, session.report, rules)
        kept, _ = lasting(results, overrides, options)
        return receipt.update_checks(made, kept) if kept else made, results


def needs_warming(planned: Plan) -> bool:
    """Say whether a GPU of this machine would have to compile the framework's code when it is first used."""
    return warm.can_warm(planned.host) and any(gpu.code == "ptx" for gpu in planned.choice.gpus)


def compile_ahead(session: Session, planned: Plan, context: CheckContext, options: WarmOptions) -> None:
    """Compile GPU code as a step of `create`; what cannot be compiled now is a warning, the framework still can."""
    variables, environ = planned.environment, session.environ
    activated = activate.command_environment(
        planned.prefix, variables, context.cuda.cuda_dir, planned.platform, environ
    )
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
    with locked(target.prefix, session.state_dir):
        made = receipt.read_receipt(target.prefix)
        recipe = receipt.read_recipe(target.prefix)
        host = probe.look_for_gpus(session.plugins.probes())
        built = session.engine(made.engine).describe(target.prefix)
        context = check_context(session, built, recipe, made.source, host)
        context = replace(context, environment=process_environment(session, target))
        libcuda = probe.find_libcuda(session.environ)
        return session.step("warm", warm.warm, context, libcuda, options, session.report)


def remove(session: Session, target: Target) -> tuple[str, ...]:
    """Remove an environment that gpuenv made; return the paths in its directory that gpuenv did not make and kept.

    Raises TargetError when gpuenv did not make it, or another gpuenv works on it.
    """
    with locked(target.prefix, session.state_dir):
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
    return activate.command_environment(target.prefix, variables, cuda.cuda_dir, made.platform, session.environ)


def choose(session: Session, host: Host, request: Request, target: Target) -> Choice:
    """Choose the recipe that was named, or the best of all there are. Raises NoRecipeError or NoGpuError."""
    sources = session.plugins.recipe_sources()
    if request.recipe is not None:
        recipes: tuple[LoadedRecipe, ...] = (search.find_recipe(request.recipe, sources),)
    else:
        recipes, problems = search.list_recipes(sources)
        for problem in problems:
            session.report(Warned(problem))
    return select.choose(
        host,
        request,
        recipes,
        default=session.settings.default_recipe,
        artifact_sources=frozenset(session.plugins.artifact_sources()),
        disk=select.Disk(free_bytes(target.prefix), lock.installed_bytes),
    )


def resolve(session: Session, choice: Choice, platform: str, engine: Engine) -> Lock:
    """Take the recipe's lock when it has a fresh one, else solve now. Raises UnsolvableError."""
    found = lock.read_lock(choice.loaded, choice.source_name, platform, choice.python_version)
    if found is not None and not lock.lock_is_stale(choice.loaded, found):
        return found
    if found is not None:
        again = f"`gpuenv lock {choice.loaded.path}` brings it up"
        session.report(Warned(f"`{found.origin}` is older than its recipe: solving anew; {again}"))
    return solve(choice, platform, engine, session.report)


def solve(choice: Choice, platform: str, engine: Engine, report: Reporter, *, measure: bool = False) -> Lock:
    """Make a lock with the engine's solver. Raises UnsolvableError."""
    requirements = lock.lock_inputs(choice.recipe, choice.source_name, platform)
    python = choice.python.path if choice.python is not None else None
    wanted = Wanted(requirements, platform, choice.python_version, measure=measure, python=python)
    solved = engine.resolve(wanted, report)
    text = lock.format_lock(
        choice.loaded,
        choice.source_name,
        platform,
        choice.python_version,
        solved.text,
        made=f"{datetime.now(timezone.utc):%Y-%m-%d}",
        tool=solved.tool,
        download_bytes=solved.download_bytes,
        installed_bytes=solved.installed_bytes,
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
