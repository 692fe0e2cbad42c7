"""The Pythons that this machine really has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gpuenv.probe.python_candidates import candidates
from gpuenv.probe.python_version import ask_version
from gpuenv.probe.pythons import find_pythons

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the Pythons of Unix are asked here: run on Linux")


def test_read_version__every_python_on_this_machine__agrees_with_what_it_says() -> None:
    found = find_pythons(candidates(os.environ, Path.home()), ask_version)
    assert found
    for python in found:
        said = ask_version(Path(python.path))
        assert said in (None, python.version), python  # None: Python 2 has no `-I`


@pytest.mark.skipif(shutil.which("pyenv") is None, reason="needs pyenv with a version installed")
def test_candidates__real_pyenv__lists_versions_that_are_not_selected() -> None:
    found = find_pythons(candidates(os.environ, Path.home()), ask_version)
    installed = {path.name for path in (Path.home() / ".pyenv/versions").glob("3.*.*") if not path.is_symlink()}
    assert installed <= {str(python.version) for python in found if python.source == "pyenv"}
