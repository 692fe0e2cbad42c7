from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from test_activation import OWN_VALUES, PREFIXES

from conda_shells import SHELLS, CondaSession, make_conda_environment, make_prefix, with_conda
from gpuenv.activate import conda_command_environment
from gpuenv.model import Variable
from real_shells import Environment

NewSession = Callable[[str], CondaSession]
ALL = [pytest.param(name, marks=pytest.mark.shell(name)) for name in SHELLS]
# bash is asked under xonsh, so that what holds in bash is only tried in a few ways there: it takes seconds a session.
FAST = [pytest.param(name, marks=pytest.mark.shell(name)) for name in SHELLS if name != "xonsh"]
OWN = {name: OWN_VALUES[name] for name in ("nothing", "values")}
POSIX = ["bash", "dash", "zsh", "mksh"]
BOOKKEEPING = "_GPUENV_"


@pytest.fixture
def session(tmp_path: Path) -> Callable[[str], CondaSession]:
    """Make a session of a shell, or skip when it is not installed."""

    def make(shell: str) -> CondaSession:
        if shutil.which(SHELLS[shell][0]) is None:
            pytest.skip(f"install {shell} to run this")
        directory = tmp_path / f"session-{len(list(tmp_path.glob('session-*')))}"
        directory.mkdir()
        return CondaSession(shell, directory)

    return make


@pytest.fixture(params=["emulated", pytest.param("conda", marks=pytest.mark.conda)])
def base(request: pytest.FixtureRequest, tmp_path: Path, base_environ: dict[str, str]) -> dict[str, str]:
    """The environment of a user who has set nothing; the sessions ask the real conda, or the emulation."""
    return with_conda(base_environ) if request.param == "conda" else base_environ


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A conda prefix that gpuenv has nothing to do with."""
    return make_prefix(tmp_path / "envs" / "plain").prefix


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return make_conda_environment(tmp_path / "envs" / "tf")


def expected(environment: Environment, before: dict[str, str]) -> dict[str, str]:
    """Return what the Python implementation of the same rules makes of the recipe's variables."""
    after = conda_command_environment(
        environment.prefix, environment.variables, environment.cuda.cuda_dir, "linux-64", before
    )
    return {name: after[name] for name in environment.variables if name in after}


def of_recipe(dump: dict[str, str], environment: Environment) -> dict[str, str]:
    return {name: dump[name] for name in environment.variables if name in dump}


def ours(dump: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in dump.items() if name.startswith(BOOKKEEPING)}


@pytest.mark.parametrize("own", OWN_VALUES.values(), ids=OWN_VALUES)
@pytest.mark.parametrize("shell", ALL)
def test_conda_activate__then_deactivate__environment_is_as_before(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str, own: dict[str, str]
) -> None:
    steps = session(shell).begin(plain).activate(environment.prefix).dump().deactivate().dump()
    before, active, after = steps.run({**base, **own})
    assert of_recipe(active, environment) == expected(environment, before)
    assert active["PATH"].split(":")[0] == f"{environment.prefix}/bin"
    assert str(environment.cuda.cuda_dir) not in active["PATH"]
    assert "LD_LIBRARY_PATH" not in active
    assert after == before
    assert ours(after) == {}
    assert steps.stderr == ""


