"""Archives that are made to do harm: nothing of them may be written, anywhere."""

from __future__ import annotations

import struct
import tarfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpuenv.archive import Limits, extract, names
from gpuenv.archive.limits import MIB
from gpuenv.archive.member_names import Places, safe_path
from gpuenv.archive.write import long_path
from gpuenv.errors import ArchiveError
from made_archives import Content, make, tar_with

BAD_NAMES = [
    pytest.param("/etc/passwd", id="absolute"),
    pytest.param("../up", id="up"),
    pytest.param("a/../../up", id="up from within"),
    pytest.param("a/..", id="only up"),
    pytest.param("C:/windows/system32/x.dll", id="drive"),
    pytest.param("./C:/windows/system32/x.dll", id="drive after a dot"),
    pytest.param("c:x", id="drive, relative"),
    pytest.param("0:", id="what Windows takes for a drive"),
    pytest.param("..\\up", id="backslash"),
    pytest.param("\\\\server\\share\\x", id="UNC"),
    pytest.param("a\nb", id="line end"),
    pytest.param("\x1b[2Jx", id="terminal control"),
]


def everything(name: str) -> PurePosixPath:
    return PurePosixPath(name)


def refused(archive: Path, limits: Limits | None = None) -> ArchiveError:
    """Check that an archive is refused, and that nothing is left of it; return the error."""
    target = archive.parent / "x" / "to"
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(ArchiveError) as caught:
        extract(archive, everything, target, limits, sha256=None)
    assert sorted(archive.parent.rglob("*")) == before
    return caught.value


@pytest.mark.parametrize("suffix", ["tar", "zip"])
@pytest.mark.parametrize("name", BAD_NAMES)
def test_extract__unsafe_name__is_refused_even_unwanted(tmp_path: Path, suffix: str, name: str) -> None:
    archive = make(tmp_path / f"a.{suffix}", [("good", b"good"), (name, b"bad")])
    error = refused(archive)
    assert error.message.isprintable()
    with pytest.raises(ArchiveError):
        extract(archive, lambda member: None, tmp_path / "to", sha256=None)
    with pytest.raises(ArchiveError):
        names(archive)


@pytest.mark.parametrize("path", ["/abs", "../up", "a/../../b"])
def test_extract__caller_names_a_place_outside__is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ArchiveError):
        extract(make(tmp_path / "a.tar", {"x": b""}), lambda name: PurePosixPath(path), tmp_path / "to", sha256=None)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([("cudnn.h", b"1"), ("cudnn.h", b"2")], id="twice"),
        pytest.param([("cudnn.h", b"1"), ("CUDNN.H", b"2")], id="case"),
        pytest.param([("lib/a", b"1"), ("Lib/b", b"2")], id="case of a directory"),
        pytest.param([("caf\u00e9", b"1"), ("cafe\u0301", b"2")], id="composed and not"),
        pytest.param([("stra\u00dfe", b"1"), ("STRASSE", b"2")], id="case that changes the length"),
        pytest.param([("a", b"1"), ("a/b", b"2")], id="file, then directory"),
        pytest.param([("a/b", b"1"), ("a", b"2")], id="directory, then file"),
        pytest.param([("a", "b"), ("a/c", b"2")], id="link, then below it"),
        pytest.param([("a/c", b"2"), ("a", "b")], id="file, then a link in place of its directory"),
    ],
)
@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_extract__two_in_one_place__is_refused(tmp_path: Path, suffix: str, entries: list[tuple[str, Content]]) -> None:
    assert "side by side" in refused(make(tmp_path / f"a.{suffix}", entries)).message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a", "/etc/passwd"),
        ("a", "../x"),
        ("lib/a", "../../x"),
        ("lib/a", "b/../../../x"),
        ("a", ".."),
        ("a", "..\\x"),
    ],
)
@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_extract__link_out__is_refused(tmp_path: Path, suffix: str, name: str, text: str) -> None:
    assert "leads out" in refused(make(tmp_path / f"a.{suffix}", [("b", b""), (name, text)])).message


