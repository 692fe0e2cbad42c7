"""`gpuenv create`: the whole flow, or with `--dry-run` the plan of it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpuenv.cli import options
from gpuenv.cli.again import completed, from_receipt
from gpuenv.cli.licence import add_accept_license, ask_for_licences
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import check_lines, columns, option_for, size

if TYPE_CHECKING:
    from gpuenv.model import CondaPackage, Plan, Receipt, Request
    from gpuenv.session import Session, Target

ASK_FROM_BYTES = 2 * 1024**3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `create`."""
    options.add_target(parser)
    what = parser.add_argument_group("what to make")
    add_stack(what)
    what.add_argument("--python", metavar="VERSION", help="Python to use, as 3.8")
    what.add_argument("--engine", default="uv", metavar="ENGINE", help="what builds the environment (default: uv)")
    what.add_argument("--clone-from", metavar="ENV", help="clone this conda environment first, and add to the clone")
    add_how(parser)
    parser.add_argument("--force", action="store_true", help="replace an environment of that name")


def add_stack(group: argparse._ArgumentGroup) -> None:
    """Add which stack shall be installed."""
    group.add_argument("--recipe", metavar="NAME|FILE", help="recipe to use instead of the best that fits")
    group.add_argument("--tensorflow", metavar="VERSION", help="choose among recipes with this TensorFlow, as 2.4")
    group.add_argument("--cuda-from", metavar="SOURCE", help="where CUDA and cuDNN come from: pypi, conda or toolkit")
    group.add_argument("--archive", metavar="FILE", help="NVIDIA's archive of cuDNN, for `--cuda-from toolkit`")
    group.add_argument("--toolkit-dir", metavar="DIR", help="the CUDA Toolkit, for `--cuda-from toolkit`")
    group.add_argument(
        "--allow-any-hash", action="store_true", help="take the archive although its hash is not NVIDIA's, knowing it"
    )
    add_accept_license(group)
    group.add_argument("--allow-cpu", action="store_true", help="accept a machine without a GPU, knowing it")