@pytest.mark.parametrize("name", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize("shell", FAST)
def test_conda_activate__odd_prefix__values_are_right_and_undone(
    session: NewSession, base_environ: dict[str, str], plain: Path, tmp_path: Path, shell: str, name: str
) -> None:
    """Emulated only: conda itself puts a path between double quotes and leaves it at that."""
    environment = make_conda_environment(tmp_path / name)
    steps = session(shell).begin(plain).activate(environment.prefix).dump().deactivate().dump()
    before, active, after = steps.run(base_environ)
    wanted = expected(environment, before)
    if shell == "tcsh" and name == PREFIXES["blank and both quotes"]:
        del wanted["XLA_FLAGS"]  # left to the start-up file
    assert of_recipe(active, environment) == wanted
    assert after == before
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.conda
@pytest.mark.parametrize("name", ["blank", "semicolon", "percent", "star", "non-ascii"])
@pytest.mark.parametrize("shell", FAST)
def test_conda_activate__odd_prefix_in_real_conda__values_are_right_and_undone(
    session: NewSession, base_environ: dict[str, str], plain: Path, tmp_path: Path, shell: str, name: str
) -> None:
    """The characters that conda's own scripts stand: single quotes and `$` break them before ours are reached."""
    environment = make_conda_environment(tmp_path / PREFIXES[name])
    steps = session(shell).begin(plain).activate(environment.prefix).dump().deactivate().dump()
    before, active, after = steps.run(with_conda(base_environ))
    assert of_recipe(active, environment) == expected(environment, before)
    assert after == before


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("shell", FAST)
def test_conda_activate__twice_and_reactivated__as_once(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str, own: dict[str, str]
) -> None:
    steps = session(shell).begin(plain).activate(environment.prefix).dump().activate(environment.prefix).dump()
    steps.reactivate().reactivate().dump().deactivate().dump()
    before, once, twice, again, after = steps.run({**base, **own})
    assert twice == once
    assert again == once
    assert after == before


@pytest.mark.parametrize("shell", FAST)
def test_conda_activate__reactivated_after_the_scripts_changed__the_new_values_and_then_none(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str, tmp_path: Path
) -> None:
    """As when gpuenv makes the environment again while it is active in another terminal."""
    other = make_conda_environment(tmp_path / "other", {"A_VALUE": Variable(value="new")}).prefix / "etc"
    steps = session(shell).begin(plain).activate(environment.prefix)
    steps.line(f"cp -r '{other}/conda' '{environment.prefix}/etc/'").reactivate().dump().deactivate().dump()
    before, active, after = steps.run({**base, **OWN_VALUES["values"]})
    assert active["A_VALUE"] == "new"
    assert of_recipe(active, environment) == of_recipe(before, environment)
    assert after == before


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("shell", ALL)
def test_conda_activate__stacked_and_popped__each_its_own_values(
    session: NewSession,
    environment: Environment,
    base: dict[str, str],
    plain: Path,
    tmp_path: Path,
    shell: str,
    own: dict[str, str],
) -> None:
    second = make_conda_environment(tmp_path / "envs" / "second")
    steps = session(shell).begin(plain).activate(environment.prefix).dump().activate(second.prefix, "--stack").dump()
    before, first, both, popped, after = steps.deactivate().dump().deactivate().dump().run({**base, **own})
    assert of_recipe(first, environment) == expected(environment, before)
    assert of_recipe(both, second) == expected(second, first)
    if own == {}:
        assert both["CUDA_CACHE_PATH"] == f"{second.prefix}/var/gpuenv/compute-cache"
        assert both["XLA_FLAGS"].endswith(f" --xla_gpu_cuda_data_dir={second.cuda.cuda_dir}")
    assert popped == first
    assert after == before


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("shell", FAST)
def test_conda_activate__switched_and_back__each_its_own_values(
    session: NewSession,
    environment: Environment,
    base: dict[str, str],
    plain: Path,
    tmp_path: Path,
    shell: str,
    own: dict[str, str],
) -> None:
    second = make_conda_environment(tmp_path / "envs" / "second", {"XLA_FLAGS": environment.variables["XLA_FLAGS"]})
    steps = session(shell).begin(plain).activate(environment.prefix).dump()
    steps.activate(second.prefix).dump().activate(plain).dump()
    steps.deactivate().deactivate().dump().deactivate().dump()
    before, first, switched, in_plain, back, after = steps.run({**base, **own})
    assert of_recipe(switched, environment) == {**of_recipe(before, environment), **expected(second, before)}
    assert of_recipe(in_plain, environment) == of_recipe(before, environment)
    assert ours(in_plain) == {}
    assert str(environment.prefix) not in in_plain["PATH"]
    assert back == first
    assert after == before


@pytest.mark.parametrize("shell", FAST)
def test_conda_activate__same_environment_at_two_levels__restored_in_order(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str
) -> None:
    steps = session(shell).begin(plain).activate(environment.prefix).dump().activate(plain, "--stack")
    steps.activate(environment.prefix, "--stack").deactivate().deactivate().dump().deactivate().dump()
    before, first, popped, after = steps.run({**base, **OWN_VALUES["values"]})
    assert popped == first
    assert after == before


@pytest.mark.parametrize("own", OWN_VALUES.values(), ids=OWN_VALUES)
@pytest.mark.parametrize("shell", POSIX)
def test_conda_activate__under_strict_settings__does_not_end_the_shell(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str, own: dict[str, str]
) -> None:
    steps = session(shell).begin(plain).line("set -eu; set -o noclobber; set -f; IFS=/_:")
    steps.activate(environment.prefix).dump().reactivate().deactivate().dump()
    before, active, after = steps.run({**base, **own})
    assert of_recipe(active, environment) == expected(environment, before)
    assert after == before


@pytest.mark.parametrize("options", ["emulate sh", "emulate ksh", "setopt nounset errexit ksh_arrays sh_word_split"])
def test_conda_activate__zsh_with_other_options__same_values(
    session: NewSession, environment: Environment, base_environ: dict[str, str], plain: Path, options: str
) -> None:
    steps = session("zsh").begin(plain).line(options).activate(environment.prefix).dump().deactivate().dump()
    before, active, after = steps.run({**base_environ, **OWN_VALUES["values"]})
    assert of_recipe(active, environment) == expected(environment, before)
    assert after == before


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_conda_deactivate__in_a_child_shell__restored_there(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str
) -> None:
    """As in tmux, or a terminal of an editor that was started from an activated shell; it may be another shell."""
    steps = session("dash").begin(plain).activate(environment.prefix).dump()
    before, inherited = steps.run({**base, "XLA_FLAGS": "-a"})
    [after] = session(shell).deactivate().dump().run({**base, **inherited})
    assert {name: value for name, value in after.items() if value} == {
        name: value for name, value in before.items() if value
    }


@pytest.mark.parametrize("shell", POSIX)
def test_conda_activate__variable_not_exported__is_not_exported_after(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str
) -> None:
    steps = session(shell).begin(plain).line("XLA_FLAGS=--mine").activate(environment.prefix).dump().deactivate()
    before, active, after, own = steps.dump().line("XLA_AFTER=$XLA_FLAGS; export XLA_AFTER").dump().run(base)
    assert active["XLA_FLAGS"] == f"--mine --xla_gpu_cuda_data_dir={environment.cuda.cuda_dir}"
    assert after == before
    assert own["XLA_AFTER"] == "--mine"


@pytest.mark.parametrize("shell", FAST)
def test_conda_deactivate__user_changed_a_value_meanwhile__value_from_before_is_back(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str
) -> None:
    change = {
        "fish": "set -gx XLA_FLAGS --other",
        "tcsh": "setenv XLA_FLAGS --other",
        "pwsh": "$env:XLA_FLAGS = '--other'",
    }.get(shell, "export XLA_FLAGS=--other")
    steps = session(shell).begin(plain).activate(environment.prefix).line(change).dump().deactivate().dump()
    before, active, after = steps.run({**base, "XLA_FLAGS": "--mine"})
    assert (active["XLA_FLAGS"], after["XLA_FLAGS"]) == ("--other", "--mine")
    assert after == before


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "mksh", "fish", "tcsh"])
def test_conda_activate__nothing_of_ours_stays_in_the_shell(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, shell: str
) -> None:
    show = {"fish": "set --names; functions -n -a", "bash": "set; declare -F", "zsh": "set; functions"}
    steps = session(shell).begin(plain).activate(environment.prefix).deactivate()
    steps.line(f"echo begin; {show.get(shell, 'set')}")
    shown = steps.output({**base, **OWN_VALUES["values"]}).partition("begin\n")[2]
    assert [line for line in shown.splitlines() if line.lower().startswith("_gpuenv")] == []


