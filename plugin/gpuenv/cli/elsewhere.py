"""Word a fix for a log of nobody knows which environment: most often of one that gpuenv did not make."""

from __future__ import annotations

import re

# What goes with old TensorFlows, where it is most often needed; an environment that is named gets its exact version.
_SPECIFIERS = {"protobuf": "protobuf<3.21", "numpy": "numpy<2", "h5py": "h5py<3", "keras": "keras==TENSORFLOW_VERSION"}
_WORDINGS = (
    (
        re.compile(r"run `gpuenv create --force`, then `gpuenv verify`"),
        "run `gpuenv doctor -p PATH --fix` on the environment, or `gpuenv create -n NAME` for one that has all of it",
    ),
    (re.compile(r"run `gpuenv create --force`"), "run `gpuenv create -n NAME` for an environment that has all of it"),
    (re.compile(r"`gpuenv run` puts it there"), "`gpuenv run -n NAME` puts it there"),
    (re.compile(r"`gpuenv doctor --fix`"), "`gpuenv doctor -p PATH --fix`"),
    (re.compile(r",? (?:then|and) (?:run )?`gpuenv verify[^`]*`"), ""),
    (re.compile(r"; `gpuenv verify files` for the libraries"), "; `gpuenv doctor -p PATH` for the libraries"),
    (re.compile(r"`gpuenv verify (?:files|train|device|import)`"), "`gpuenv doctor -p PATH`"),
    (re.compile(r"`gpuenv create --dry-run`"), "`gpuenv create -n NAME --dry-run`"),
    (re.compile(r"`gpuenv create`"), "`gpuenv create -n NAME`"),
    (re.compile(r"`gpuenv warm`"), "`gpuenv warm -n NAME`"),
)
_INSTALL = re.compile(r"`gpuenv run -- python -m pip install (?P<name>[\w-]+)`")


def elsewhere(fix: str, prefix: str = "PATH") -> str:
    """Return a fix whose commands can be typed where the log is from, or in an environment that gpuenv did not make."""

    def install(found: re.Match[str]) -> str:
        return f"`python -m pip install '{_SPECIFIERS.get(found['name'], found['name'])}'`"

    fix = _INSTALL.sub(install, fix)
    for wording, instead in _WORDINGS:
        fix = wording.sub(instead, fix)
    return fix.replace("-p PATH", f"-p {prefix}")
