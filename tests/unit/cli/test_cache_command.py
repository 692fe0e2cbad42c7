from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from gpuenv.cli.licence import add_accept_license, ask_for_licences
from gpuenv.errors import UsageError
from gpuenv.facts.cudnn import archive_named
from gpuenv.fetch import Cache, options_from
from gpuenv.model import silent
from gpuenv.plugins import Plugins, new_manager
from gpuenv.session import Session
from gpuenv.settings import Settings

Run = Callable[..., Any]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """Two whole archives, one that is begun, one with a wrong hash."""
    monkeypatch.setenv("GPUENV_CACHE_DIR", str(tmp_path / "cache"))
    cache = Cache(tmp_path / "cache")
    for name in ("a.tgz", "b.zip"):
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        cache.begin(name, sha256).write_bytes(name.encode())
        cache.keep(name, sha256)
    cache.begin("c.tgz", "c" * 64).write_bytes(b"part")
    (tmp_path / "d.tgz").write_bytes(b"other")
    cache.quarantine(tmp_path / "d.tgz", "d" * 64)
    return cache


def test_list__every_state__one_line_each(gpuenv: Run, cache: Cache) -> None:
    lines = gpuenv("cache", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["a.tgz", "b.zip", "c.tgz", "d.tgz"]
    assert "begun" in lines[2]
    assert "wrong hash" in lines[3]
    data = gpuenv("--json", "cache", "list").document["data"]
    assert [one["state"] for one in data["archives"]] == ["whole", "whole", "begun", "quarantined"]
    assert data["archives"][0]["size_bytes"] == 5


def test_path__variable__is_obeyed(gpuenv: Run, cache: Cache) -> None:
    assert gpuenv("cache", "path").out == f"{cache.directory}\n"


def test_verify__nothing_changed__exit_0(gpuenv: Run, cache: Cache) -> None:
    ended = gpuenv("cache", "verify")
    assert (ended.code, ended.out) == (0, "Hashed 2 archives, 10 B: nothing has changed\n")


def test_verify__changed__exit_6_and_put_aside(gpuenv: Run, cache: Cache) -> None:
    cache.list()[0].path.write_bytes(b"bit rot")
    ended = gpuenv("cache", "verify", "--json")
    assert (ended.code, ended.document["status"]) == (6, "partial")
    assert "a.tgz" in ended.document["errors"][0]["cause"]
    assert gpuenv("cache", "verify").code == 0
    assert [one.name for one in cache.list() if one.state == "quarantined"] == ["a.tgz", "d.tgz"]


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ([], []),
        (["a.tgz"], ["b.zip", "c.tgz", "d.tgz"]),
        (["--unusable"], ["a.tgz", "b.zip"]),
        (["--unusable", "c.tgz", "a.tgz"], ["a.tgz", "b.zip", "d.tgz"]),
    ],
    ids=lambda value: " ".join(value) or "all",
)
def test_clean__chosen__are_gone_and_the_rest_stays(
    gpuenv: Run, cache: Cache, options: list[str], left: list[str]
) -> None:
    ended = gpuenv("cache", "clean", *options, "--yes")
    assert ended.code == 0, ended.err
    assert [one.name for one in cache.list()] == left
    assert ended.out.startswith(f"Deleted {4 - len(left)} archive")


def test_clean__no_answer__nothing_is_deleted(gpuenv: Run, cache: Cache) -> None:
    assert gpuenv("cache", "clean").code == 2
    assert len(cache.list()) == 4


def test_clean__unknown_name__nothing_is_deleted(gpuenv: Run, cache: Cache) -> None:
    ended = gpuenv("cache", "clean", "a.tgz", "x.tgz", "--yes")
    assert ended.code == 2
    assert "`x.tgz`" in ended.err
    assert len(cache.list()) == 4


def session(tmp_path: Path) -> Session:
    return Session(Plugins(new_manager()), Settings(), {"GPUENV_DATA_DIR": str(tmp_path)}, silent)


def arguments(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_accept_license(parser)
    return parser.parse_args(options)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_ask_for_licences__nobody_there__names_terms_and_option(tmp_path: Path) -> None:
    archive = archive_named("cudnn-11.0-linux-x64-v8.0.4.30.tgz")
    assert archive is not None
    with pytest.raises(UsageError) as caught:
        ask_for_licences([archive], arguments(), session(tmp_path))
    assert "NVIDIA cuDNN (https://docs.nvidia.com/" in caught.value.message
    assert "--accept-license" in caught.value.hints[0].text


@pytest.mark.parametrize(("answer", "accepted"), [("y\n", True), ("YES\n", True), ("n\n", False), ("", False)])
def test_ask_for_licences__person__is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, accepted: bool
) -> None:
    archive = archive_named("cudnn-11.0-linux-x64-v8.0.4.30.tgz")
    assert archive is not None
    said = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", said)
    if not accepted:
        with pytest.raises(UsageError, match="not accepted"):
            ask_for_licences([archive], arguments(), session(tmp_path))
        return
    for _ in range(2):  # the second time nothing is left to read
        ask_for_licences([archive], arguments(), session(tmp_path))
    assert said.getvalue().count("Do you accept?") == 1


def test_ask_for_licences__option__is_recorded_as_typed(tmp_path: Path) -> None:
    archive = archive_named("cudnn-11.0-linux-x64-v8.0.4.30.tgz")
    assert archive is not None
    ask_for_licences([archive], arguments("--accept-license"), session(tmp_path))
    record = json.loads((tmp_path / "state" / "licences.json").read_text())
    assert record["cudnn"]["how"] == "--accept-license"


def test_options_from__settings_and_environment__are_obeyed(tmp_path: Path) -> None:
    settings = Settings(archive_mirrors=["https://m/{name}"], archive_dirs=["/srv/nvidia"])
    options = options_from(settings, {"GPUENV_DATA_DIR": str(tmp_path)})
    assert options.cache_dir == tmp_path / "cache"
    assert options.state_dir == tmp_path / "state"
    assert options.mirrors == ("https://m/{name}",)
    assert options.download_dirs[0] == Path("/srv/nvidia")
    assert len(options.download_dirs) == 2