def add_how(parser: argparse.ArgumentParser) -> None:
    """Add from where, for which machine, and what is done besides installing."""
    options.add_channels(parser)
    options.add_host_overrides(parser)
    options.add_verify(parser, "the recipe's")
    parser.add_argument("--no-warm", action="store_true", help="leave GPU code to be compiled when it is first used")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and its sizes; change nothing")
    options.add_yes(parser)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Plan, ask if need be, create; a failed check is an error after the work was done."""
    from gpuenv.cli.add import python_of
    from gpuenv.cli.clone import base_of
    from gpuenv.transaction import check_target, locked

    target = options.target(args, session)
    request = request_of(args)
    if args.clone_from is not None:
        base = base_of(args, session)
        args.engine = "conda"  # no other clones environments
        request = replace(request, onto=base, python=args.python or python_of(base))
    elif args.python is not None:
        request = replace(request, python=args.python)
    if args.dry_run:
        _warn_of_target(args, session, target)
    else:
        # Before the machine is probed, so that the answer comes at once; what a killed run left is cleaned up first.
        with locked(target.prefix, session.state_dir):
            check_target(target.prefix, replace_existing=args.force)
    return make(args, session, target, request)


def _warn_of_target(args: argparse.Namespace, session: Session, target: Target) -> None:
    """Say in a dry run what would be in the way, but for what a killed run left, which `create` cleans up."""
    from gpuenv.errors import TargetError
    from gpuenv.model import Warned
    from gpuenv.transaction import check_target, unfinished

    if target.prefix in unfinished(session.state_dir):
        return
    try:
        check_target(target.prefix, replace_existing=args.force)
    except TargetError as err:
        session.report(Warned(err.message))


def request_of(args: argparse.Namespace) -> Request:
    """Return what was asked for, but for Python and an environment to add to. Raises UsageError."""
    from gpuenv.errors import UsageError
    from gpuenv.model import Artifacts, Request

    if args.tensorflow is not None and not args.tensorflow.strip():
        raise UsageError("`--tensorflow`: expected a version such as `2.15`, or `newest`, found nothing")
    archive = Path(args.archive).expanduser().absolute() if args.archive else None
    toolkit = Path(args.toolkit_dir).expanduser().absolute() if args.toolkit_dir else None
    return Request(
        recipe=args.recipe,
        framework="tensorflow" if args.tensorflow else None,
        framework_version=args.tensorflow,
        cuda_from=args.cuda_from,
        allow_cpu=args.allow_cpu,
        channels=options.channels(args),
        override_channels=args.override_channels,
        artifacts=Artifacts(archive, toolkit, check_hash=not args.allow_any_hash),
    )


def make(args: argparse.Namespace, session: Session, target: Target, request: Request) -> Outcome:
    """Plan, and unless that was all, ask if need be and carry it out."""
    _prepare(args.engine, session)
    from gpuenv import pipeline
    from gpuenv.cli.verify import failed_checks
    from gpuenv.extension import Brings
    from gpuenv.model import Detail
    from gpuenv.recipes.rejections import unavailable_sources
    from gpuenv.warm import WarmOptions

    planned = pipeline.plan(session, request, options.overrides(args, session), target, args.engine)
    names = options.check_names(args)
    if names is not None:
        planned = replace(planned, checks=names)
    session.checks(planned.checks)
    for line in unavailable_sources(planned.choice.rejected):
        session.report(Detail(line))
    if args.dry_run:
        return Outcome(plan_document(planned), plan_text(planned), status="planned")
    for line in sources(planned):
        session.report(Detail(line))
    _ask(planned, args, session)
    place = session.artifact_source(planned.choice.source_name)
    if isinstance(place, Brings):
        archives = place.archives(planned)
        ask_for_licences(() if args.archive else archives, args, session)
    ahead = None if args.no_warm else WarmOptions()
    made = pipeline.create(session, planned, replace_existing=getattr(args, "force", False), warm_options=ahead)
    again = from_receipt(made)
    made = replace(made, checks=completed(made.checks, again))
    failed = failed_checks(made.checks, again)
    return Outcome(made, _text(made), status="partial" if failed else "success", error=failed, talk=True)


def _prepare(engine: str, session: Session) -> None:
    """Let an engine begin that needs time to start: what comes next takes a quarter of a second to import."""
    from gpuenv.extension import Prepares

    found = session.engine(engine)
    if isinstance(found, Prepares):
        found.prepare(session.report)


def plan_document(planned: Plan) -> dict[str, Any]:
    """Describe a plan for a program: every package, every size, every reason."""
    choice = planned.choice
    return {
        "name": planned.name,
        "prefix": planned.prefix,
        "platform": planned.platform,
        "engine": planned.engine,
        "recipe": choice.recipe.name,
        "recipe_path": choice.loaded.path,
        "recipe_origin": choice.loaded.origin,
        "framework": choice.recipe.framework.name,
        "framework_version": choice.recipe.framework.version,
        "source": choice.source_name,
        "cuda_toolkit": choice.source.cuda_toolkit,
        "cudnn": choice.source.cudnn,
        "python_version": choice.python_version,
        "python": choice.python,
        "gpus": choice.gpus,
        "rejected": choice.rejected,
        "lock": planned.lock.origin,
        "packages": planned.lock.packages,
        "conda_packages": planned.lock.conda_packages,
        "download_bytes": planned.lock.download_bytes,
        "installed_bytes": planned.lock.installed_bytes,
        "environment": planned.environment,
        "checks": planned.checks,
        "onto": planned.onto,
        "changes": planned.changes,
    }


def plan_text(planned: Plan) -> str:
    """Describe a plan for people."""
    from gpuenv.receipt import describe_gpu
    from gpuenv.recipes.rejections import explain_rejections

    choice, lock = planned.choice, planned.lock
    brought = "one of the conda packages" if lock.conda_packages else "to be installed by uv"
    python = f"{choice.python.version} at {choice.python.path}" if choice.python else brought
    unpacked = ", and the conda packages unpacked" if lock.conda_packages else ""
    origin = f"from {lock.origin}" if lock.origin != "solved" else "solved just now; `gpuenv lock` pins a recipe's"
    rows = [
        ("environment", str(planned.prefix)),
        ("recipe", f"{choice.recipe.name}  {choice.recipe.summary}"),
        ("Python", f"{choice.python_version}: {python}"),
        ("CUDA", f"{choice.source.cuda_toolkit} and cuDNN {choice.source.cudnn}, from {choice.source_name}"),
        *(("GPU", describe_gpu(gpu)) for gpu in choice.gpus),
        ("packages", f"{len(lock.packages)}, {origin}"),
        *([("conda", conda_text(lock.conda_packages))] if lock.conda_packages else []),
        *([("replaces", changes_text(planned))] if planned.changes else []),
        ("download", f"{_at_most(lock.download_bytes)}; nothing that is in a cache already"),
        ("disk", f"{_at_most(lock.installed_bytes)}{unpacked}; hard links to caches where the file system allows"),
        ("checks", ", ".join(planned.checks) or "none"),
    ]
    lines = [columns(rows)]
    rejected = explain_rejections(choice.rejected)
    if rejected:
        lines += ["", "not chosen:", *(f"  {line}" for line in rejected)]
    return "\n".join(lines)


def sources(planned: Plan) -> list[str]:
    """Say where each part of a plan comes from, for `-v`."""
    from gpuenv.model import format_driver_version

    host, choice = planned.host, planned.choice
    rows = [(f"GPU {gpu.index}", gpu.name or "named only", gpu.source) for gpu in host.gpus]
    if host.driver is not None:
        found = host.driver.driver_version
        rows.append(("driver", format_driver_version(found) if found else "unknown version", host.driver.source))
    rows.append(("recipe", choice.recipe.name, f"{choice.loaded.origin}: {choice.loaded.path}"))
    if choice.python is not None:
        rows.append(("Python", f"{choice.python.version} at {choice.python.path}", choice.python.source))
    else:
        rows.append(("Python", choice.python_version, f"to be installed by {planned.engine}"))
    rows.append(("CUDA", f"{choice.source.cuda_toolkit}, cuDNN {choice.source.cudnn}", choice.source_name))
    rows.append(("lock", f"{len(planned.lock.packages)} packages", planned.lock.origin))
    rows.append(("checks", ", ".join(planned.checks) or "none", ""))
    return columns(rows, indent="  ").splitlines()


def _at_most(number_bytes: int | None) -> str:
    return "unknown" if number_bytes is None else f"at most {size(number_bytes)}"


def conda_text(packages: tuple[CondaPackage, ...]) -> str:
    """Name what was asked for, and count the rest: `python 3.8.18, cudnn 8.0.5.39 and 21 more, from conda-forge`."""
    asked = ", ".join(f"{one.name} {one.version}" for one in packages if one.requested)
    rest = sum(not one.requested for one in packages)
    channels = ", ".join(dict.fromkeys(one.channel for one in packages))
    return f"{asked}{f' and {rest} more' if rest else ''}, from {channels}"


def changes_text(planned: Plan) -> str:
    """Name what an environment's own packages become: `numpy 1.19.2 by 1.19.5, h5py 3.1.0 by 2.10.0`."""
    return ", ".join(f"{one.name} {one.installed} by {one.wanted}" for one in planned.changes)


