"""What the command line does when something around it is broken: streams, directories, encodings, plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from small_stack import SmallStack

Run = Callable[..., Any]
GPUENV = [sys.executable, "-m", "gpuenv"]
posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX streams and paths; run on Linux")


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the shell; `$G` in it is gpuenv."""
    return subprocess.run(
        ["bash", "-c", f"G='{' '.join(GPUENV)}'; {command}"],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        env={**os.environ, **variables},
    )


def said_well(ended: subprocess.CompletedProcess[str]) -> bool:
    """Say whether a failure was explained: no traceback, no bug, no complaint of Python's own at its end."""
    return not any(word in ended.stderr for word in ("Traceback", "bug in gpuenv", "Exception ignored"))


@posix
@pytest.mark.parametrize("command", ["recipes schema", "--help", "recipes show tf-2.4 --json"])
def test_stdout__full__error_and_exit_1(command: str) -> None:
    ended = shell(f"$G {command} > /dev/full")
    assert (ended.returncode, said_well(ended)) == (1, True), ended.stderr
    assert "error: the result could not be written to standard output" in ended.stderr
    assert "No space left" in ended.stderr


@posix
@pytest.mark.parametrize("argv", [["recipes", "schema"], ["list", "--json"], ["--help"]], ids=" ".join)
def test_stdout__reader_went_away__silent(argv: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run([*GPUENV, *argv], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams__closed__exit_code_of_the_command(closed: str) -> None:
    ended = shell(f"($G list {closed}); a=$?; ($G verify -n none {closed}); echo $a $?")
    assert ended.stdout.split()[-2:] == ["0", "8"]
    assert said_well(ended), ended.stderr


@posix
def test_stderr__full__work_is_done() -> None:
    ended = shell("$G create -n tf --gpu 8.6 --dry-run 2> /dev/full")
    assert ended.returncode == 0
    assert "tf-2.4" in ended.stdout


@posix
def test_working_directory__deleted__said() -> None:
    ended = shell("mkdir gone && cd gone && rmdir ../gone && $G create -n tf --gpu 8.6 --dry-run")
    assert said_well(ended), ended.stderr
    assert ended.returncode == 1
    assert "error: the working directory does not exist any more" in ended.stderr
    assert "hint: run `cd ~`" in ended.stderr


@posix
def test_encoding__terminal_of_another__escaped_and_no_traceback(isolated: Path) -> None:
    recipes = isolated / "räcipes深"
    recipes.mkdir()
    text = 'gpuenv_recipe_version: "1"\nextends: tf-2.4\nname: mine\nsummary: für 深\n'
    (recipes / "mine.yaml").write_text(text, "utf-8")
    variables = {"PYTHONIOENCODING": "ascii:strict", "GPUENV_RECIPE_PATH": str(recipes)}
    ended = shell("$G recipes list", **variables)
    assert (ended.returncode, said_well(ended)) == (0, True), ended.stderr
    assert r"f\xfcr \u6df1" in ended.stdout
    ended = shell("$G recipes list --json", **variables)
    assert "für 深" in [one["summary"] for one in json.loads(ended.stdout)["data"]["recipes"]]
    ended = shell("$G verify -n fürs", **variables)
    assert (ended.returncode, said_well(ended)) == (8, True), ended.stderr
    assert r"f\xfcrs" in ended.stderr


@posix
@pytest.mark.parametrize("options", ["", "--json", "--color always"])
def test_encoding__path_that_is_no_utf8__named_and_no_traceback(options: str) -> None:
    ended = shell(f"$G verify -p $'/nowhere/caf\\xe9' {options}")
    assert said_well(ended), ended.stderr
    assert ended.returncode in (2, 8)
    said = json.loads(ended.stdout)["errors"][0]["message"] if "json" in options else ended.stderr
    assert r"caf\udce9" in said


@posix
def test_data_dir__is_a_file__path_and_hint(isolated: Path) -> None:
    (isolated / "data").write_text("")
    ended = shell("$G create -n tf --gpu 8.6 --yes")
    assert (ended.returncode, said_well(ended)) == (1, True), ended.stderr
    assert f"`{isolated / 'data'}" in ended.stderr
    assert "hint: run `ls -ld" in ended.stderr


@posix
def test_ctrl_c__while_modules_are_imported__exit_130_and_no_traceback() -> None:
    script = (
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'gpuenv.cli.list': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "from gpuenv.cli.main import main\n"
        "sys.exit(main(['list']))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, said_well(ended)) == (130, True), ended.stderr
    assert ended.stderr.startswith("error: interrupted")


@pytest.mark.parametrize("verbose", ["", "-vv"])
def test_bug__in_gpuenv__traceback_with_vv_only(gpuenv: Run, monkeypatch: pytest.MonkeyPatch, verbose: str) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("gpuenv.cli.list.run", broken)
    ended = gpuenv("list", *([verbose] if verbose else []))
    assert ended.code == 1
    assert "error: this is a bug in gpuenv: ZeroDivisionError: oh" in ended.err
    assert ("Traceback" in ended.err) == bool(verbose)


@pytest.mark.parametrize(
    ("argv", "word"),
    [(["--help"], "usage: gpuenv"), (["create", "--help"], "--dry-run"), (["--version"], "gpuenv 0.")],
    ids=" ".join,
)
def test_json__help_and_version__a_document_with_the_text(gpuenv: Run, argv: list[str], word: str) -> None:
    plain, with_json = gpuenv(*argv), gpuenv("--json", *argv)
    assert word in plain.out
    assert (plain.code, with_json.code, with_json.err) == (0, 0, "")
    assert with_json.document["data"]["text"] == plain.out.rstrip("\n")


def test_json__in_front_of_the_command__same_as_behind(gpuenv: Run) -> None:
    assert gpuenv("--json", "recipes", "list").document == gpuenv("recipes", "list", "--json").document


PLUGIN = """
from gpuenv.extension import Check
from gpuenv.hookspec import hookimpl
from gpuenv.model import CheckResult

print("imported")

def odd(context):
    print("checking")
    return CheckResult("odd", "skipped", "")

@hookimpl
def gpuenv_phase_done(phase):
    print(phase)

@hookimpl
def gpuenv_checks():
    print("asked")
    return [Check("odd", odd, needs_activation=False), 42]
"""


@posix
def test_plugin__prints_and_gives_nonsense__json_is_whole_and_the_environment_too(
    gpuenv: Run, small_index: SmallStack, isolated: Path
) -> None:
    site = isolated / "site"
    info = site / "chatty-1.dist-info"
    info.mkdir(parents=True)
    (site / "chatty.py").write_text(PLUGIN)
    (site / "exits.py").write_text("raise SystemExit('not today')\n")
    (info / "METADATA").write_text("Name: chatty\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[gpuenv]\nchatty = chatty\nexits = exits\n")
    options = f"--recipe {small_index.recipe} --gpu 8.6 --yes --verify files,odd --json"
    ended = shell(
        f"$G create -n tf {options}", PYTHONPATH=os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    )
    document = json.loads(ended.stdout)
    assert document["exit_code"] == ended.returncode == 7
    assert [(it["check"], it["status"]) for it in document["data"]["checks"]] == [("files", "ok"), ("odd", "failed")]
    assert "Invalid enum value 'skipped'" in document["data"]["checks"][1]["message"]
    assert {word for word in ("imported", "asked", "checking", "probe") if word in ended.stderr} == {
        "imported",
        "asked",
        "checking",
        "probe",
    }
    warned = " ".join(document["warnings"])
    assert "plugin `exits` was skipped: its import raised SystemExit('not today')" in warned
    assert "plugin `chatty` was skipped: `gpuenv_checks` gave `42`" in warned
    assert gpuenv("list", "--json").document["data"]["environments"][0]["proven"] == "failed: odd"
