from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.engines.uv import UvEngine, _DownloadCounter, describe_venv, parse_size, prompt_text, run_uv
from gpuenv.engines.uv_lock import download_size, solve
from gpuenv.errors import TargetError
from gpuenv.model import Choice, Host, LoadedRecipe, Lock, Plan, Progress, Wanted, silent
from gpuenv.process import Completed
from gpuenv.recipes.schema import parse_recipe


@pytest.mark.parametrize(
    ("text", "expected"),
    [("682.6MiB", int(682.6 * 1024**2)), ("1.0KiB", 1024), ("12B", 12), ("2.0GiB", 2 * 1024**3), ("much", 0)],
)
def test_parse_size__texts_of_uv__bytes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


def test_download_counter__lines_of_uv__progress_in_bytes() -> None:
    events: list[object] = []
    counter = _DownloadCounter(3 * 1024, events.append)
    for line in ["Resolved 2 packages", "Downloading big (2.0KiB)", "Downloading small (1.0KiB)", " Downloaded small"]:
        counter(line)
    assert events == [
        Progress("build", 0, 3072, "bytes", "big"),
        Progress("build", 0, 3072, "bytes", "small"),
        Progress("build", 1024, 3072, "bytes", "small"),
    ]


def test_is_cached__not_in_the_cache__leaves_nothing_beside_the_environment(tmp_path: Path) -> None:
    recipe = parse_recipe((Path(__file__).parents[3] / "recipes" / "tf-2.4.yaml").read_text("utf-8"), "tf-2.4.yaml")
    lock = Lock(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n", (), "solved")
    choice = Choice(LoadedRecipe(recipe, "tf-2.4.yaml", "file"), "pypi", "3.8", None, ())
    prefix = tmp_path / "tf"
    planned = Plan(Host("linux-64"), choice, lock, "uv", prefix, "tf", "linux-64", ())
    assert not UvEngine().is_cached(planned, silent)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ['a"b', "a'b", "$(false)", "`false`", "a\\b", "a!b", "a%b"])
def test_prompt_text__shell_would_read_it__is_left_out_of_the_scripts(tmp_path: Path, name: str) -> None:
    prefix = tmp_path / "env"
    made = run_uv(["venv", "--python", sys.executable, "--prompt", prompt_text(name), prefix], silent)
    assert made.ok, made.stderr
    show = f'. "{prefix}/bin/activate" && printf %s "$VIRTUAL_ENV_PROMPT"'
    shown = subprocess.run(["/bin/sh", "-c", show], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == prompt_text(name)


def test_prompt_text__plain_name__stays() -> None:
    assert prompt_text("tf 2.4-ünï") == "tf 2.4-ünï"


def test_describe_venv__pyvenv_cfg__layout(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.13.9\nversion_info = 3.8.18\n")
    built = describe_venv(tmp_path)
    assert built.python_version == Version("3.8.18")
    assert built.site_packages == tmp_path / "lib" / "python3.8" / "site-packages"
    assert built.platform == "linux-64"


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        ("version = 3.11.2", "3.11.2"),
        ("version_info = 3.8.18.final.0\nversion = 3.8.18", "3.8.18"),
        ("version_info = 3.14.0rc2", "3.14.0rc2"),
    ],
    ids=["venv", "virtualenv", "candidate"],
)
def test_describe_venv__as_other_tools_write_it__version(tmp_path: Path, lines: str, version: str) -> None:
    (tmp_path / "pyvenv.cfg").write_text(f"home = /usr/bin\n{lines}\n")
    assert describe_venv(tmp_path).python_version == Version(version)


@pytest.mark.parametrize("text", ["", "home = /usr/bin\n", "version = new\n"])
def test_describe_venv__no_version__target_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyvenv.cfg").write_text(text)
    with pytest.raises(TargetError, match="does not say which Python"):
        describe_venv(tmp_path)


def test_describe_venv__windows_layout__is_recognised(tmp_path: Path) -> None:
    (tmp_path / "Scripts").mkdir()
    (tmp_path / "pyvenv.cfg").write_text("version = 3.8.10\n")
    assert describe_venv(tmp_path).site_packages == tmp_path / "Lib" / "site-packages"


def test_describe_venv__nothing_there__target_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is not a virtual environment"):
        describe_venv(tmp_path)


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ([{"wheels": [{"size": 5}, {"size": 7}]}, {"sdist": {"size": 2}}], 9),
        ([{"wheels": [{"size": 5}]}, {"wheels": [{}]}], None),
        ([], 0),
    ],
    ids=["largest-wheel-else-sdist", "unknown", "empty"],
)
def test_download_size__pylock__adds_up(packages: list[dict[str, object]], expected: int | None) -> None:
    assert download_size({"packages": packages}) == expected


PYLOCK = '[[packages]]\nname = "six"\nversion = "1.15.0"\nwheels = [{ size = 5 }]\n'


@pytest.fixture
def uv_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Answer for uv, and note what it was called with; its cache is empty when `--offline` finds nothing."""
    calls: list[tuple[list[str], dict[str, str]]] = []

    def run(argv: Sequence[object], *, env: dict[str, str], **_: object) -> Completed:
        arguments = [str(part) for part in argv[4:]]
        calls.append((arguments, env))
        if "--offline" in arguments and env.get("UV_NO_CACHE"):
            return Completed((), 1, "", "error: not found in the cache", 0.1)
        return Completed((), 0, PYLOCK if "pylock.toml" in arguments else "six==1.15.0", "", 0.1)

    monkeypatch.setattr("gpuenv.process.run", run)
    return calls


@pytest.mark.parametrize("python", ["/pythons/3.8/bin/python", None], ids=["installed", "none"])
def test_solve__python__is_one_that_is_there_and_never_downloaded(uv_calls, python: str | None) -> None:
    solved = solve(Wanted(("six==1.15.0",), "win-64", "3.8", python=python), silent)
    assert solved.download_bytes == 5
    compiling = [(arguments, env) for arguments, env in uv_calls if "compile" in arguments]
    assert len(compiling) == 2
    for arguments, env in compiling:
        assert arguments[arguments.index("--python") + 1] == (python or sys.executable)
        assert arguments[arguments.index("--python-version") + 1] == "3.8"
        assert env["UV_PYTHON_DOWNLOADS"] == "never"


@pytest.mark.parametrize(
    ("no_cache", "expected"), [("", [False, True]), ("1", [False, True, False])], ids=["cache", "no cache"]
)
def test_solve__sizes__come_from_uvs_cache_where_it_has_one(
    uv_calls, monkeypatch: pytest.MonkeyPatch, no_cache: str, expected: list[bool]
) -> None:
    monkeypatch.setenv("UV_NO_CACHE", no_cache)
    assert solve(Wanted(("six==1.15.0",), "linux-64", "3.8"), silent).download_bytes == 5
    assert ["--offline" in arguments for arguments, _ in uv_calls if "compile" in arguments] == expected


def test_run_uv__python_install__may_download(uv_calls) -> None:
    run_uv(["python", "install", "3.8"], silent)
    assert "UV_PYTHON_DOWNLOADS" not in uv_calls[0][1]
