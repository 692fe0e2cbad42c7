"""Whole runs of `gpuenv create` with real uv on a stack of a few kilobytes, served on loopback."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from small_stack import PYTHON, SmallStack, write_lock

Run = Callable[..., Any]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small stack is ELF; run on Linux")


def envs(isolated: Path) -> list[str]:
    directory = isolated / "data" / "envs"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def create(gpuenv: Run, stack: SmallStack, *extra: object, name: str = "tf", gpu: str = "8.6") -> Any:
    return gpuenv("create", "-n", name, "--recipe", stack.recipe, "--gpu", gpu, "--yes", *extra)


def test_create__small_stack__environment_receipt_and_links(
    gpuenv: Run, small_index: SmallStack, isolated: Path
) -> None:
    ended = create(gpuenv, small_index, "--json")
    assert ended.code == 0, ended.err + ended.out
    receipt = ended.document["data"]
    prefix = Path(receipt["prefix"])
    assert receipt["packages"] == ["tensorflow==2.4.0", "nvidia-cuda-runtime-cu11==11.8.89"]
    assert [(check["check"], check["status"]) for check in receipt["checks"]] == [("files", "ok")]
    site = prefix / "lib" / f"python{PYTHON}" / "site-packages"
    assert (site / "tensorflow" / "libcusolver.so.10").resolve().name == "libcusolver.so.11"
    assert (prefix / "etc" / "gpuenv" / "receipt.json").exists()
    assert envs(isolated) == ["tf"]
    listed = gpuenv("list", "--json").document["data"]
    assert [entry["name"] for entry in listed["environments"]] == ["tf"]
    assert listed["unfinished"] == []


def test_create__then_run_activate_export_remove__all_work(
    gpuenv: Run, small_index: SmallStack, isolated: Path, tmp_path: Path
) -> None:
    assert create(gpuenv, small_index).code == 0
    prefix = isolated / "data" / "envs" / "tf"
    script = "import os, sys, tensorflow; print(sys.prefix, os.environ['CUDA_MODULE_LOADING'], tensorflow.__version__)"
    ran = subprocess.run(
        [sys.executable, "-m", "gpuenv", "run", "-n", "tf", "--", "python", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [str(prefix), "LAZY", "2.4.0"]
    line = gpuenv("activate", "-n", "tf", "--shell", "bash").out
    shell = subprocess.run(["bash", "-c", f'{line}\npython -c "{script}"'], capture_output=True, text=True, check=True)
    assert shell.stdout == ran.stdout
    exported = gpuenv("export", "-n", "tf", "-o", tmp_path / "team.yaml")
    assert exported.code == 0, exported.err
    again = gpuenv("create", "-n", "again", "--recipe", tmp_path / "team.yaml", "--gpu", "8.6", "--yes", "--json")
    assert again.code == 0, again.err + again.out
    assert again.document["data"]["lock_sha256"] == gpuenv_receipt(prefix)["lock_sha256"]
    (prefix / "my-notebook.ipynb").write_text("{}")
    removed = gpuenv("remove", "-n", "tf", "--yes")
    assert removed.code == 0
    assert "my-notebook.ipynb" in removed.out
    assert [path.name for path in prefix.iterdir()] == ["my-notebook.ipynb"]
    assert gpuenv("remove", "-n", "again", "--yes").code == 0
    assert envs(isolated) == ["tf"]


def gpuenv_receipt(prefix: Path) -> dict[str, Any]:
    import json

    return json.loads((prefix / "etc" / "gpuenv" / "receipt.json").read_text())


def test_create__dry_run__plans_and_writes_nothing(gpuenv: Run, small_index: SmallStack, isolated: Path) -> None:
    before = sorted(isolated.rglob("*"))
    ended = create(gpuenv, small_index, "--dry-run", "--json")
    assert (ended.code, ended.document["status"]) == (0, "planned")
    assert [package["name"] for package in ended.document["data"]["packages"]] == [
        "tensorflow",
        "nvidia-cuda-runtime-cu11",
    ]
    assert ended.document["data"]["gpus"][0]["compute_capability"] == "8.6"
    assert ended.document["data"]["gpus"][0]["code"] == "native"
    assert sorted(isolated.rglob("*")) == before


def test_create__tensorflow_of_no_version__exit_2(gpuenv: Run) -> None:
    ended = gpuenv("create", "-n", "tf", "--gpu", "8.6", "--tensorflow", "", "--dry-run")
    assert ended.code == 2
    assert "`--tensorflow`: expected a version such as `2.15`, or `newest`, found nothing" in ended.err


def test_create__dry_run_of_a_recipe_without_lock__says_that_it_was_solved(
    gpuenv: Run, small_index: SmallStack, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(small_index.recipe.read_text("utf-8"), "utf-8")
    ended = gpuenv("create", "-n", "tf", "--recipe", recipe, "--gpu", "8.6", "--driver", "460.89", "--dry-run")
    assert ended.code == 0, ended.err
    assert "solved just now; `gpuenv lock` pins a recipe's" in ended.out
    assert "at most unknown" not in ended.out


def test_create__dry_run_where_something_stands__warns_of_it(
    gpuenv: Run, small_index: SmallStack, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("")
    ended = gpuenv(
        "create", "-p", tmp_path, "--recipe", small_index.recipe, "--gpu", "8.6", "--driver", "460.89",
        "--dry-run", "--json",
    )  # fmt: skip
    assert (ended.code, ended.document["status"]) == (0, "planned")
    assert f"`{tmp_path}` exists and is not an environment that gpuenv made" in ended.document["warnings"]


def test_create__channel_for_an_engine_without_conda_packages__warns_of_it(
    gpuenv: Run, small_index: SmallStack
) -> None:
    ended = create(gpuenv, small_index, "-c", "conda-forge", "--dry-run", "--json")
    warning = "`--channel` counts for nothing: the engine `uv` installs no conda packages"
    assert ended.document["warnings"].count(warning) == 1
    assert warning not in create(gpuenv, small_index, "--dry-run", "--json").document["warnings"]


def test_list__directory_that_begins_with_a_dot__is_there(gpuenv: Run, small_index: SmallStack, tmp_path: Path) -> None:
    prefix = tmp_path / ".venv"
    made = gpuenv("create", "-p", prefix, "--recipe", small_index.recipe, "--gpu", "8.6", "--verify", "none", "--yes")
    assert made.code == 0, made.err
    assert [one["prefix"] for one in gpuenv("list", "--json").document["data"]["environments"]] == [str(prefix)]


def test_create__lock_has_a_wrong_hash__exit_6_and_nothing_left(
    gpuenv: Run, small_index: SmallStack, isolated: Path
) -> None:
    wheels = sorted(small_index.wheels.iterdir())
    write_lock(small_index.recipe, wheels, hashes={wheels[0].name: "0" * 64})
    ended = create(gpuenv, small_index, "--json")
    assert ended.code == 6
    (error,) = ended.document["errors"]
    assert error["message"] == "`nvidia-cuda-runtime-cu11==11.8.89` does not have a hash that the lock pins"
    computed = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    assert f"expected sha256:{'0' * 64}, found sha256:{computed}; the lock is `" in error["cause"]
    assert [hint["text"].partition("`")[2].partition("`")[0] for hint in error["hints"]] == [
        "uv cache clean nvidia-cuda-runtime-cu11",
        f"gpuenv lock {small_index.recipe}",
    ]
    assert envs(isolated) == []


def test_create__wheel_was_changed_on_the_index__exit_6_and_nothing_left(
    gpuenv: Run, small_index: SmallStack, isolated: Path
) -> None:
    wheel = next(small_index.wheels.glob("tensorflow-*"))
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    ended = create(gpuenv, small_index)
    assert ended.code == 6
    assert "hash" in ended.err
    assert envs(isolated) == []


def test_create__network_is_gone__exit_6_with_what_to_do(
    gpuenv: Run, small_index: SmallStack, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    ended = create(gpuenv, small_index)
    assert ended.code == 6, ended.err
    assert "hint: run the same command again" in ended.err
    assert envs(isolated) == []


def test_create__package_is_not_on_the_index__exit_5(gpuenv: Run, small_index: SmallStack, isolated: Path) -> None:
    next(small_index.wheels.glob("nvidia_*")).unlink()
    ended = create(gpuenv, small_index)
    assert ended.code == 5, ended.err
    assert envs(isolated) == []


def test_create__environment_exists__exit_8_and_force_replaces(
    gpuenv: Run, small_index: SmallStack, isolated: Path
) -> None:
    assert create(gpuenv, small_index).code == 0
    marker = isolated / "data" / "envs" / "tf" / "marker"
    marker.write_text("old")
    ended = create(gpuenv, small_index)
    assert ended.code == 8
    assert "--force" in ended.err
    assert marker.exists()
    link = marker.parent / "lib" / f"python{PYTHON}" / "site-packages" / "tensorflow" / "libcusolver.so.10"
    link.unlink()
    replaced = create(gpuenv, small_index, "--force")
    assert replaced.code == 0
    assert link.exists()
    assert "kept what gpuenv did not make: `marker`" in replaced.err
    assert marker.read_text() == "old"


def test_create__force_without_yes_or_terminal__exit_2_never_hangs(gpuenv: Run, small_index: SmallStack) -> None:
    assert create(gpuenv, small_index).code == 0
    ended = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "8.6", "--force")
    assert ended.code == 2
    assert "--yes" in ended.err


def test_create__directory_is_somebody_elses__exit_8_and_untouched(
    gpuenv: Run, small_index: SmallStack, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    ended = gpuenv(
        "create", "-p", tmp_path / "mine", "--recipe", small_index.recipe, "--gpu", "8.6", "--yes", "--force"
    )
    assert ended.code == 8
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "words"


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        (["--driver", "418.39"], 4, "update the NVIDIA driver to 455.23 or newer"),
        (["--python", "2.7"], 4, PYTHON),
        (["--cuda-from", "toolkit"], 4, "toolkit"),
        (["--engine", "magic"], 2, "magic"),
        (["--verify", "files,telepathy"], 2, "telepathy"),
    ],
    ids=["driver-too-old", "python-outside", "no-such-source", "no-such-engine", "no-such-check"],
)
def test_create__something_does_not_fit__named_before_anything_is_built(
    gpuenv: Run, small_index: SmallStack, isolated: Path, extra: list[str], code: int, words: str
) -> None:
    ended = create(gpuenv, small_index, *extra)
    assert ended.code == code, ended.err
    assert words in ended.err
    assert envs(isolated) == []


def test_create__gpu_too_old__exit_4_says_the_least_capability(gpuenv: Run, small_index: SmallStack) -> None:
    ended = create(gpuenv, small_index, gpu="3.0")
    assert ended.code == 4
    assert "3.5" in ended.err


def test_create__no_gpu_and_no_override__exit_3(gpuenv: Run, small_index: SmallStack) -> None:
    ended = gpuenv("create", "-n", "tf", "--recipe", small_index.recipe, "--gpu", "none", "--json")
    assert ended.code == 3
    assert any("--gpu 8.6" in hint["text"] for hint in ended.document["errors"][0]["hints"])


def test_create__recipe_has_a_mistake__exit_2_with_line_and_column(gpuenv: Run, small_index: SmallStack) -> None:
    text = small_index.recipe.read_text()
    small_index.recipe.write_text(text.replace("platforms:", "platfroms:"))
    ended = create(gpuenv, small_index)
    assert ended.code == 2
    line = text[: text.index("platforms:")].count("\n") + 1
    assert f"small.yaml:{line}:1" in ended.err
    assert "platforms" in ended.err


def test_create__no_fitting_python__says_what_was_found_and_what_to_do(
    gpuenv: Run, small_index: SmallStack, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = small_index.recipe.read_text()
    small_index.recipe.write_text(text.replace(f'pythons: ["{PYTHON}"]', 'pythons: ["3.5"]'))
    shutil.copy(
        next(small_index.recipe.with_suffix(".locks").iterdir()),
        small_index.recipe.with_suffix(".locks") / "pypi-linux-64-py3.5.txt",
    )
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    ended = create(gpuenv, small_index)
    assert ended.code == 5, ended.err
    assert "no Python 3.5" in ended.err
    assert ".".join(map(str, sys.version_info[:2])) in ended.err
    assert "uv python install 3.5" in ended.err
    assert envs(isolated) == []


def test_create__disk_is_full__nothing_left(
    gpuenv: Run, small_index: SmallStack, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file size limit makes the kernel refuse to write, as a full disk does."""
    wheel = next(small_index.wheels.glob("tensorflow-*"))
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({wheel.stat().st_size // 4}, {wheel.stat().st_size // 4}));"
        "from gpuenv.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    ended = subprocess.run(
        [sys.executable, "-c", script, "create", "-n", "tf", "--recipe", str(small_index.recipe), "--gpu", "8.6", "-y"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "error: " in ended.stderr
    assert "bug" not in ended.stderr
    assert envs(isolated) == []


@pytest.mark.parametrize(
    ("how", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="terminated"),
        pytest.param(signal.SIGHUP, 129, id="hangup"),
        pytest.param(signal.SIGKILL, -signal.SIGKILL, id="kill"),
    ],
)
def test_create__interrupted_while_building__nothing_that_looks_whole(
    gpuenv: Run, small_index: SmallStack, isolated: Path, how: signal.Signals, code: int
) -> None:
    plugin = isolated / "slow_plugin.py"
    plugin.write_text(
        "import sys, time\n"
        "from gpuenv.hookspec import hookimpl\n"
        "@hookimpl\n"
        "def gpuenv_phase_done(phase, value):\n"
        "    if phase == 'build':\n"
        "        print('built', file=sys.__stdout__, flush=True)\n"
        "        time.sleep(60)\n"
    )
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import slow_plugin;"
        "from gpuenv import plugins; plugins.plugins()._manager.register(slow_plugin, name='slow');"
        "from gpuenv.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    argv = ["create", "-n", "tf", "--recipe", str(small_index.recipe), "--gpu", "8.6", "--yes"]
    child = subprocess.Popen([sys.executable, "-c", script, isolated, *argv], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "built\n"
    assert envs(isolated) == ["tf"]
    child.send_signal(how)
    assert child.wait(timeout=20) == code
    if how != signal.SIGKILL:
        assert envs(isolated) == []
        return
    assert gpuenv("list", "--json").document["data"] == {
        "environments": [],
        "damaged": [],
        "unfinished": [str(isolated / "data" / "envs" / "tf")],
    }
    assert gpuenv("verify", "-n", "tf").code == 8
    assert create(gpuenv, small_index).code == 0
    assert gpuenv("list", "--json").document["data"]["unfinished"] == []


def test_create__two_at_once__second_is_told(gpuenv: Run, small_index: SmallStack, isolated: Path) -> None:
    from gpuenv.transaction import locked

    with locked(isolated / "data" / "envs" / "tf", isolated / "data" / "state"):
        ended = subprocess.run(
            [sys.executable, "-m", "gpuenv", "create", "-n", "tf", "--gpu", "8.6", "--recipe", small_index.recipe],
            capture_output=True,
            text=True,
            check=False,
            env=dict(os.environ),
        )
    assert ended.returncode == 8
    assert "another gpuenv" in ended.stderr


def test_create__second_time__packages_are_not_downloaded_again(
    gpuenv: Run, small_index: SmallStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert create(gpuenv, small_index).code == 0
    monkeypatch.setenv("UV_OFFLINE", "1")
    started = time.monotonic()
    assert create(gpuenv, small_index, name="second").code == 0
    assert time.monotonic() - started < 10


def test_create__user_wants_no_bytecode__checks_leave_it_all_the_same_and_verify_does_not(
    gpuenv: Run, small_index: SmallStack, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip does: without bytecode every later import of TensorFlow takes seconds longer."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    create(gpuenv, small_index, "--verify", "import")
    bytecode = isolated / "data/envs/tf/lib" / f"python{PYTHON}" / "site-packages/tensorflow/__pycache__"
    assert bytecode.is_dir()
    shutil.rmtree(bytecode)
    gpuenv("verify", "-n", "tf", "import")
    assert not bytecode.exists()
