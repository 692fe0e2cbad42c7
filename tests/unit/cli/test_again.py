from __future__ import annotations

import argparse
import sys
from typing import Any

import pytest

from gpuenv.cli.again import Again, completed, from_arguments, from_receipt
from gpuenv.errors import GpuenvError, Hint
from gpuenv.model import CheckResult, Manifest, Receipt

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the expected quotes are those of POSIX shells")


def receipt(**changes: Any) -> Receipt:
    values: dict[str, Any] = {
        "gpuenv_receipt_version": "1",
        "gpuenv_version": "0",
        "created": "",
        "name": "mine",
        "prefix": "/envs/mine",
        "recipe": "tf-2.4",
        "recipe_origin": "shipped",
        "framework": "tensorflow",
        "framework_version": "2.4.0",
        "source": "pypi",
        "cuda_toolkit": "11.8",
        "cudnn": "8.6",
        "platform": "linux-64",
        "python_version": "3.7.17",
        "python_base": "",
        "engine": "uv",
        "lock_origin": "",
        "lock_sha256": "",
        "packages": ("protobuf==3.20.3", "numpy==1.19.5"),
        "gpus": ("NVIDIA H100 80GB HBM3 (9.0, ptx)",),
        "driver_version": None,
        "entries": (),
        "checks": (),
        "manifest": Manifest(),
    }
    return Receipt(**{**values, **changes})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run `gpuenv verify`", "run `gpuenv verify -n mine`"),
        (
            "run `gpuenv verify device --timeout 9`, then `nvidia-smi`",
            "run `gpuenv verify -n mine device --timeout 9`, then `nvidia-smi`",
        ),
        ("run `gpuenv verify -p '/a b' files`", "run `gpuenv verify -p '/a b' files`"),
        ("`gpuenv create --force`", "`gpuenv create -n mine --recipe tf-2.4 --python 3.7 --force`"),
        ("`gpuenv create -p '/a b/c' --force`", "`gpuenv create -n mine --recipe tf-2.4 --python 3.7 --force`"),
        ("`gpuenv create --dry-run`", "`gpuenv create -n mine --dry-run`"),
        ("`gpuenv create --python 3.8`", "`gpuenv create -n mine --recipe tf-2.4 --python 3.8`"),
        (
            "run `gpuenv run -- python -m pip install protobuf`, then `gpuenv verify import`",
            "run `gpuenv run -n mine -- python -m pip install protobuf==3.20.3`, then `gpuenv verify -n mine import`",
        ),
        ("run `pip install six`", "run `pip install six`"),
        ("run `gpuenv info`", "run `gpuenv info`"),
        ("gpuenv verify, in words", "gpuenv verify, in words"),
    ],
)
def test_complete__hint_of_a_check__names_environment_and_choices(text: str, expected: str) -> None:
    assert from_receipt(receipt()).complete(text) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"gpus": ("GPU (8.6, native)",)}, "gpuenv create -n mine --recipe tf-2.4 --python 3.7 --gpu 8.6 --force"),
        (
            {"name": None, "prefix": "/a b/c", "source": "conda", "engine": "mamba"},
            "gpuenv create -p '/a b/c' --recipe tf-2.4 --python 3.7 --cuda-from conda --engine mamba --force",
        ),
        (
            {"recipe": "team", "recipe_origin": "file"},
            "gpuenv export -n mine -o team.yaml && gpuenv create -n mine --recipe team.yaml --python 3.7 --force",
        ),
        (
            {"engine": "rattler", "conda_packages": ("c/linux-64/a-1-0.conda", "file:///x/noarch/b-1-0.conda")},
            "gpuenv create -n mine --recipe tf-2.4 --python 3.7 --cuda-from pypi --engine rattler "
            "--channel c --channel file:///x --force",
        ),
    ],
    ids=["named gpu", "by path from elsewhere", "recipe file", "conda packages"],
)
def test_complete__receipt_of_other_choices__all_are_in_the_command(changes: dict[str, Any], expected: str) -> None:
    assert from_receipt(receipt(**changes)).complete("`gpuenv create --force`") == f"`{expected}`"


def arguments(command: str, **given: Any) -> argparse.Namespace:
    create = dict.fromkeys(("recipe", "tensorflow", "python", "cuda_from", "driver"))
    return argparse.Namespace(
        **{
            "command": command,
            "name": None,
            "prefix": None,
            **create,
            "engine": "uv",
            "gpu": [],
            "channel": [],
            "override_channels": False,
            **given,
        }
    )


@pytest.mark.parametrize(
    ("args", "text", "expected"),
    [
        (
            arguments("create", name="my", python="3.7", gpu=["none"]),
            "build for another machine: `gpuenv create -n tf --gpu 8.6 --driver 460.89`",
            "build for another machine: `gpuenv create -n my --python 3.7 --gpu 8.6 --driver 460.89`",
        ),
        (
            arguments("create", prefix="/a b", recipe="my file.yaml", gpu=["RTX 3080"], driver="450.1"),
            "`gpuenv create -n tf --driver 460.89`",
            "`gpuenv create -p '/a b' --recipe 'my file.yaml' --gpu 'RTX 3080' --driver 460.89`",
        ),
        (
            arguments("create", name="my", engine="rattler", channel=["/my channel", "c"], override_channels=True),
            "`gpuenv create --cuda-from pypi`",
            "`gpuenv create -n my --engine rattler --channel '/my channel' --channel c --override-channels "
            "--cuda-from pypi`",
        ),
        (arguments("warm", name="my", gpu=1), "run `gpuenv warm`", "run `gpuenv warm -n my`"),
        (arguments("add", name="my", gpu=["8.6"]), "`gpuenv create`", "`gpuenv add -n my --gpu 8.6`"),
        (
            arguments("add", name="my", gpu=["8.6"]),
            "replace it with `gpuenv create -p /e/my --force`",
            "replace it with `gpuenv create -n my --gpu 8.6 --force`",
        ),
        (argparse.Namespace(command="list"), "run `gpuenv verify`", "run `gpuenv verify`"),
    ],
    ids=["no gpu", "quoted", "channels", "other command", "add", "replace what was made", "no environment"],
)
def test_complete__what_was_typed__is_typed_again(args: argparse.Namespace, text: str, expected: str) -> None:
    error = GpuenvError("x", hints=[Hint("a", text)])
    assert from_arguments(args).complete_error(error).hints == (Hint("a", expected),)


def test_completed__results__only_hints_change() -> None:
    results = (CheckResult("a", "ok", "`gpuenv verify`"), CheckResult("b", "failed", "", hint="`gpuenv verify`"))
    first, second = completed(results, Again("-n x"))
    assert first == results[0]
    assert second == CheckResult("b", "failed", "", hint="`gpuenv verify -n x`")
