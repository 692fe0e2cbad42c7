from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

from gpuenv.model import Host, Overrides
from gpuenv.probe import system
from gpuenv.probe.container import container_kind


@pytest.mark.parametrize(
    ("where", "machine", "bits", "subdir"),
    [
        ("linux", "x86_64", 64, "linux-64"),
        ("linux", "x86_64", 32, "linux-32"),
        ("linux", "i686", 32, "linux-32"),
        ("linux", "aarch64", 64, "linux-aarch64"),
        ("linux", "ppc64le", 64, "linux-ppc64le"),
        ("win32", "AMD64", 64, "win-64"),
        ("win32", "ARM64", 64, "win-arm64"),
        ("win32", "x86", 32, "win-32"),
        ("darwin", "x86_64", 64, "osx-64"),
        ("darwin", "arm64", 64, "osx-arm64"),
    ],
)
def test_conda_subdir__system_and_machine__is_condas_name(where: str, machine: str, bits: int, subdir: str) -> None:
    assert system.conda_subdir(where, machine, bits=bits) == subdir


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n', "Debian GNU/Linux 12 (bookworm)"),
        ("PRETTY_NAME='Arch Linux'\n", "Arch Linux"),
        ("PRETTY_NAME=Void\n", "Void"),
        ('PRETTY_NAME="Odd \\"Name\\""\n', 'Odd "Name"'),
        ('NAME="x"\n', None),
        ("", None),
    ],
)
def test_parse_os_release__text__gives_name(text: str, name: str | None) -> None:
    assert system.parse_os_release(text) == name


@pytest.mark.skipif(sys.platform != "linux", reason="compares with this machine's own files: run on Linux")
def test_run__this_machine__agrees_with_the_standard_library() -> None:
    host = system.run(Host("linux-64"), Overrides())
    assert host.fact("os") == platform.freedesktop_os_release()["PRETTY_NAME"]
    assert host.fact("kernel") == platform.release()
    libc, version = platform.libc_ver()
    if libc == "glibc":
        assert host.fact("glibc") == version
    assert host.fact("cpu_count") == len(os.sched_getaffinity(0))
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    assert host.fact("memory_bytes") == pytest.approx(memory_kib * 1024, rel=0.05)


@pytest.mark.parametrize(
    ("kernel", "wsl"),
    [
        ("5.15.90.1-microsoft-standard-WSL2\n", True),
        ("4.4.0-19041-Microsoft\n", True),
        ("6.1.0-18-amd64\n", False),
        (None, False),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="WSL is Linux: run there")
def test_wsl_facts__kernel_name__tells(tmp_path: Path, kernel: str | None, wsl: bool) -> None:
    if kernel is not None:
        (tmp_path / "proc/sys/kernel").mkdir(parents=True)
        (tmp_path / "proc/sys/kernel/osrelease").write_text(kernel)
    assert [fact.value for fact in system.wsl_facts(tmp_path)] == [wsl]


@pytest.mark.parametrize(
    ("files", "environ", "kind"),
    [
        pytest.param({}, {}, None, id="none"),
        pytest.param({".dockerenv": ""}, {}, "docker", id="docker"),
        pytest.param({"run/.containerenv": 'engine="podman-4.3.1"\n'}, {}, "podman", id="podman"),
        pytest.param({"proc/1/cgroup": "12:devices:/docker/8d6f0c\n"}, {}, "docker", id="docker by cgroup"),
        pytest.param(
            {"proc/1/cgroup": "4:cpu:/kubepods/burstable/pod1\n", ".dockerenv": ""}, {}, "kubernetes", id="pod"
        ),
        pytest.param({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes", id="pod by variable"),
        pytest.param({"proc/1/cgroup": "1:name=systemd:/lxc/web\n"}, {}, "lxc", id="lxc"),
        pytest.param({"run/systemd/container": "lxc\n"}, {}, "lxc", id="lxc by systemd"),
        pytest.param({}, {"container": "systemd-nspawn"}, "systemd-nspawn", id="what calls itself so"),
        pytest.param({}, {"APPTAINER_CONTAINER": "/x.sif"}, "apptainer", id="apptainer"),
        pytest.param({"proc/1/cgroup": "0::/init.scope\n1:cpu:/\n"}, {}, None, id="a plain machine"),
    ],
)
def test_container_kind__traces__name_it(tmp_path: Path, files, environ, kind: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = container_kind(tmp_path, environ)
    assert (found[0] if found else None) == kind


def test_disk_facts__directory_not_there_yet__measures_the_nearest_parent(tmp_path: Path) -> None:
    (fact,) = system.disk_facts(tmp_path / "not/there/yet")
    assert fact.source == str(tmp_path)
    assert fact.value == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)


def test_data_dir__variable__wins_over_the_platform() -> None:
    assert system.data_dir({"GPUENV_DATA_DIR": "/srv/envs"}) == Path("/srv/envs")
    assert system.data_dir({}).name == "gpuenv"


def test_conda_facts__variables__become_facts() -> None:
    facts = system.conda_facts({"CONDA_PREFIX": "/opt/conda/envs/tf", "CONDA_EXE": "/opt/conda/bin/conda", "X": "1"})
    assert [(fact.name, fact.value) for fact in facts] == [
        ("conda", "/opt/conda/envs/tf"),
        ("conda_exe", "/opt/conda/bin/conda"),
    ]
    assert list(system.conda_facts({"CONDA_PREFIX": ""})) == []


def test_shell_facts__shell_unknown__is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    import shellingham

    def fail() -> tuple[str, str]:
        raise shellingham.ShellDetectionFailure

    monkeypatch.setattr(shellingham, "detect_shell", fail)
    assert Host("linux-64", facts=tuple(system._shell_facts())).fact("shell") is None
