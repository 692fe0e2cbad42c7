"""`gpuenv stage`: NVIDIA's cuDNN, or the parts of CUDA, from archives into an environment or a toolkit directory."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpuenv.cli import on_path, options
from gpuenv.cli.licence import add_accept_license, ask_for_licences
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import columns, quoted, size
from gpuenv.errors import CheckFailedError, GpuenvError, Hint, UsageError

if TYPE_CHECKING:
    from gpuenv.model import Archive, Source, Toolkit
    from gpuenv.session import Session
    from gpuenv.toolkit import StagedArchive

WHAT = ("cudnn", "cuda")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to stage: a toolkit directory, and the environment that it lies in or the toolkit that it is."""

    directory: Path
    prefix: Path | None = None
    toolkit: Toolkit | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `stage`."""
    parser.add_argument("what", nargs="?", choices=WHAT, help="cudnn, or cuda for its parts (CUDA 11.4 and later)")
    add_place(parser)
    which = parser.add_argument_group("which archive")
    which.add_argument(
        "--archive", metavar="FILE", help="an archive that is here already, under the name NVIDIA gave it"
    )
    which.add_argument(
        "--version", metavar="VERSION", help="version of cuDNN, as 8.0.4 (default: the default recipe's)"
    )
    which.add_argument(
        "--cuda", metavar="VERSION", help="CUDA it is for, as 11.0 (default: the toolkit's, the recipe's)"
    )
    which.add_argument(
        "--allow-any-hash", action="store_true", help="take the archive although its hash is not NVIDIA's, knowing it"
    )
    add_accept_license(parser)
    on_path.add_user_path(parser)
    parser.add_argument("--status", action="store_true", help="show what is staged, and whether it was changed since")
    parser.add_argument("--dry-run", action="store_true", help="say which archive goes where; change nothing")


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add where: `-n NAME | -p PATH | --toolkit-dir DIR`, and `--into`."""
    group = parser.add_argument_group("where").add_mutually_exclusive_group()
    group.add_argument("-n", "--name", metavar="NAME", help="name of the environment")
    group.add_argument("-p", "--prefix", metavar="PATH", help="directory of the environment")
    group.add_argument(
        "--toolkit-dir", metavar="DIR", help="an installed CUDA Toolkit (default: the one that is found)"
    )
    parser.add_argument("--into", choices=["env", "toolkit"], help="needed where neither of the above says it")


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Stage, or say what is staged. Problems that the static proof finds are an error after the work was done."""
    from gpuenv import bring
    from gpuenv.fetch import options_from
    from gpuenv.model import Artifacts

    if args.status:
        return status(args, session)
    if args.what is None:
        raise UsageError(
            "nothing to stage is named", hints=[Hint("stage.what", "name it: `gpuenv stage cudnn`, or ask `--status`")]
        )
    archive = bring.archive_of(Path(args.archive)) if args.archive else None
    if archive is not None and (archive.kind == "cudnn") != (args.what == "cudnn"):
        other = "cudnn" if archive.kind == "cudnn" else "cuda"
        hint = Hint("stage.what", f"stage it as what it is: `gpuenv stage {other}`")
        raise UsageError(f"`{archive.name}` is not of `{args.what}`", hints=[hint])
    place = place_of(args, session, cuda=args.cuda or (archive.cuda if archive is not None else None))
    archives = (archive,) if archive is not None else _asked(args, session, place)
    for one in archives:
        _check_cuda(one, place)
        _check_platform(one, place)
    on_path.check(args, place.directory)
    if args.dry_run:
        planned = {**_plan(place, archives), "user_path": args.user_path}
        first = f"\n`{place.directory / 'bin'}` goes first on your PATH" if args.user_path else ""
        return Outcome(planned, _plan_text(place, archives) + first, status="planned")
    ask_for_licences(() if args.archive else archives, args, session)
    given = Path(args.archive) if args.archive else None
    artifacts = Artifacts(given, place.directory, check_hash=not args.allow_any_hash)
    if place.prefix is not None:
        place.directory.mkdir(parents=True, exist_ok=True)
    try:
        done = bring.bring(
            place.directory, archives, artifacts, options_from(session.settings, session.environ), session.report
        )
    finally:
        tidy(place)
    data = {"directory": place.directory, "changed": done.changed, "problems": done.problems}
    data["archives"] = [_entry(one) for one in done.staged]
    error: GpuenvError | None = _failed(done.problems, place) if done.problems else None
    text = _text(place, done)
    if args.user_path:
        put = on_path.put(session, place.directory, done.staged)
        data["user_path"], text, error = put.data, f"{text}\n{put.text}", error or put.error
    return Outcome(data, text, status="partial" if error else "success", error=error, talk=True)


def status(args: argparse.Namespace, session: Session) -> Outcome:
    """Show what is staged in one directory, or in every toolkit of the machine."""
    from gpuenv.probe import find_toolkits
    from gpuenv.toolkit import is_unsettled, look, read_ledger

    if args.name or args.prefix or args.toolkit_dir or args.into == "env":
        directories = [place_of(args, session, cuda=None).directory]
    else:
        directories = [Path(one.path) for one in find_toolkits(Path("/"), session.environ)]
    data: list[dict[str, Any]] = []
    rows: list[tuple[str, ...]] = []
    for directory in directories:
        entries = []
        for archive in read_ledger(directory).archives:
            states = look(directory, archive)
            lost = {state: [path for path, is_ in states.items() if is_ == state] for state in ("changed", "absent")}
            entries.append({**_entry(archive), **lost})
            counts = ", ".join(f"{len(paths)} {state}" for state, paths in lost.items() if paths)
            rows.append((f"{archive.component} {archive.version}", str(directory), counts or "as it was staged"))
        unsettled = is_unsettled(directory)
        if unsettled:
            rows.append(
                ("unfinished", str(directory), "a gpuenv is at it, or was killed; `gpuenv unstage` undoes that")
            )
        data.append({"directory": directory, "archives": entries, "unfinished": unsettled})
    on_path.warn_of_gone(session)
    nothing = "Nothing is staged" if directories else "No CUDA Toolkit was found, so nothing is staged in one"
    return Outcome({"directories": data}, columns(rows) if rows else nothing)


def place_of(args: argparse.Namespace, session: Session, *, cuda: str | None) -> Place:
    """Find the directory that the options mean.

    Raises UsageError when they do not say it, TargetError for an environment that does not exist.
    """
    from gpuenv.errors import TargetError
    from gpuenv.paths import env_toolkit_dir, is_environment
    from gpuenv.probe import toolkit_at

    into_env = args.name is not None or args.prefix is not None or args.into == "env"
    if args.into == "toolkit" and into_env:
        raise UsageError("`--into toolkit` and an environment were named", hints=[Hint("stage.into", "leave one out")])
    if into_env and args.toolkit_dir is not None:
        raise UsageError("`--into env` and `--toolkit-dir` were named", hints=[Hint("stage.into", "leave one out")])
    if into_env:
        prefix = options.target(args, session).prefix
        if not is_environment(prefix):
            hint = Hint("target.list", "run `gpuenv list` to see the environments there are")
            raise TargetError(f"there is no environment at `{prefix}`", hints=[hint])
        return Place(env_toolkit_dir(prefix), prefix)
    if args.toolkit_dir is not None:
        directory = Path(args.toolkit_dir).expanduser().absolute()
        if not directory.is_dir():
            raise TargetError(f"there is no directory `{directory}`")
        return Place(directory, None, toolkit_at(directory))
    if args.into is None:
        raise UsageError(
            "nothing says where to",
            hints=[
                Hint("stage.env", "into an environment, which takes no administrator: `-n NAME`"),
                Hint("stage.toolkit", "or into the installed toolkit: `--into toolkit`"),
            ],
        )
    return _only_toolkit(session, cuda)


def toolkit_with(session: Session, what: str) -> Place | None:
    """Find the one toolkit of the machine that something is staged in; None when it is in none, or in several.

    What a run that was killed left in a toolkit counts too.
    """
    from gpuenv.probe import find_toolkits
    from gpuenv.toolkit import is_unsettled, read_ledger

    found = [
        toolkit
        for toolkit in find_toolkits(Path("/"), session.environ)
        if is_unsettled(Path(toolkit.path))
        or any((one.component == "cudnn") == (what == "cudnn") for one in read_ledger(Path(toolkit.path)).archives)
    ]
    return Place(Path(found[0].path), None, found[0]) if len(found) == 1 else None


def tidy(place: Place) -> None:
    """Remove the directories that staging made in an environment when nothing is in them."""
    if place.prefix is not None:
        for directory in (place.directory, *place.directory.parents[:2]):
            if not directory.is_dir() or any(directory.iterdir()):
                return
            directory.rmdir()


def _only_toolkit(session: Session, cuda: str | None) -> Place:
    """Take the toolkit of that CUDA, else of the default recipe's, else the only one.

    Raises UsageError with what was found.
    """
    from gpuenv.probe import find_toolkits

    found = find_toolkits(Path("/"), session.environ)
    for wanted in (cuda,) if cuda is not None else (_default_source(session).cuda_toolkit, None):
        fitting = [one for one in found if wanted is None or f"{one.version}.".startswith(f"{wanted}.")]
        if len(fitting) == 1:
            return Place(Path(fitting[0].path), None, fitting[0])
    shown = ", ".join(f"{one.version} at `{one.path}`" for one in found) or "none"
    which = f" {cuda}" if cuda is not None else ""
    raise UsageError(
        f"which CUDA Toolkit{which} is meant cannot be told",
        cause=f"found {shown}",
        hints=[
            Hint("stage.toolkit-dir", "name its directory: `--toolkit-dir DIR`"),
            Hint("stage.env", "or stage into an environment, which needs no toolkit: `--into env -n NAME`"),
        ],
    )


def _asked(args: argparse.Namespace, session: Session, place: Place) -> tuple[Archive, ...]:
    """Find the archives by version; what is not said is the toolkit's, then that of the default recipe."""
    from gpuenv import bring
    from gpuenv.probe.system import current_platform

    source = _default_source(session)
    of_toolkit = ".".join(place.toolkit.version.split(".")[:2]) if place.toolkit is not None else None
    cuda = args.cuda or of_toolkit or source.cuda_toolkit
    if args.what == "cuda":
        return bring.cuda_archives(cuda, current_platform())
    return (bring.cudnn_archive(args.version or source.cudnn, cuda, current_platform()),)