@pytest.mark.parametrize("shell", POSIX)
def test_conda_activate__state_of_another_environment_was_left_behind__is_undone_first(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, tmp_path: Path, shell: str
) -> None:
    """As when a profile resets CONDA_SHLVL in a shell that was started inside an active environment."""
    second = make_conda_environment(tmp_path / "second")
    steps = session(shell).begin(plain).activate(environment.prefix).line("export CONDA_SHLVL=0 CONDA_PREFIX=")
    before, active, after = steps.activate(second.prefix).dump().deactivate().dump().run(base)
    assert of_recipe(active, second) == expected(second, before)
    assert of_recipe(after, second) == of_recipe(before, second)
    assert ours(after) == {}


@pytest.mark.parametrize("value", ["1; touch owned", "$(touch owned)", "a", "0", "007", "-1", "12345"])
@pytest.mark.parametrize("shell", [*POSIX, "fish", "tcsh"])
def test_script__shlvl_is_nonsense__nothing_of_it_runs(
    session: NewSession, environment: Environment, base_environ: dict[str, str], shell: str, value: str, tmp_path: Path
) -> None:
    extension = {"fish": "fish", "tcsh": "csh"}.get(shell, "sh")
    steps = session(shell).dump()
    for directory in ("activate.d", "deactivate.d"):
        path = environment.prefix / "etc" / "conda" / directory / f"~~gpuenv.{extension}"
        steps.line(f"{'.' if shell in POSIX else 'source'} '{path}'").dump()
    environ = {**base_environ, "CONDA_SHLVL": value, "CONDA_PREFIX": str(environment.prefix)}
    before, active, after = steps.run(environ)
    assert active["CUDA_MODULE_LOADING"] == "LAZY"
    assert after == before
    assert not list(tmp_path.rglob("owned"))


