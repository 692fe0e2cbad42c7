from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.doctor.read import read_environment

# Lines as venv, virtualenv and uv write them.
ACTIVATION = {
    "venv 3.8": ("bin/activate", 'VIRTUAL_ENV="/home/user/tf"\nexport VIRTUAL_ENV\n'),
    "venv 3.13": ("bin/activate", '    export VIRTUAL_ENV=$(cygpath "/x")\n    export VIRTUAL_ENV=/home/user/tf\n'),
    "uv": ("bin/activate", "VIRTUAL_ENV='/home/user/tf'\n"),
    "Windows": ("Scripts/activate.bat", "@echo off\r\nset VIRTUAL_ENV=C:\\envs\\tf\r\n"),
    "virtualenv on Windows": ("Scripts/activate.bat", '@set "VIRTUAL_ENV=C:\\envs\\tf"\r\n'),
}


@pytest.mark.parametrize("name", ACTIVATION)
def test_read_environment__activation_script__says_where_it_was_made(name: str, tmp_path: Path) -> None:
    place, text = ACTIVATION[name]
    (tmp_path / "lib" / "python3.8" / "site-packages").mkdir(parents=True)
    script = tmp_path / place
    script.parent.mkdir()
    script.write_bytes(text.encode())
    expected = "C:\\envs\\tf" if "Windows" in name else "/home/user/tf"
    assert str(read_environment(tmp_path, {}).made_at) == expected


@pytest.mark.parametrize("text", [None, "VIRTUAL_ENV=$(dirname $0)/..\n", "PATH=/usr/bin\n"])
def test_read_environment__no_place_named__none(text: str | None, tmp_path: Path) -> None:
    (tmp_path / "lib" / "python3.8" / "site-packages").mkdir(parents=True)
    if text is not None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "activate").write_text(text)
    assert read_environment(tmp_path, {}).made_at is None