def _default_source(session: Session) -> Source:
    """Return what the default recipe wants of a toolkit."""
    from gpuenv.recipes.search import find_recipe

    sources = find_recipe(session.settings.default_recipe, session.plugins.recipe_sources()).recipe.sources
    return sources.get("toolkit") or next(iter(sources.values()))


def _check_cuda(archive: Archive, place: Place) -> None:
    """Refuse a cuDNN for another CUDA than the toolkit is. Raises UsageError."""
    if archive.kind != "cudnn" or place.toolkit is None:
        return
    if archive.cuda.split(".")[0] != place.toolkit.version.split(".")[0]:
        version = place.toolkit.version
        raise UsageError(
            f"`{archive.name}` is for CUDA {archive.cuda}, the toolkit at `{place.directory}` is {version}",
            hints=[
                Hint(
                    "stage.cuda",
                    f"take one for CUDA {'.'.join(version.split('.')[:2])}: leave `--archive` out, or name it",
                )
            ],
        )


def _check_platform(archive: Archive, place: Place) -> None:
    """Refuse DLLs in a toolkit for Linux, and the other way round. Raises UsageError."""
    other, pattern = ("Linux", "lib64/lib*.so*") if archive.platform.startswith("win") else ("Windows", "bin/*.dll")
    if any(place.directory.glob(pattern)):
        raise UsageError(
            f"`{archive.name}` is for `{archive.platform}`, the toolkit at `{place.directory}` for {other}",
            hints=[Hint("stage.platform", f"take the archive for {other}")],
        )