@pytest.mark.parametrize(
    ("links", "where"),
    [
        pytest.param({"a": ".", "b": "a/../x"}, "out", id="up through a link to here"),
        pytest.param({"d/e/f": "..", "b": "d/e/f/../../x"}, "out", id="up through a link up"),
        pytest.param({"a": ".", "b": "A/../x"}, "out", id="up through a link of another case"),
        pytest.param({"a": "b", "b": "a"}, "circle", id="two in a circle"),
        pytest.param({"a": "a"}, "circle", id="itself"),
        pytest.param({"a": "b/a", "b": "."}, "circle", id="longer and longer"),
    ],
)
@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_extract__links_that_lead_out_together__are_refused(
    tmp_path: Path, suffix: str, links: dict[str, str], where: str
) -> None:
    assert where in refused(make(tmp_path / f"a.{suffix}", [("file", b""), *links.items()])).message


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(tarfile.CHRTYPE, id="character device"),
        pytest.param(tarfile.BLKTYPE, id="block device"),
        pytest.param(tarfile.FIFOTYPE, id="pipe"),
        pytest.param(b"Z", id="unknown"),
    ],
)
def test_extract__device__is_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("null")
    info.type = kind
    assert "no file and no link" in refused(tar_with(tmp_path / "a.tar", info)).message


def test_extract__hard_link__is_a_file_of_its_own(tmp_path: Path) -> None:
    first, second = tarfile.TarInfo("a"), tarfile.TarInfo("b/c")
    first.size, second.type, second.linkname = 4, tarfile.LNKTYPE, "a"
    extract(tar_with(tmp_path / "a.tar", first, second, data=b"data"), everything, tmp_path / "to", sha256=None)
    assert (tmp_path / "to" / "b" / "c").read_bytes() == b"data"


@pytest.mark.parametrize("linkname", ["/etc/passwd", "../x", "later", "link"])
def test_extract__hard_link_to_elsewhere__is_refused(tmp_path: Path, linkname: str) -> None:
    link, hard, later = tarfile.TarInfo("link"), tarfile.TarInfo("hard"), tarfile.TarInfo("later")
    link.type, link.linkname = tarfile.SYMTYPE, "later"
    hard.type, hard.linkname = tarfile.LNKTYPE, linkname
    refused(tar_with(tmp_path / "a.tar", link, hard, later))


@pytest.mark.parametrize("suffix", ["tgz", "txz", "zip"])
def test_extract__bomb__is_refused_by_ratio(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"a.{suffix}", {"zeros": bytes(4 * MIB)})
    assert "unpack to" in (refused(archive, Limits(ratio_from_bytes=MIB)).cause or "")


@pytest.mark.parametrize("suffix", ["tar", "tgz", "txz", "zip"])
def test_extract__too_much__is_refused_by_size(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"a.{suffix}", {"zeros": bytes(2 * MIB)})
    assert "at most" in (refused(archive, Limits(unpacked_bytes=MIB)).cause or "")


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_extract__too_many__is_refused(tmp_path: Path, suffix: str) -> None:
    archive = make(tmp_path / f"a.{suffix}", {str(number): b"" for number in range(11)})
    assert "at most 10 members" in (refused(archive, Limits(members=10)).cause or "")


def test_extract__zip_says_less_than_it_holds__is_refused(tmp_path: Path) -> None:
    """The declared size is 1 byte, in the directory and beside the member; the data are 4 MiB."""
    archive = make(tmp_path / "a.zip", {"a": bytes(4 * MIB)})
    data = archive.read_bytes().replace(struct.pack("<I", 4 * MIB), struct.pack("<I", 1))
    archive.write_bytes(data)
    assert "longer than it says" in refused(archive).message


def test_extract__tar_says_more_than_it_holds__is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a")
    info.size = 40 * 1024 * MIB
    (tmp_path / "a.tar").write_bytes(info.tobuf() + bytes(1024))
    assert "at most" in (refused(tmp_path / "a.tar").cause or "")


def test_extract__tar_header_of_gigabytes__does_not_fill_the_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.XHDTYPE, 4 * 1024 * MIB
    (tmp_path / "a.tar").write_bytes(info.tobuf() + bytes(1024))
    assert "header" in (refused(tmp_path / "a.tar").cause or "")


def test_extract__zip_members_that_share_data__is_refused(tmp_path: Path) -> None:
    """The way in which 42 KiB unpack to petabytes: many entries of the directory, one body."""
    archive = make(tmp_path / "a.zip", {"a": b"x" * 1000, "b": b"x" * 1000})
    data = bytearray(archive.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)  # the offset of its data
    archive.write_bytes(data)
    refused(archive)


def test_extract__encrypted__is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", {"a": b"x"})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    assert "encrypted" in refused(archive).message


