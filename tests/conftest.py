"""Fixtures that several parts of the suite share."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conda_channel import MadeChannel, find_base_python, make_channel
from small_stack import SmallStack, make_small_stack, served

# Where bytecode may not be written, every run and each of the many processes that tests start would compile all anew.
if sys.dont_write_bytecode:
    sys.pycache_prefix = str(Path(__file__).parent.parent / ".pytest_cache" / "bytecode")
    sys.dont_write_bytecode = False
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell that runs the tests in the background lets them ignore Ctrl-C, and `nohup` SIGHUP; they send both.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

ISOLATED = (
    "CONDA_OVERRIDE_CUDA",
    "CONDA_OVERRIDE_CUDA_ARCH",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "GPUENV_RECIPE_PATH",
    "XLA_FLAGS",
    "NO_COLOR",
    "COLUMNS",
)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a function that gives an empty directory: the last one again, unless something was written into it.

    Most tests write nothing. A directory for each would cost as much as many a test.
    """
    base = tmp_path_factory.mktemp("gpuenv")
    made: list[Path] = []

    def give() -> Path:
        if not made or not made[-1].is_dir() or any(made[-1].iterdir()):
            made.append(base / str(len(made)))
            made[-1].mkdir()
        return made[-1]

    return give


@pytest.fixture(autouse=True)
def isolated(empty_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the user's environments, settings and variables."""
    home = empty_home()
    monkeypatch.setenv("GPUENV_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("GPUENV_CONFIG_DIR", str(home / "config"))
    for name in ISOLATED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONDA_REGISTER_ENVS", "false")  # conda would write them into the user's ~/.conda
    monkeypatch.chdir(home)
    return home


@dataclass(frozen=True)
class Ended:
    """How an in-process run of the command line ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def gpuenv(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run the command line in this process."""
    from gpuenv.cli.main import main

    def run(*argv: object) -> Ended:
        capfd.readouterr()
        code = main([str(part) for part in argv])
        said = capfd.readouterr()
        return Ended(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def small_stack(tmp_path_factory: pytest.TempPathFactory) -> SmallStack:
    """A stack of a few kilobytes; copy it before changing it."""
    return make_small_stack(tmp_path_factory.mktemp("small"))


@pytest.fixture
def small_index(small_stack: SmallStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallStack]:
    """The small stack in a directory of the test's own, its wheels served on loopback as uv's only index."""
    own = SmallStack(tmp_path / "stack" / "recipes" / "small.yaml", tmp_path / "stack" / "wheels")
    shutil.copytree(small_stack.recipe.parent, own.recipe.parent)
    shutil.copytree(small_stack.wheels, own.wheels)
    with served(own.wheels) as address:
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
        yield own


@pytest.fixture(scope="session")
def session_channel(tmp_path_factory: pytest.TempPathFactory) -> MadeChannel:
    """A conda channel with Python, CUDA and cuDNN; leave it as it is, or ask for `conda_channel`."""
    python = find_base_python("3.8", f"{sys.version_info.major}.{sys.version_info.minor}")
    directory = make_channel(tmp_path_factory.mktemp("conda"), python)
    return MadeChannel(directory, python.name.removeprefix("python"))


@pytest.fixture
def conda_channel(session_channel: MadeChannel, tmp_path: Path) -> MadeChannel:
    """A conda channel of the test's own."""
    return session_channel.copy(tmp_path)


@pytest.fixture(scope="session")
def session_rattler_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where rattler keeps what it has fetched and unpacked, for tests that do not care whether something is there."""
    return tmp_path_factory.mktemp("rattler")


@pytest.fixture
def rattler_cache(session_rattler_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep rattler away from the user's packages and settings."""
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(session_rattler_cache))
    for name in ("CONDARC", "CONDA_CHANNEL_ALIAS", "CONDA_ROOT", "MAMBA_ROOT_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    return session_rattler_cache


@pytest.fixture
def empty_rattler_cache(rattler_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let rattler begin with nothing."""
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "rattler"))
    return tmp_path / "rattler"


@pytest.fixture(scope="session")
def tf_prefix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A TensorFlow 2.4.0 environment, made once by `gpuenv create` from the package index (about 2 GiB to fetch).

    `GPUENV_TEST_TF_PREFIX` names one that exists already.
    """
    given = os.environ.get("GPUENV_TEST_TF_PREFIX")
    if given:
        yield Path(given)
        return
    from gpuenv import process

    home = tmp_path_factory.mktemp("tf")
    environment = {**os.environ, "GPUENV_DATA_DIR": str(home / "data"), "GPUENV_CONFIG_DIR": str(home / "config")}
    ended = process.run(
        [sys.executable, "-m", "gpuenv", "create", "-n", "tf", "--gpu", "8.6", "--yes", "--json", "--verify", "none"],
        env=environment,
        timeout_s=1800,
    )
    if not ended.ok and '"unsolvable"' in ended.stdout:
        pytest.skip("install Python 3.8 (with pyenv or uv) to run this")
    assert ended.ok, ended.stderr + ended.stdout
    prefix = home / "data" / "envs" / "tf"
    yield prefix
    shutil.rmtree(home, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what makes a whole TensorFlow environment, so that `-m "not slow"` leaves it out."""
    for item in items:
        if "tf_prefix" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.network)
