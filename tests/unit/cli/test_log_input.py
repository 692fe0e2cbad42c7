from __future__ import annotations

from io import BytesIO

import pytest

from gpuenv.cli.log_input import Log, end_of


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", Log(b"", 0), id="nothing"),
        pytest.param(b"1\n2\n3\n", Log(b"1\n2\n3\n", 0), id="shorter than what is kept"),
        pytest.param(b"1\n2\n3\n4\n5\n6\n7\n8\n", Log(b"5\n6\n7\n8\n", 4), id="whole lines in front"),
        pytest.param(b"1\n2\n3456789\n0123\n", Log(b"789\n0123\n", 2), id="cut within a line, which counts as begun"),
    ],
)
def test_end_of__log__its_end_and_the_lines_before(data: bytes, expected: Log) -> None:
    assert expected == end_of(BytesIO(data), least_bytes=6, chunk_bytes=4)
