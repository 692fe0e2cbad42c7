"""`conda doctor`: what gpuenv's check `files` finds, in the style of conda's own checks, and the fixer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gpuenv.in_conda.look import link_again, look_at_managed
from gpuenv.text_files import typed

# conda's own marks since 23.5: conda.base.constants.
OK_MARK, X_MARK = "\N{WHITE HEAVY CHECK MARK}", "\N{CROSS MARK}"


def examine(prefix: str, *, verbose: bool) -> None:
    """Print the state of an environment; conda swallows exceptions here, so none is left to it."""
    for line in findings(Path(prefix), verbose=verbose):
        print(line)
    print()


def findings(prefix: Path, *, verbose: bool) -> list[str]:
    """Say what is wrong: in one that gpuenv made by its check `files`, in another by a quick look."""
    if look_at_managed(prefix) is None:
        return _findings_elsewhere(prefix)
    problems = _problems(prefix)
    if not problems:
        return [f"{OK_MARK} The framework finds all of its CUDA libraries."]
    shown = problems if verbose else problems[:3]
    more = [f"  ... and {len(problems) - len(shown)} more"] if len(shown) < len(problems) else []
    return [f"{X_MARK} The framework will not find all of its CUDA libraries:", *(f"  {it}" for it in shown), *more]


def _findings_elsewhere(prefix: Path) -> list[str]:
    """Ask the rules of `gpuenv doctor` about an environment that gpuenv did not make."""
    import os

    from gpuenv.cli.elsewhere import elsewhere
    from gpuenv.diagnosis import diagnoses
    from gpuenv.doctor.read import read_environment
    from gpuenv.errors import GpuenvError
    from gpuenv.examination import weighty
    from gpuenv.plugins import plugins

    try:
        environment = read_environment(prefix, os.environ)
    except GpuenvError:  # an environment without Python
        environment = None
    found = diagnoses(plugins().doctor_rules(), "environment", environment, _ignore) if environment else []
    causes = weighty(found)
    if not causes:
        return [f"{OK_MARK} gpuenv did not make this environment, and it has no TensorFlow that misses its GPU."]
    lines = []
    for it in causes:
        fix = elsewhere(it.fix, str(prefix)).replace("`gpuenv ", "`conda gpuenv ").replace("NAME", f"{prefix.name}-gpu")
        lines += [f"{X_MARK} {it.cause}.", f"  {fix}."]
    return lines


def _ignore(complaint: str) -> None:
    """Leave out the complaint about a plugin's rule: conda's report is about the environment."""


def mend(prefix: str, confirm: Callable[[str], None]) -> int:
    """Link the libraries again, after asking; return 1 when something is wrong that no link mends."""
    managed = look_at_managed(Path(prefix))
    if managed is None:
        print("gpuenv did not make this environment.")
        return 0
    if managed.broken:
        confirm(f"Link {len(managed.broken)} CUDA libraries again?")
        print(f"Linked {link_again(managed)} CUDA libraries again.")
    problems = _problems(Path(prefix))
    for problem in problems:
        print(f"{X_MARK} {problem}")
    if problems:
        print(f"`conda gpuenv create -p {typed(prefix)} --force` makes the environment again.")
    return 1 if problems else 0


def _problems(prefix: Path) -> list[str]:
    """Run the check `files` and return its problems; what keeps it from running is a problem too."""
    import os

    from gpuenv import pipeline
    from gpuenv.errors import GpuenvError
    from gpuenv.model import Overrides, silent
    from gpuenv.plugins import plugins
    from gpuenv.session import Session, Target
    from gpuenv.settings import load_settings

    session = Session(plugins(), load_settings(os.environ), dict(os.environ), silent)
    options = pipeline.VerifyOptions(("files",))
    try:
        _, results = pipeline.verify_environment(session, Target(prefix, None), Overrides(), options)
    except GpuenvError as err:
        return [f"{err.message}: {err.cause}" if err.cause else err.message]
    return [str(it) for result in results for it in result.evidence.get("problems", [result.message])]
