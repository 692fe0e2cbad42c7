"""`gpuenv doctor`: name what keeps a framework from its GPU, from the machine, an environment or a log."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gpuenv.cli import options
from gpuenv.cli.again import from_arguments, from_receipt
from gpuenv.cli.elsewhere import elsewhere
from gpuenv.cli.log_input import read_log
from gpuenv.cli.outcome import Outcome
from gpuenv.cli.text import quoted
from gpuenv.errors import CheckFailedError, GpuenvError, Hint, NoGpuError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gpuenv.doctor.environment import Environment
    from gpuenv.examination import Examination, LogExamination
    from gpuenv.extension import Diagnosis
    from gpuenv.session import Session, Target


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `doctor`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-n", "--name", metavar="NAME", help="name of an environment to look at")
    group.add_argument("-p", "--prefix", metavar="PATH", help="directory of any environment, made by gpuenv or not")
    group.add_argument(
        "--log", metavar="FILE", nargs="?", const="-", help="read a log; `-`, or nothing, is standard input"
    )
    parser.add_argument(
        "--fix", action="store_true", help="mend what can be mended safely, after showing it and asking"
    )
    options.add_yes(parser)
    options.add_host_overrides(parser)


def run(args: argparse.Namespace, session: Session) -> Outcome:
    """Diagnose. A log gives exit code 0; an environment with a cause 7, a machine that cannot use its GPU 3."""
    from gpuenv import examination

    log = read_log(args)
    if log is not None:
        return _log_outcome(examination.examine_log(session, log.data), log.lines_before)
    target = _target(args, session)
    overrides = options.overrides(args, session)
    found = examination.examine(session, target.prefix if target else None, overrides)
    fixed: list[str] = []
    if args.fix:
        fixed = _fix(found.causes, session, yes=args.yes)
        if fixed:
            found = examination.examine(session, target.prefix if target else None, overrides)
    return _outcome(_with_whole_fixes(found, args), fixed)


def _with_whole_fixes(found: Examination, args: argparse.Namespace) -> Examination:
    """Name the environment in the commands of fixes; one that gpuenv did not make is never made again in place."""
    from gpuenv.receipt import read_receipt

    environment = found.environment
    if environment is None:
        return found
    if environment.kind == "gpuenv":
        try:
            complete = from_receipt(read_receipt(environment.prefix)).complete
        except GpuenvError:
            complete = from_arguments(args).complete
    else:
        prefix = quoted(str(environment.prefix))
        complete = partial(elsewhere, prefix=prefix)
    return replace(found, causes=tuple(replace(it, fix=complete(it.fix)) for it in found.causes))


def _target(args: argparse.Namespace, session: Session) -> Target | None:
    """Return the environment to look at; a path may name its Python too."""
    from pathlib import Path

    from gpuenv.session import Target

    if args.name is None and args.prefix is None:
        return session.target(None, None) if session.names.active is not None else None
    if args.prefix is not None:
        given = Path(args.prefix).expanduser()
        if given.is_file() and given.parent.name in ("bin", "Scripts"):
            return Target(given.parent.parent.absolute(), None)
    return session.target(args.name, args.prefix)


def _fix(causes: Sequence[Diagnosis], session: Session, *, yes: bool) -> list[str]:
    """Show each safe repair, ask once, and carry them out; return what was done."""
    from gpuenv.repair import carry_out, words

    repairs = [it.repair for it in causes if it.repair is not None]
    if not repairs:
        return []
    for repair in repairs:
        print(f"{repair.summary}:", file=sys.stderr)
        for action in repair.actions:
            print(f"  {words(action)}", file=sys.stderr)
    options.confirm(f"Do {'this' if len(repairs) == 1 else 'these ' + str(len(repairs)) + ' repairs'}?", yes=yes)
    for repair in repairs:
        carry_out(repair, session.report)
    return [repair.summary for repair in repairs]


def _outcome(found: Examination, fixed: list[str]) -> Outcome:
    from gpuenv.examination import weighty

    environment = found.environment
    causes = found.causes if environment is not None else found.machine
    lines = [f"Done: {summary}" for summary in fixed]
    if environment is not None:
        lines += [_described(environment), *_cause_lines(found.causes)]
        lines += [] if found.causes else [f"  {_nothing_found(environment)}"]
        if found.machine:
            lines += ["this machine", *_cause_lines(found.machine)]
    else:
        lines += ["this machine", *_cause_lines(found.machine)]
        lines += [] if found.machine else [f"  no cause was found: {_gpus(found)}"]
    data = {
        "looked_at": "environment" if environment is not None else "machine",
        "environment": None if environment is None else _environment_data(environment),
        "causes": [_data(it) for it in causes],
        "machine": [_data(it) for it in found.machine],
        "fixed": fixed,
    }
    heavy = weighty(causes)
    problem = _problem(heavy, machine=environment is None) if heavy else None
    return Outcome(data, "\n".join(lines), status="partial" if problem else "success", error=problem)


def _nothing_found(env: Environment) -> str:
    if _frameworks(env):
        return "no cause was found: its files and packages fit together"
    return "nothing to find: without a framework nothing uses a GPU; `gpuenv create -n tf` makes one with TensorFlow"


def _problem(causes: Sequence[Diagnosis], *, machine: bool) -> GpuenvError:
    first = causes[0]
    hints = [Hint(f"doctor.{first.rule}", first.fix)]
    if machine:
        return NoGpuError("this machine cannot use an NVIDIA GPU", cause=first.cause, hints=hints)
    count = f"{len(causes)} cause{'s' if len(causes) > 1 else ''} of failure"
    return CheckFailedError(f"the environment has {count}", cause=first.cause, hints=hints)


def _log_outcome(found: LogExamination, lines_before: int) -> Outcome:
    """Print what a log shows; `lines_before` of it were too far from its end to be looked at."""
    causes = [replace(it, fix=elsewhere(it.fix), line=it.line and it.line + lines_before) for it in found.causes]
    lines = _cause_lines(causes, indent="")
    if not found.causes:
        where = f"{found.lines} line{'' if found.lines == 1 else 's'}"
        lines = [f"no cause was found in {f'the last {where}' if lines_before else where}"]
    lines += [f"harmless: {it.why} ({it.id}, {it.count} line{'s' if it.count > 1 else ''})" for it in found.harmless]
    data = {
        "looked_at": "log",
        "environment": None,
        "causes": [_data(it) for it in causes],
        "machine": [],
        "fixed": [],
        "harmless": found.harmless,
        "lines": found.lines,
    }
    return Outcome(data, "\n".join(lines))


def _cause_lines(causes: Sequence[Diagnosis], indent: str = "  ") -> list[str]:
    """Print each cause with its fix; below, where a log shows it, and what follows from it."""
    lines = []
    for number, it in enumerate(causes):
        sure = "" if it.confidence == "certain" else f" ({it.confidence})"
        lines.append(f"{indent}{'cause' if number == 0 else 'also'}: {it.cause}{sure}")
        if it.line is not None:
            lines.append(f"{indent}  line {it.line}: {it.quote}")
        lines.append(f"{indent}  fix: {it.fix}")
        if it.consequences:
            lines.append(f"{indent}  explains: {', '.join(it.consequences)}")
        lines.append(f"{indent}  {it.rule}, source: {it.source}")
    return lines


def _data(it: Diagnosis) -> dict[str, Any]:
    from gpuenv.repair import words

    return {
        "rule": it.rule,
        "cause": it.cause,
        "fix": it.fix,
        "confidence": it.confidence,
        "source": it.source,
        "line": it.line,
        "quote": it.quote,
        "consequences": it.consequences,
        "repair": [words(action) for action in it.repair.actions] if it.repair is not None else None,
    }


def _environment_data(env: Environment) -> dict[str, Any]:
    return {
        "prefix": env.prefix,
        "kind": env.kind,
        "python_version": env.python_version,
        "tensorflow": str(env.tensorflow.version) if env.tensorflow else None,
        "torch": env.torch.version if env.torch else None,
        "libraries": {it.name: _path(it.path) for it in env.tensorflow.libraries} if env.tensorflow else {},
    }


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _described(env: Environment) -> str:
    """Say what an environment is: `/envs/tf: made by gpuenv, Python 3.8.18, TensorFlow 2.4.0`."""
    kinds = {
        "gpuenv": "made by gpuenv",
        "conda": "a conda environment",
        "venv": "a virtual environment",
        "python": "a Python",
    }
    parts = [kinds[env.kind], f"Python {env.python_version}"]
    parts += _frameworks(env) or ["no framework that gpuenv knows"]
    return f"{env.prefix}: {', '.join(parts)}"


def _frameworks(env: Environment) -> list[str]:
    found = [f"TensorFlow {env.tensorflow.version}"] if env.tensorflow else []
    found += [f"PyTorch {env.torch.version}"] if env.torch else []
    return found + [f"jaxlib {it.version}" for it in env.all("jaxlib")]


def _gpus(found: Examination) -> str:
    names = [gpu.name or f"GPU {gpu.index}" for gpu in found.host.gpus]
    return f"{', '.join(names)} can be used" if names else "nothing is in the way"
