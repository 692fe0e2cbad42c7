from __future__ import annotations

import gzip
import hashlib
import lzma
import threading
import time
import zlib
from collections.abc import Iterator

import pytest

from gpuenv.archive.limits import Limits
from gpuenv.archive.unpack import OUT_BYTES, Hasher, Worker, decompressed, decompressor
from gpuenv.errors import ArchiveError


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
@pytest.mark.parametrize(
    ("kind", "pack"),
    [
        ("gzip", gzip.compress),
        ("xz", lzma.compress),
        ("deflate", lambda data: _deflate(data)),
    ],
    ids=["gzip", "xz", "deflate"],
)
def test_decompressed__pieces_of_any_size__the_data(kind: str, pack, size: int) -> None:  # type: ignore[no-untyped-def]
    data = hashlib.sha256(b"seed").digest() * 300
    assert b"".join(decompressed(pieces(pack(data), size), decompressor(kind), Limits())) == data


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("kind", "pack"), [("gzip", gzip.compress), ("xz", lambda data: lzma.compress(data, preset=0))], ids=["gzip", "xz"]
)
def test_decompressed__little_that_becomes_much__comes_in_bounded_pieces(kind: str, pack) -> None:  # type: ignore[no-untyped-def]
    packed = pack(bytes(5 * OUT_BYTES))
    sizes = [len(out) for out in decompressed(iter([packed]), decompressor(kind), Limits())]
    assert sum(sizes) == 5 * OUT_BYTES
    assert max(sizes) <= OUT_BYTES


def test_decompressed__xz_that_asks_for_gigabytes__is_refused() -> None:
    packed = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}])
    # The dictionary's size is one byte of the block header, whose checksum follows; 40 means 4 GiB.
    header = bytearray(packed[12:24])
    header[header.index(b"\x21\x01") + 2] = 40
    header[8:12] = zlib.crc32(header[:8]).to_bytes(4, "little")
    with pytest.raises(ArchiveError, match="damaged"):
        list(decompressed(iter([packed[:12] + header + packed[24:]]), decompressor("xz"), Limits()))


@pytest.mark.timeout(20)
def test_hasher__closed__nobody_waits() -> None:
    """Somebody who reads on after Ctrl-C once hung here, and the process with him."""
    hasher = Hasher()
    adding = threading.Thread(target=lambda: [hasher.update(bytes(1 << 20)) for _ in range(2000)])
    adding.start()
    hasher.close()
    adding.join(5)
    assert not adding.is_alive()


def test_hasher__everything_added__is_in_the_hash() -> None:
    hasher = Hasher()
    for number in range(50):
        hasher.update(bytes([number]) * 1000)
    expected = hashlib.sha256(b"".join(bytes([number]) * 1000 for number in range(50))).hexdigest()
    assert hasher.hexdigest() == hasher.hexdigest() == expected


def test_worker__error_of_the_items__is_raised_where_they_are_taken() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    taken: list[int] = []
    with pytest.raises(ZeroDivisionError):
        taken.extend(Worker(items()))
    assert taken == [1]


@pytest.mark.timeout(20)
def test_worker__closed_while_it_waits__ends() -> None:
    before = threading.active_count()
    worker = Worker(iter(range(1000)), ahead=1)
    started = time.monotonic()
    worker.close()
    assert time.monotonic() - started < 5
    assert threading.active_count() == before
