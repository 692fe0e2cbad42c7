"""Start a child of `verify` as a user would start a script, activated or not, and bring home everything it left."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from gpuenv import process
from gpuenv.extension import CheckContext
from gpuenv.process import Completed
from gpuenv.verify.report import ChildReport, parse_report

CHILDREN_DIR = Path(__file__).parent / "children"
# What a shell with another environment would leak into this one.
_FOREIGN = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")
# A child announces its steps on its standard error, among everything the framework says there.
_STEP_PREFIX = "gpuenv: "
# cuDNN's and TensorFlow's words for a library that could not be opened, each with its name.
_MISSING = re.compile(
    r"Could not load (?:dynamic )?library '?((?:lib)?\w+(?:\.so[.\d]*|\.dll))'?|Could not locate (\w+\.dll)"
)


@dataclass(frozen=True, slots=True)
class ChildRun:
    """One run of a child: how the process ended, what it reported, and the file with its full output."""

    completed: Completed
    report: ChildReport
    log_path: Path
    log: str

    @property
    def evidence(self) -> dict[str, Any]:
        """Return what the child found, its steps with their times, the libraries it mapped, and its log."""
        steps = [{"step": it.name, "at_s": it.at_s, "elapsed_s": it.elapsed_s} for it in self.report.steps]
        found = {**self.report.evidence, "steps": steps, "libraries": list(self.report.libraries)}
        if not self.completed.ok:
            found["ending"] = self.completed.ending
        return {**found, "python": self.report.executable, "log": str(self.log_path)}


def run_child(name: str, context: CheckContext, **options: object) -> ChildRun:
    """Run `children/check_NAME.py` with options, until its end or `context.timeout_s`."""
    return run_script(CHILDREN_DIR / f"check_{name}.py", name, context, options)


def run_script(script: Path, name: str, context: CheckContext, options: Mapping[str, object]) -> ChildRun:
    """Run a script that keeps the contract of `children/gpuenv_child.py`; earlier reports and logs are replaced."""
    context.log_dir.mkdir(parents=True, exist_ok=True)
    stem = f"verify-{name}-activated" if context.activated else f"verify-{name}"
    report_path, log_path = context.log_dir / f"{stem}.jsonl", context.log_dir / f"{stem}.log"
    report_path.unlink(missing_ok=True)
    arguments = [str(script), str(report_path), *(f"{key}={value}" for key, value in options.items())]
    with log_path.open("w", encoding="utf-8") as log:
        completed = process.run(
            _activated(context, arguments) if context.activated else [context.built.python, *arguments],
            timeout_s=context.timeout_s,
            env=outside(context.environment or os.environ, context.built.prefix),
            cwd=context.log_dir,
            on_stderr_line=lambda line: _take(line, log, context),
        )
        if completed.stdout:
            log.write(f"--- standard output ---\n{completed.stdout}")
    text = report_path.read_text(encoding="utf-8", errors="replace") if report_path.exists() else ""
    return ChildRun(completed, parse_report(text), log_path, completed.stderr + completed.stdout)


def verdict(run: ChildRun, context: CheckContext) -> str | None:
    """Say in one sentence what went wrong with a child, or None when it ended well."""
    report, completed = run.report, run.completed
    if report.failure is not None:
        return report.failure
    if completed.timed_out:
        return f"{_place(run)} did not end within {context.timeout_s:g} s"
    if not report.started:
        return f"the environment's Python did not begin the check: {completed.ending}"
    if not completed.ok:
        missing = missing_libraries(run.log)
        could_not = f": could not load {quoted(missing)}" if missing else ""
        return f"{_place(run)} ended the process with {completed.ending}{could_not}"
    if not report.ended:
        return f"{_place(run)} ended the process with exit code 0 and no result"
    if context.activated and not _inside(report.executable, context):
        return f"`python` in the activated shell is `{report.executable}`, expected `{context.built.python}`"
    return None


def missing_libraries(log: str) -> tuple[str, ...]:
    """List the libraries that a log says could not be loaded, each once.

    Sample::

        Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: cannot open shared object file
        ... dso_loader.cc:60] Could not load dynamic library 'libcusolver.so.10'; dlerror: libcusolver.so.10: ...
    """
    names = (match[1] or match[2] for match in _MISSING.finditer(log))
    return tuple(dict.fromkeys(name.rstrip(".") for name in names))


def outside(environment: Mapping[str, str], prefix: Path) -> dict[str, str]:
    """Return the variables as a shell has them in which this environment (or any other) was never activated."""
    kept = {}
    for name, value in environment.items():
        if name in _FOREIGN:
            continue
        if str(prefix) in value:
            # Of a list of paths only the environment's own go; any other value that names it came from it.
            entries = value.split(os.pathsep) if name.endswith("PATH") else []
            value = os.pathsep.join(entry for entry in entries if not Path(entry).is_relative_to(prefix))
            if not value:
                continue
        kept[name] = value
    return kept


def quoted(names: tuple[str, ...]) -> str:
    """Write names as a person reads them: `a`, `b`."""
    return ", ".join(f"`{name}`" for name in names)


def activation_script(prefix: Path) -> Path:
    """Return the script that activates the environment in the shell that `_activated` uses."""
    if (prefix / "conda-meta").is_dir():  # gpuenv's own: it does what conda would, and there need not be a conda
        return prefix / "etc" / "gpuenv" / ("activate.bat" if os.name == "nt" else "activate.sh")
    return prefix / "Scripts" / "activate.bat" if os.name == "nt" else prefix / "bin" / "activate"


def _activated(context: CheckContext, arguments: list[str]) -> list[str]:
    """Return a command that activates the environment and then runs whichever `python` its PATH leads to."""
    script = str(activation_script(context.built.prefix))
    if os.name == "nt":
        return ["cmd", "/d", "/c", "call", script, "&&", "python", *arguments]
    shell = shutil.which("bash") or "sh"
    # Of the two kinds of scripts the one in a conda prefix has to be told where it is, by shells other than bash.
    command = '_GPUENV_ENV=$2; . "$1"; unset _GPUENV_ENV; shift 2; exec "$@"'
    return [shell, "-c", command, "gpuenv", script, str(context.built.prefix), "python", *arguments]


def _take(line: str, log: TextIO, context: CheckContext) -> None:
    """Write a line to the log at once, and pass on which step the child is at."""
    log.write(line + "\n")
    log.flush()
    if line.startswith(_STEP_PREFIX):
        context.on_step(line[len(_STEP_PREFIX) :])


def _place(run: ChildRun) -> str:
    """Say where a child was when it ended: the step that had begun, or the end of the one before."""
    steps = run.report.steps
    return run.report.unfinished_step or (f"the time after {steps[-1].name}" if steps else "the start")


def _inside(executable: str | None, context: CheckContext) -> bool:
    """Say whether an interpreter is the environment's; its own link to the base Python must not be followed."""
    return executable is not None and Path(executable).parent.resolve().is_relative_to(context.built.prefix.resolve())
