"""The one line about a driver that is not the one the environment was proven with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conda_shells import SHELLS, CondaSession, make_conda_environment
from real_shells import Environment

ALL = [pytest.param(name, marks=pytest.mark.shell(name)) for name in SHELLS]
PROVEN = "460.91.03"


@pytest.fixture
def run(tmp_path: Path, base_environ: dict[str, str]) -> Callable[..., list[str]]:
    """Activate an environment in a shell, on a machine with that driver, and return what it says."""

    def run_(shell: str, found: str | None, record: str | None, name: str = "envs/tf", **environ: str) -> list[str]:
        if shutil.which(SHELLS[shell][0]) is None:
            pytest.skip(f"install {shell} to run this")
        version_path = tmp_path / "sys module" / "nvidia" / "version"
        version_path.parent.parent.mkdir()
        if found is not None:
            version_path.parent.mkdir()
            version_path.write_text(f"{found}\n")
        environment = make_conda_environment(tmp_path / name, version_path=version_path)
        if record is not None:
            (environment.prefix / "etc" / "gpuenv" / "driver.txt").write_text(record)
        steps = CondaSession(shell, tmp_path).activate(environment.prefix).dump()
        [active] = steps.run({**base_environ, **environ})
        assert active["CUDA_MODULE_LOADING"] == "LAZY"
        return steps.stderr.splitlines()

    return run_


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (PROVEN, None),
        ("470.57.02", "the NVIDIA driver is 470.57.02, this environment was proven with 460.91.03"),
        (None, "the NVIDIA driver is not loaded, this environment was proven with 460.91.03"),
    ],
    ids=["the same", "another", "gone"],
)
@pytest.mark.parametrize("shell", ALL)
def test_notice__driver__one_line_only_when_it_differs(
    run: Callable[..., list[str]], shell: str, found: str | None, said: str | None
) -> None:
    lines = run(shell, found, f"{PROVEN}\nconda gpuenv verify -n\n")
    # xonsh runs the script in a bash whose messages it drops, in conda's own `source-bash` too.
    assert lines == ([] if said is None or shell == "xonsh" else [f"gpuenv: {said}: run `conda gpuenv verify -n tf`"])


@pytest.mark.parametrize(
    ("record", "name", "command"),
    [
        (f"{PROVEN}\ngpuenv verify -n\n", "envs/tf", "gpuenv verify -n tf"),
        (f"{PROVEN}\ngpuenv verify -p\n", "envs/tf", "gpuenv verify -p {}"),
        (f"{PROVEN}\ngpuenv verify -n\n", "elsewhere", "gpuenv verify -p {}"),
        (f"{PROVEN}\ngpuenv verify -n\n", "a b", "gpuenv verify -p '{}'"),
    ],
    ids=["name", "made by path", "not in envs", "blank"],
)
@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh", "pwsh"])
def test_notice__command__can_be_typed(
    run: Callable[..., list[str]], tmp_path: Path, shell: str, record: str, name: str, command: str
) -> None:
    [line] = run(shell, "470.57.02", record, name)
    assert line.endswith(f": run `{command.format(tmp_path / name)}`")


@pytest.mark.parametrize("record", [None, "", "\n", f"{PROVEN}"], ids=["none", "empty", "blank line", "half"])
@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh", "pwsh"])
def test_notice__nothing_proven_or_half_a_record__shell_goes_on(
    run: Callable[..., list[str]], shell: str, record: str | None
) -> None:
    lines = run(shell, "470.57.02", record)
    assert len(lines) == (1 if record == PROVEN else 0)


@pytest.mark.parametrize("shell", ALL)
def test_notice__switched_off__silent(run: Callable[..., list[str]], shell: str) -> None:
    record = f"{PROVEN}\ngpuenv verify -n\n"
    assert run(shell, "470.57.02", record, GPUENV_DRIVER_NOTICE="off") == []


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish"])
def test_scripts__driver_is_the_same__no_process_is_started(
    tmp_path: Path, base_environ: dict[str, str], shell: str
) -> None:
    for program in ("strace", shell):
        if shutil.which(program) is None:
            pytest.skip(f"install {program} to run this")
    version_path = tmp_path / "module" / "nvidia" / "version"
    version_path.parent.mkdir(parents=True)
    version_path.write_text(f"{PROVEN}\n")
    environment: Environment = make_conda_environment(tmp_path / "tf", version_path=version_path)
    (environment.prefix / "etc" / "gpuenv" / "driver.txt").write_text(f"{PROVEN}\ngpuenv verify -n\n")
    extension = "fish" if shell == "fish" else "sh"
    etc = environment.prefix / "etc" / "conda"
    scripts = [f". '{etc}/{name}/~~gpuenv.{extension}'" for name in ("activate.d", "deactivate.d")]
    trace = tmp_path / "trace"
    counts = []
    for lines in ([":"], scripts):
        (tmp_path / "script").write_text("\n".join(lines) + "\n")
        command = ["strace", "-f", "-o", str(trace), "-e", "trace=execve,clone,clone3,fork,vfork"]
        environ = {**base_environ, "CONDA_PREFIX": str(environment.prefix), "CONDA_SHLVL": "1"}
        if shell != "dash":  # which cannot tell whether a variable is exported
            environ |= {"XLA_FLAGS": "--mine", "GPUENV_TEST_LIST": "/a", "CUDA_MODULE_LOADING": "EAGER"}
        subprocess.run([*command, *SHELLS[shell], str(tmp_path / "script")], env=environ, check=True)
        text = trace.read_text()
        counts.append(text.count("execve(") + (0 if shell == "fish" else text.count("clone")))
    assert counts[0] == counts[1]


def test_notice__csh_reads_the_same_file_as_the_others(tmp_path: Path) -> None:
    environment = make_conda_environment(tmp_path / "tf", version_path=tmp_path / "module" / "nvidia" / "version")
    etc = environment.prefix / "etc"
    texts = [etc / "gpuenv" / "driver-notice.sh", etc / "conda" / "activate.d" / "~~gpuenv.sh"]
    assert all(f"{tmp_path}/module/nvidia/version" in path.read_text() for path in texts)
    assert not os.access(texts[0], os.X_OK)
