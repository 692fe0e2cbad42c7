"""What uv 0.13.9 printed when these things really happened, and what gpuenv makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.engines.uv_errors import build_error, explain, solve_error
from gpuenv.errors import FetchError, GpuenvError, TargetError, UnsolvableError
from gpuenv.model import Choice, Host, LoadedRecipe, Lock, Plan, Wanted
from gpuenv.process import Completed
from gpuenv.recipes.schema import parse_recipe
from small_stack import RECIPE

WARNING = (
    "warning: The requested Python version 3.6 is not available; 3.11.7 will be used to build dependencies instead.\n"
)
NO_PYTHON = f"""\
warning: Failed to install a managed Python
  cause: Failed to download `https://downloads.example/cpython-3.8.20.tar.gz`
  cause: error sending request for url (https://downloads.example/cpython-3.8.20.tar.gz)
  cause: dns error
{WARNING}"""
UNSOLVED = "error: No solution found when resolving dependencies\n  cause: Because "
CONCLUSION = ", we can conclude that your requirements are unsatisfiable.\n"
EXPECTED, COMPUTED = "0" * 64, "7" * 64
HASH_MISMATCH = f"""\
Using Python 3.11.7 environment at: v
Resolved 2 packages in 5ms
error: Failed to download `six==1.0`
  cause: Hash mismatch for `six==1.0`

         Expected:
           sha256:{EXPECTED}
           sha256:{"1" * 64}
           sha256:{"2" * 64}

         Computed:
           sha256:{COMPUTED}
"""
FETCH = "error: Failed to fetch: http://index.example/simple/six/\n  cause: "
REQUEST = f"{FETCH}error sending request for url (http://index.example/simple/six/)\n  cause: client error (Connect)\n"
DNS = f"{REQUEST}  cause: dns error\n  cause: failed to lookup address information: Name or service not known\n"
REFUSED = f"{REQUEST}  cause: tcp connect error\n  cause: Connection refused (os error 111)\n"
LOGIN = (
    f"{UNSOLVED}six was not found in the package registry and you require six==1.15.0{CONCLUSION}\n"
    "hint: An index URL (http://index.example/simple) could not be queried due to a lack of valid authentication "
    "credentials (401 Unauthorized)\n"
)
OFFLINE = (
    f"{UNSOLVED}six was not found in the cache and you require six==1.15.0{CONCLUSION}\n"
    "hint: Packages were unavailable because the network was disabled. When the network is disabled, registry packages "
    "may only be read from the cache.\n"
)
TOO_NEW = (
    f"{UNSOLVED}the requested Python version (>=3.6) does not satisfy Python>=3.7 and scikit-learn==1.0.2 depends "
    "on Python>=3.7, we can conclude that scikit-learn==1.0.2 cannot be used.\n"
    f"         And because you require scikit-learn==1.0.2{CONCLUSION}\n"
    "hint: The `--python-version` value (>=3.6) includes Python versions that are not supported by your dependencies\n"
)
NO_WHEEL = (
    f"{UNSOLVED}tensorflow==2.4.0 has no wheels with a matching Python ABI tag (e.g., `cp39`) and you require "
    f"tensorflow==2.4.0{CONCLUSION}\n"
    "hint: You require CPython 3.9 (`cp39`), but we only found wheels for `tensorflow` (v2.4.0) with the following "
    "Python ABI tags: `cp36m`, `cp37m`, `cp38`\n"
)


def plan(origin: str = "file") -> Plan:
    loaded = LoadedRecipe(parse_recipe(RECIPE.format(python="3.8"), "small.yaml"), "/team/small.yaml", origin)
    lock = Lock("", (), "/team/small.locks/pypi-linux-64-py3.8.txt")
    choice = Choice(loaded, "pypi", "3.8", None, ())
    return Plan(Host("linux-64"), choice, lock, "uv", Path("/envs/tf"), "tf", "linux-64", ())


def built(stderr: str, origin: str = "file") -> GpuenvError:
    return build_error(Completed(("uv",), 2, "", stderr, 0.1), plan(origin))


def solved(stderr: str, python: str = "3.6") -> GpuenvError:
    return solve_error(stderr, Wanted(("six",), "linux-64", python))


REACHING = [
    pytest.param(DNS, "the package index was not found in the network", "HTTPS_PROXY", id="no such host"),
    pytest.param(REFUSED, "a download failed", "index-url", id="connection refused"),
    pytest.param(
        f"{FETCH}HTTP status server error (503 Service Unavailable) for url (http://index.example/simple/six/)\n",
        "a download failed",
        "run the same command again",
        id="server error",
    ),
    pytest.param(LOGIN, "the package index wants other credentials", "~/.netrc", id="login"),
    pytest.param(
        f"{REQUEST}  cause: tunnel error: proxy authorization required\n", "the proxy", "HTTPS_PROXY", id="proxy login"
    ),
    pytest.param(f"{REQUEST}  cause: tunnel error: unsuccessful\n", "the proxy", "HTTPS_PROXY", id="proxy refuses"),
    pytest.param(
        f"{REQUEST}  cause: invalid peer certificate: UnknownIssuer\n", "certificate", "SSL_CERT_FILE", id="certificate"
    ),
    pytest.param(OFFLINE, "uv is offline", "UV_OFFLINE", id="offline"),
]


@pytest.mark.parametrize("make", [built, solved])
@pytest.mark.parametrize(("stderr", "message", "hint"), REACHING)
def test_errors__index_was_not_reached__fetch_error_says_why(make, stderr: str, message: str, hint: str) -> None:
    error = make(NO_PYTHON + stderr)
    assert type(error) is FetchError
    assert message in error.message
    assert any(hint in one.text for one in error.hints)
    assert "3.11.7" not in str(error.cause)
    assert "downloads.example" not in str(error.cause)


@pytest.mark.parametrize(
    ("stderr", "python", "message"),
    [
        pytest.param(
            TOO_NEW,
            "3.6",
            "`scikit-learn==1.0.2` needs Python>=3.7, which Python 3.6 is not",
            id="needs a newer Python",
        ),
        pytest.param(NO_WHEEL, "3.9", "`tensorflow==2.4.0` has no wheel for Python 3.9 on linux-64", id="no wheel"),
        pytest.param(
            f"{UNSOLVED}there is no version of six==99 and you require six==99{CONCLUSION}",
            "3.8",
            "the index has no `six==99`",
            id="no such version",
        ),
        pytest.param(
            f"{UNSOLVED}sixx was not found in the package registry and you require sixx==1{CONCLUSION}",
            "3.8",
            "the index has no package `sixx`",
            id="no such package",
        ),
        pytest.param(
            f"{UNSOLVED}you require protobuf<3.20 and protobuf>=4{CONCLUSION}",
            "3.8",
            "uv found no set of packages that satisfies the recipe",
            id="contradiction",
        ),
    ],
)
def test_solve_error__no_solution__says_which_kind(stderr: str, python: str, message: str) -> None:
    error = solved(WARNING + stderr, python)
    assert type(error) is UnsolvableError
    assert error.message == message
    assert error.hints
    assert error.cause
    assert error.cause.startswith(("Because", "you require"))
    assert "warning" not in error.cause
    assert "--python-version" not in error.cause


def test_build_error__wrong_hash__both_hashes_the_package_and_the_lock() -> None:
    error = built(HASH_MISMATCH)
    assert type(error) is FetchError
    assert error.message == "`six==1.0` does not have a hash that the lock pins"
    assert error.cause == (
        f"expected sha256:{EXPECTED} or sha256:{'1' * 64} or one of 1 more, found sha256:{COMPUTED}; "
        "the lock is `/team/small.locks/pypi-linux-64-py3.8.txt`"
    )
    assert [hint.text for hint in error.hints] == [
        "run `uv cache clean six` and try again, in case a download was damaged",
        "if the index has something else on purpose, make the lock anew: `gpuenv lock /team/small.yaml`",
    ]


def test_build_error__wrong_hash_in_a_shipped_lock__never_says_to_lock_that() -> None:
    assert "gpuenv recipes init" in built(HASH_MISMATCH, "shipped").hints[-1].text


@pytest.mark.parametrize(
    ("stderr", "kind", "message"),
    [
        ("error: failed to write: No space left on device (os error 28)", GpuenvError, "is full"),
        ("  ╰─▶ Because nope was not found in the package registry", UnsolvableError, "does not have a package"),
        ("error: x\n  [stderr]\n  ValueError: invalid variable '$'y''", TargetError, "cannot be used in `/envs/tf`"),
        (
            "error: Failed to initialize cache at `/var/uv`\n  cause: failed to create directory `/var/uv`: "
            "Read-only file system (os error 30)",
            GpuenvError,
            "uv cannot write into its cache",
        ),
        ("error: something new", GpuenvError, "uv could not build `/envs/tf`"),
    ],
    ids=["disk", "absent", "dollar in the path", "cache", "other"],
)
def test_build_error__what_uv_says__becomes_the_right_error(stderr: str, kind: type, message: str) -> None:
    error = built(stderr)
    assert type(error) is kind
    assert message in error.message
    assert error.cause
    assert error.hints or kind is GpuenvError


def test_build_error__package_absent__hints_to_the_recipes_own_file() -> None:
    error = built("error: x was not found in the package registry")
    assert any("`gpuenv lock /team/small.yaml`" in hint.text for hint in error.hints)


def test_explain__progress_and_warnings__are_left_out_and_lines_joined() -> None:
    assert explain(NO_PYTHON + TOO_NEW) == (
        "Because the requested Python version (>=3.6) does not satisfy Python>=3.7 and scikit-learn==1.0.2 depends on "
        "Python>=3.7, we can conclude that scikit-learn==1.0.2 cannot be used. And because you require "
        "scikit-learn==1.0.2"
    )


def test_explain__nothing__says_so() -> None:
    assert explain("Resolved 2 packages in 5ms\n") == "uv said nothing"
