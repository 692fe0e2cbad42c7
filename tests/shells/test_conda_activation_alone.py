"""gpuenv's own activation of a conda prefix, where there is no conda."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from test_activation import OWN_VALUES, PREFIXES

from conda_shells import SHELLS as ALL_SHELLS
from conda_shells import CondaSession, make_conda_environment
from gpuenv.activate import conda_activation_line, conda_command_environment
from real_shells import SHELLS_OWN, Environment, Session, make_venv

NewSession = Callable[[str], Session]
SHELLS = [pytest.param(name, marks=pytest.mark.shell(name)) for name in ("bash", "dash", "zsh", "mksh", "fish", "tcsh")]
POSIX = ["bash", "dash", "zsh", "mksh"]
OWN = {name: OWN_VALUES[name] for name in ("nothing", "values", "empty values", "odd characters")}


class AloneSession(CondaSession):
    """A session in which no conda is installed."""

    def activate(self, prefix: Path, *options: str) -> AloneSession:
        self.line(conda_activation_line(prefix, "ksh" if self.shell == "mksh" else self.shell, "linux-64", {}))
        return self

    def deactivate(self) -> AloneSession:
        self.line("deactivate")
        return self


@pytest.fixture
def session(tmp_path: Path) -> Callable[[str], AloneSession]:
    """Make a session of a shell, or skip when it is not installed."""

    def make(shell: str) -> AloneSession:
        if shutil.which(ALL_SHELLS[shell][0]) is None:
            pytest.skip(f"install {shell} to run this")
        directory = tmp_path / f"session-{len(list(tmp_path.glob('session-*')))}"
        directory.mkdir()
        return AloneSession(shell, directory)

    return make


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return make_conda_environment(tmp_path / "envs" / "tf")


def expected(environment: Environment, before: dict[str, str]) -> dict[str, str]:
    return conda_command_environment(
        environment.prefix, environment.variables, environment.cuda.cuda_dir, "linux-64", before
    )


def without_state(dump: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in dump.items() if not name.startswith("_GPUENV_")}


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("shell", SHELLS)
def test_alone__activate_and_deactivate__what_conda_would_set_and_back(
    session: NewSession, environment: Environment, base_environ: dict[str, str], shell: str, own: dict[str, str]
) -> None:
    steps = session(shell).dump().activate(environment.prefix).dump().deactivate().dump()
    before, active, after = steps.run({**base_environ, **own})
    assert without_state(active) == expected(environment, before)
    assert active["CONDA_DEFAULT_ENV"] == "tf"
    assert after == before
    assert steps.stderr == ""


@pytest.mark.parametrize("name", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize("shell", SHELLS)
def test_alone__odd_prefix__values_are_right_and_undone(
    session: NewSession, base_environ: dict[str, str], tmp_path: Path, shell: str, name: str
) -> None:
    environment = make_conda_environment(tmp_path / name)
    steps = session(shell).dump().activate(environment.prefix).dump().deactivate().dump()
    before, active, after = steps.run(base_environ)
    wanted = expected(environment, before)
    if shell == "tcsh" and name == PREFIXES["blank and both quotes"]:
        del wanted["XLA_FLAGS"]  # left to the start-up file
    assert without_state(active) == wanted
    assert after == before
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.parametrize("shell", SHELLS)
def test_alone__twice__as_once(
    session: NewSession, environment: Environment, base_environ: dict[str, str], shell: str
) -> None:
    prefix = environment.prefix
    steps = session(shell).dump().activate(prefix).dump().activate(prefix).dump().deactivate().dump()
    before, once, twice, after = steps.run({**base_environ, **OWN_VALUES["values"]})
    assert twice == once
    assert after == before


@pytest.mark.parametrize("shell", SHELLS)
def test_alone__one_over_another__only_the_second_and_then_none(
    session: NewSession, environment: Environment, base_environ: dict[str, str], tmp_path: Path, shell: str
) -> None:
    second = make_conda_environment(tmp_path / "second")
    steps = session(shell).dump().activate(environment.prefix).activate(second.prefix).dump().deactivate().dump()
    before, active, after = steps.run(base_environ)
    assert without_state(active) == expected(second, before)
    assert after == before


@pytest.mark.parametrize("shell", SHELLS)
def test_alone__over_a_venv_and_under_one__the_venv_s_own_rules(
    session: NewSession, environment: Environment, base_environ: dict[str, str], tmp_path: Path, shell: str
) -> None:
    plain = make_venv(tmp_path / "plain").prefix
    script = {"fish": "activate.fish", "tcsh": "activate.csh"}.get(shell, "activate")
    steps = session(shell).dump().line(f"{'.' if shell in POSIX else 'source'} {plain}/bin/{script}")
    steps.activate(environment.prefix).dump()
    before, active = steps.run(base_environ)[:2]
    assert without_state(active) == expected(environment, before)


@pytest.mark.parametrize("shell", SHELLS)
def test_alone__over_an_environment_of_a_real_conda__a_switch_and_back(
    session: NewSession, environment: Environment, base_environ: dict[str, str], tmp_path: Path, shell: str
) -> None:
    below = make_conda_environment(tmp_path / "below")
    steps = session(shell)
    CondaSession.activate(steps, below.prefix)  # type: ignore[arg-type]
    steps.dump().activate(environment.prefix).dump().deactivate().dump()
    before, active, after = steps.run({**base_environ, "CONDA_EXE": "/opt/conda/bin/conda"})
    assert active["CONDA_PREFIX_1"] == str(below.prefix)
    assert (active["CONDA_SHLVL"], active["CONDA_PREFIX"]) == ("2", str(environment.prefix))
    assert str(below.prefix) not in active["PATH"]
    assert active["CUDA_CACHE_PATH"] == f"{environment.prefix}/var/gpuenv/compute-cache"
    assert after == before


@pytest.mark.parametrize("shell", SHELLS)
def test_alone__in_a_child_shell__deactivates_what_it_inherited(
    session: NewSession, environment: Environment, base_environ: dict[str, str], shell: str
) -> None:
    before, inherited = session("bash").dump().activate(environment.prefix).dump().run(base_environ)
    steps = session(shell).activate(environment.prefix).dump().deactivate().dump()
    active, after = steps.run(inherited)
    assert active == inherited
    assert after == before


@pytest.mark.parametrize("shell", POSIX)
def test_alone__under_strict_settings__does_not_end_the_shell(
    session: NewSession, environment: Environment, base_environ: dict[str, str], shell: str
) -> None:
    steps = session(shell).line("set -eu; set -o noclobber").dump().activate(environment.prefix).dump()
    before, active, after = steps.activate(environment.prefix).deactivate().dump().run(base_environ)
    assert without_state(active) == expected(environment, before)
    assert after == before


@pytest.mark.parametrize("shell", SHELLS)
def test_alone__scripts_of_packages__in_conda_s_order(
    session: NewSession, environment: Environment, base_environ: dict[str, str], shell: str
) -> None:
    extension = {"fish": "fish", "tcsh": "csh"}.get(shell, "sh")
    for directory in ("activate.d", "deactivate.d"):
        for name in ("B", "a", "~c", "10", "9"):
            path = environment.prefix / "etc" / "conda" / directory / f"{name}.{extension}"
            path.write_text(f"echo {directory} '{name}'\n")
    said = session(shell).activate(environment.prefix).deactivate().output({**base_environ, "LC_ALL": "C.UTF-8"})
    order = ["10", "9", "B", "a", "~c"]
    assert said.splitlines() == [f"activate.d {it}" for it in order] + [f"deactivate.d {it}" for it in order[::-1]]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_alone__prompt__shows_the_name_and_is_restored(
    session: NewSession, environment: Environment, base_environ: dict[str, str], tmp_path: Path, shell: str
) -> None:
    odd = make_conda_environment(tmp_path / "envs" / "$(touch owned)").prefix
    steps = session(shell).line("PS1='% '").activate(environment.prefix).line('echo "[$PS1]"').deactivate()
    steps.line('echo "[$PS1]"').activate(odd).line('echo "[$PS1]"').deactivate().line('echo "[$PS1]"')
    assert steps.output(base_environ).splitlines() == ["[(tf) % ]", "[% ]", "[% ]", "[% ]"]


def test_alone__nothing_says_where_the_file_is__says_so_and_changes_nothing(
    session: NewSession, environment: Environment, base_environ: dict[str, str]
) -> None:
    steps = session("dash").dump().line(f". {environment.prefix}/etc/gpuenv/activate.sh || true").dump()
    before, after = steps.run(base_environ)
    assert after == before
    assert "_GPUENV_ENV" in steps.stderr


def test_conda_command_environment__a_real_process__sees_what_an_activated_shell_gives(
    environment: Environment, base_environ: dict[str, str]
) -> None:
    made = expected(environment, base_environ)
    ended = subprocess.run(["env", "-0"], env=made, capture_output=True, text=True, check=True)
    seen = dict(entry.split("=", 1) for entry in ended.stdout.split("\0") if entry)
    assert {name: value for name, value in seen.items() if name not in SHELLS_OWN} == made
    assert expected(environment, made) == made