def test_conda_activate__script_of_a_package__sees_and_keeps_its_value(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path
) -> None:
    """conda-forge's late scripts start with `~`: ours runs after them and is undone before them."""
    etc = environment.prefix / "etc" / "conda"
    save = "export XLA_FLAGS_BACKUP=$XLA_FLAGS; export XLA_FLAGS=--package"
    (etc / "activate.d" / "~cuda-nvcc_activate.sh").write_text(save)
    (etc / "deactivate.d" / "~cuda-nvcc_deactivate.sh").write_text(
        "SEEN=$XLA_FLAGS; export SEEN; export XLA_FLAGS=$XLA_FLAGS_BACKUP; unset XLA_FLAGS_BACKUP"
    )
    steps = session("bash").begin(plain).activate(environment.prefix).dump().deactivate().dump()
    before, active, after = steps.run({**base, "XLA_FLAGS": "--mine"})
    assert active["XLA_FLAGS"] == f"--package --xla_gpu_cuda_data_dir={environment.cuda.cuda_dir}"
    assert after == {**before, "SEEN": "--package"}


def test_tools__activated__found_on_conda_s_path(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path
) -> None:
    said = session("bash").activate(environment.prefix).line("ptxas").output(base)
    assert said == "ptxas of the environment\n"
    link = environment.prefix / "bin" / "ptxas"
    assert stat.S_ISLNK(link.lstat().st_mode)
    assert not os.path.isabs(os.readlink(link))


@pytest.mark.parametrize("shell", FAST)
def test_conda_activate__copied_environment__values_of_the_copy(
    session: NewSession, environment: Environment, base: dict[str, str], plain: Path, tmp_path: Path, shell: str
) -> None:
    copy = tmp_path / "envs" / "a copy"
    shutil.copytree(environment.prefix, copy, symlinks=True)
    shutil.rmtree(environment.prefix)
    before, active, after = session(shell).begin(plain).activate(copy).dump().deactivate().dump().run(base)
    assert active["CUDA_CACHE_PATH"] == f"{copy}/var/gpuenv/compute-cache"
    assert str(environment.prefix) + "/" not in str(active)
    assert (copy / "bin" / "ptxas").resolve().is_relative_to(copy)
    assert after == before


def test_scripts__no_file_names_the_environment(environment: Environment) -> None:
    for path in (environment.prefix / "etc").rglob("*"):
        assert path.is_dir() or str(environment.prefix) not in path.read_text(), path