def _ask(planned: Plan, args: argparse.Namespace, session: Session) -> None:
    """Ask before a big download and before an environment is replaced. Raises UsageError when the answer is no."""
    if planned.onto is None and planned.prefix.exists() and args.force:
        options.confirm(f"Replace the environment at `{planned.prefix}`?", yes=args.yes)
    if planned.adds:
        also = f", which replaces {changes_text(planned)}" if planned.changes else ""
        options.confirm(f"Add the stack to `{planned.prefix}`{also}?", yes=args.yes)
    big = planned.lock.download_bytes or 0
    if big > ASK_FROM_BYTES and not args.yes and not _is_cached(planned, session):
        options.confirm(f"Download up to {size(big)}?", yes=args.yes)


def _is_cached(planned: Plan, session: Session) -> bool:
    from gpuenv.extension import KnowsCache

    engine = session.engine(planned.engine)
    return isinstance(engine, KnowsCache) and engine.is_cached(planned, session.report)


def _text(made: Receipt) -> str:
    where = option_for(made.name, made.prefix)
    lines = [
        f"{made.framework} {made.framework_version}, CUDA {made.cuda_toolkit}, cuDNN {made.cudnn}, "
        f"Python {made.python_version} in `{made.prefix}`",
        check_lines(made.checks),
    ]
    if any(result.status == "not run" for result in made.checks):
        lines.append(f"Not everything was proven; on the machine with the GPU run: gpuenv verify {where}")
    lines.append(f"Next: gpuenv run {where} -- python train.py")
    return "\n".join(line for line in lines if line)