def _plan(place: Place, archives: tuple[Archive, ...]) -> dict[str, Any]:
    return {"directory": place.directory, "archives": list(archives)}


def _plan_text(place: Place, archives: tuple[Archive, ...]) -> str:
    rows = [("into", str(place.directory), "")]
    rows += [(one.component, one.name, size(one.size_bytes) if one.size_bytes else "") for one in archives]
    return columns(rows)


def _entry(archive: StagedArchive) -> dict[str, Any]:
    return {
        "component": archive.component,
        "version": archive.version,
        "cuda": archive.cuda,
        "archive": archive.archive,
        "sha256": archive.sha256,
        "hash_checked": archive.checked,
        "staged": archive.staged,
        "files": len(archive.files),
        "replaced": sum(file.before is not None and not file.kept for file in archive.files),
    }


def _text(place: Place, done: Any) -> str:
    if not done.changed:
        return f"Staged already, nothing to do in `{place.directory}`"
    lines = [
        f"{one.component} {one.version} for CUDA {one.cuda}: {len(one.files)} files in `{place.directory}`"
        + (f", {replaced} replaced ones kept for `gpuenv unstage`" if (replaced := _entry(one)["replaced"]) else "")
        for one in done.staged
    ]
    if place.prefix is not None:
        lines.append(f"Next: gpuenv add -p {quoted(str(place.prefix))} --cuda-from toolkit")
    return "\n".join(lines)


def _failed(problems: tuple[str, ...], place: Place) -> CheckFailedError:
    return CheckFailedError(
        f"the libraries in `{place.directory}` are not whole",
        cause="; ".join(problems),
        hints=[Hint("stage.whole", "stage what is missing: `gpuenv stage cudnn`, `gpuenv stage cuda`, or the toolkit")],
    )