def test_extract__zip_packed_in_another_way__is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a", b"x" * 100)
    assert "method 12" in (refused(tmp_path / "a.zip").cause or "")


@pytest.mark.parametrize(
    "name",
    ["con", "NUL.dll", "aux.h", "lib/COM1", "lpt9.tar.gz", "nul .h", "lib/ab:c", "a?", "lib./a", "lib /a", "com\u00b9"],
)
def test_safe_path__means_something_else_on_windows__is_refused_there(name: str) -> None:
    assert safe_path(name, windows=False) == PurePosixPath(name)
    with pytest.raises(ArchiveError):
        safe_path(name, windows=True)


@pytest.mark.parametrize("name", ["cudnn64_8.dll", "console.h", "lib/x64/cudnn.lib", "com10", "nulls", "..a", "a..b"])
def test_safe_path__harmless__is_taken(name: str) -> None:
    assert safe_path(name, windows=True) == PurePosixPath(name)


@given(st.text(max_size=20) | st.text(st.sampled_from("a./\\:~ \0"), max_size=12), st.booleans())
def test_safe_path__any_text__stays_below_or_is_refused(name: str, windows: bool) -> None:
    try:
        path = safe_path(name, windows=windows)
    except ArchiveError as error:
        said = error.message
    else:
        said = ""
    assert said == "" or said.isprintable()
    if said:
        return
    for flavour in (PurePosixPath, PureWindowsPath):
        below = flavour("/root/target") / flavour(str(path))
        assert not flavour(str(path)).is_absolute()
        assert ".." not in below.parts
        assert below.is_relative_to(flavour("/root/target"))
    if windows:
        assert not PureWindowsPath(str(path)).is_reserved()


SEGMENT = st.sampled_from(["a", "A", "b", "lib", "Lib", "LIB", "\u00e9", "e\u0301", "\u00df", "ss"])


@given(st.lists(st.lists(SEGMENT, min_size=1, max_size=3).map(lambda parts: PurePosixPath(*parts)), max_size=8))
def test_places__any_paths__what_is_taken_is_a_tree_without_case(paths: list[PurePosixPath]) -> None:
    places, taken = Places(), []
    for path in paths:
        try:
            places.take(path)
        except ArchiveError:
            continue
        taken.append(path)
    spellings: dict[str, str] = {}
    folders = {str(parent).upper() for path in taken for parent in path.parents}
    for path in taken:
        assert str(path).upper() not in folders
        for whole in (path, *path.parents):
            assert spellings.setdefault(str(whole).upper(), str(whole)) == str(whole)
    assert len({str(path).upper() for path in taken}) == len(taken)


NAME = st.text(st.sampled_from("aA./\\:c"), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(NAME, st.one_of(st.binary(max_size=3), NAME)), max_size=5),
    st.sampled_from(["tar", "zip"]),
    st.booleans(),
)
def test_extract__any_names_and_links__all_below_the_target_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, Content]], suffix: str, windows: bool
) -> None:
    home = tmp_path_factory.mktemp("any")
    archive = make(home / f"a.{suffix}", entries)
    target = home / "deep" / "to"
    try:
        done = extract(archive, everything, target, Limits(windows=windows), sha256=None)
    except ArchiveError:
        assert sorted(path.name for path in home.iterdir()) == [archive.name]
        return
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_symlink() or path.is_file()}
    assert found == {one.path for one in done}
    assert {path.name for path in home.iterdir()} <= {archive.name, "deep"}
    for path in target.rglob("*"):
        assert path.resolve().is_relative_to(target.resolve())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\short", "C:\\short"),
        ("C:\\" + "x" * 250, "\\\\?\\C:\\" + "x" * 250),
        ("\\\\server\\share\\" + "x" * 250, "\\\\?\\UNC\\server\\share\\" + "x" * 250),
        ("\\\\?\\C:\\" + "x" * 250, "\\\\?\\C:\\" + "x" * 250),
    ],
    ids=["short", "long", "share", "already"],
)
def test_long_path__windows__takes_any_length(path: str, expected: str) -> None:
    assert str(long_path(PureWindowsPath(path), windows=True)) == expected  # type: ignore[type-var]


def test_long_path__elsewhere__is_left_alone() -> None:
    assert long_path(Path("/" + "x" * 300), windows=False) == Path("/" + "x" * 300)
