"""What happens to an environment that was copied, moved, damaged or half removed, and to what users put into it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from small_stack import SmallStack

Run = Callable[..., Any]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux")


@pytest.fixture
def prefix(gpuenv: Run, small_index: SmallStack, isolated: Path) -> Path:
    ended = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes")
    assert ended.code == 0, ended.err
    return isolated / "data" / "envs" / "tf"


@pytest.mark.parametrize(
    "command",
    [["verify"], ["run", "--", "python", "-V"], ["activate"], ["export"], ["warm"]],
    ids=lambda argv: argv[0],
)
def test_copied_environment__every_command__says_where_it_is_from(
    gpuenv: Run, prefix: Path, tmp_path: Path, command: list[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(prefix, copy, symlinks=True)
    ended = gpuenv(command[0], "-p", copy, *command[1:])
    assert ended.code == 8
    assert f"`{copy}` was moved or copied from `{prefix}`" in ended.err
    assert f"gpuenv create -p {copy} --force" in ended.err


def test_list__environment_that_was_moved__says_so_and_what_to_do(gpuenv: Run, prefix: Path) -> None:
    moved = prefix.rename(prefix.with_name("my env"))
    listed = gpuenv("list")
    assert listed.out.splitlines()[0].split("  ")[0] == "my env"
    assert f"Damaged: `{moved}` was moved or copied from `{prefix}`; make the environment again with" in listed.out
    assert "/envs/my env' --force`" in listed.out  # quoted, to be pasted


def test_remove__a_copy__original_stays(gpuenv: Run, prefix: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(prefix, copy, symlinks=True)
    assert gpuenv("remove", "-p", copy, "--yes").code == 0
    assert not copy.exists()
    assert gpuenv("verify", "-n", "tf").code == 0


def test_remove__receipt_names_paths_outside__they_stay(gpuenv: Run, prefix: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("x")
    receipt = prefix / "etc" / "gpuenv" / "receipt.json"
    outside = os.path.relpath(precious, prefix)
    receipt.write_text(receipt.read_text().replace('"pyvenv.cfg"', f'"{outside}", "{precious}", "pyvenv.cfg"'))
    assert gpuenv("remove", "-n", "tf", "--yes").code == 0
    assert precious.exists()
    assert not prefix.exists()


def test_remove__user_files_in_etc_and_var__kept_and_named(gpuenv: Run, prefix: Path) -> None:
    for name in ("etc/mine.conf", "var/mine.db", "notes.txt"):
        (prefix / name).write_text("mine")
    ended = gpuenv("remove", "-n", "tf", "--yes")
    assert ended.code == 0
    assert "kept `etc/mine.conf`, `notes.txt`, `var/mine.db`" in ended.out
    assert sorted(path.relative_to(prefix).as_posix() for path in prefix.rglob("*") if path.is_file()) == [
        "etc/mine.conf",
        "notes.txt",
        "var/mine.db",
    ]


def test_remove__killed_half_way__next_one_ends_it(gpuenv: Run, prefix: Path, isolated: Path) -> None:
    script = (
        "import os, sys; from gpuenv import transaction; from gpuenv.cli.main import main;"
        "transaction._end_removal = lambda *args: os.kill(os.getpid(), 9); main(sys.argv[1:])"
    )
    subprocess.run([sys.executable, "-c", script, "remove", "-n", "tf", "--yes"], check=False)
    listed = gpuenv("list")
    assert "unfinished" in listed.out
    assert f"Next: gpuenv remove -p {prefix}" in listed.out
    ended = gpuenv("remove", "-n", "tf")
    assert (ended.code, ended.out) == (0, f"Removed what was left of `{prefix}`\n")
    assert not prefix.exists()
    assert list(prefix.parent.iterdir()) == []


def test_remove__damaged_receipt__removes_what_engines_make(gpuenv: Run, prefix: Path) -> None:
    (prefix / "etc" / "gpuenv" / "receipt.json").write_text("{")
    (prefix / "notes.txt").write_text("mine")
    listed = gpuenv("verify", "-n", "tf")
    assert listed.code == 8
    assert "gpuenv create -n tf --force" in listed.err
    assert gpuenv("remove", "-n", "tf", "--yes").code == 0
    assert [path.name for path in prefix.iterdir()] == ["notes.txt"]


def test_create__force_over_damaged_receipt__works(gpuenv: Run, small_index: SmallStack, prefix: Path) -> None:
    (prefix / "etc" / "gpuenv" / "receipt.json").write_text("{")
    ended = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes", "--force")
    assert ended.code == 0, ended.err
    assert gpuenv("verify", "-n", "tf").code == 0


def test_create__in_the_working_directory__built_in_place(
    gpuenv: Run, small_index: SmallStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    inode = here.stat().st_ino
    assert gpuenv("create", "-p", ".", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes").code == 0
    assert here.stat().st_ino == inode
    assert Path("bin/python").exists()


def test_create__through_a_link__the_same_environment(gpuenv: Run, small_index: SmallStack, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert gpuenv("create", "-p", tmp_path / "link", "--recipe", small_index.recipe, "--gpu", "8.6", "-y").code == 0
    assert (tmp_path / "link").is_symlink()
    for way in ("link", "real"):
        assert gpuenv("verify", "-p", tmp_path / way).code == 0
    assert gpuenv("list", "--json").document["data"]["environments"][0]["prefix"] == str(tmp_path / "real")


@pytest.mark.parametrize("path", ["", "  ", "a:b", "a\nb"])
def test_create__path_that_no_environment_can_have__exit_2(gpuenv: Run, path: str) -> None:
    ended = gpuenv("create", "-p", path, "--gpu", "8.6", "--yes")
    assert ended.code == 2
    assert "cannot be the directory of an environment" in ended.err


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "nul", "COM1.txt", "dot.", "x" * 300, "tab\t"])
def test_create__name_that_no_environment_can_have__exit_2(gpuenv: Run, name: str) -> None:
    ended = gpuenv("create", f"--name={name}", "--gpu", "8.6", "--yes")
    assert ended.code == 2
    assert "cannot be the name of an environment" in ended.err


def test_run__python_is_gone__says_so(gpuenv: Run, prefix: Path) -> None:
    python = prefix / "bin" / "python"
    python.unlink()
    ended = gpuenv("run", "-n", "tf", "--", "python", "-V")
    assert ended.code == 8
    assert f"the Python of `{prefix}` is missing" in ended.err


@pytest.mark.parametrize(("mode", "code"), [(None, 127), (0o755, 126)], ids=["no such command", "no interpreter"])
def test_run__cannot_be_started__the_exit_code_of_shells(
    gpuenv: Run, prefix: Path, mode: int | None, code: int
) -> None:
    script = prefix / "bin" / "tool"
    if mode is not None:
        script.write_bytes(b"\x00not a program")
        script.chmod(mode)
    ended = gpuenv("run", "-n", "tf", "--", "tool")
    assert ended.code == code
    assert "tool`" in ended.err


def test_run__file_that_is_no_program__is_there_and_cannot_be_started(gpuenv: Run, prefix: Path) -> None:
    plain = prefix / "plain file"
    plain.write_text("data")
    ended = gpuenv("run", "-n", "tf", "--", str(plain))
    assert ended.code == 126
    assert "it is not a program" in ended.err


@pytest.fixture
def slow_uv(tmp_path: Path) -> Iterator[Path]:
    """A uv that writes its process number and goes on for a minute."""
    log = tmp_path / "uv.pid"
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho $$ > {log}.new\nmv {log}.new {log}\nexec sleep 60\n")
    uv.chmod(0o755)
    yield log
    if log.exists() and Path(f"/proc/{log.read_text().strip()}").exists():
        os.kill(int(log.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
def test_create__ended_while_uv_works__uv_ends_too(small_index: SmallStack, slow_uv: Path, how: signal.Signals) -> None:
    script = (
        "import sys; from pathlib import Path; from gpuenv.engines import uv; uv_path = Path(sys.argv.pop(1));"
        "uv.uv_binary = lambda: uv_path; from gpuenv.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    argv = ["create", "-n", "tf", "--recipe", str(small_index.recipe), "--gpu", "8.6", "--yes"]
    child = subprocess.Popen([sys.executable, "-c", script, str(slow_uv.with_name("uv")), *argv])
    wait_for(slow_uv.exists)
    uv = Path("/proc", slow_uv.read_text().strip())
    assert uv.exists()
    child.send_signal(how)
    child.wait(timeout=20)
    wait_for(lambda: not uv.exists() or "Z (zombie)" in (uv / "status").read_text())


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen within 20 s"
        time.sleep(0.02)


def test_verify__what_was_proven__not_undone_by_not_run(gpuenv: Run, prefix: Path) -> None:
    path = prefix / "etc" / "gpuenv" / "receipt.json"
    receipt = json.loads(path.read_text())
    proven = {**receipt["checks"][0], "check": "device", "activated": False, "message": "seen"}
    receipt["checks"].append(proven)
    path.write_text(json.dumps(receipt))
    gpuenv("verify", "-n", "tf", "device")
    kept = [it for it in json.loads(path.read_text())["checks"] if it["check"] == "device" and not it["activated"]]
    assert [it["status"] for it in kept] == ["ok"]


def test_verify__for_another_machine__receipt_stays(gpuenv: Run, prefix: Path) -> None:
    path = prefix / "etc" / "gpuenv" / "receipt.json"
    before = path.read_bytes()
    assert gpuenv("verify", "-n", "tf", "files", "--gpu", "3.0").code == 7
    assert path.read_bytes() == before
