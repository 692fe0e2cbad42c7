from __future__ import annotations

from gpuenv.engines.conda_answers import error_of
from gpuenv.errors import FetchError
from gpuenv.process import Completed


def test_error_of__offline_and_nothing_in_the_cache__says_so() -> None:
    said = "failed to open file `/opt/conda/pkgs/cache/497deca9.json`: No such file or directory (os error 2)"
    document = {"exception_name": "FileNotFoundError", "message": f"FileNotFoundError('{said}')"}
    error = error_of(document, ["conda-forge"], ["python=3.8", "cudnn=8.0"], Completed(("conda",), 1, "", "", 0.1))
    assert isinstance(error, FetchError)
    assert error.message == "conda is offline, and its cache lacks `conda-forge`"
    assert [hint.code for hint in error.hints] == ["fetch.online"]
