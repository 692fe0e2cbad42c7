from __future__ import annotations

from pathlib import Path

import pytest

from gpuenv.engines.conda_channels import Channels, read_channels
from gpuenv.errors import UsageError

ACME = Channels("https://conda.acme.example/", {"acme": "https://packages.acme.example"}, ("https://mirror.example/m",))


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        pytest.param("conda-forge", ("https://conda.acme.example/conda-forge",), id="name"),
        pytest.param("conda-forge/label/rc", ("https://conda.acme.example/conda-forge/label/rc",), id="label"),
        pytest.param("acme", ("https://packages.acme.example/acme",), id="custom"),
        pytest.param("acme/label/test", ("https://packages.acme.example/acme/label/test",), id="label of a custom one"),
        pytest.param("defaults", ("https://mirror.example/m",), id="defaults"),
        pytest.param("https://other.example/c/", ("https://other.example/c",), id="address"),
        pytest.param("/srv/my channel", ("file:///srv/my%20channel",), id="directory"),
    ],
)
def test_addresses__names_addresses_and_directories__by_the_users_settings(
    channel: str, expected: tuple[str, ...]
) -> None:
    assert ACME.addresses(channel) == expected


@pytest.mark.parametrize(
    ("channel", "expected"), [("conda-forge", ("conda-forge",)), ("defaults", ("main", "r"))], ids=["name", "defaults"]
)
def test_addresses__nothing_set__names_stay_names(channel: str, expected: tuple[str, ...]) -> None:
    assert Channels().addresses(channel) == expected


def test_addresses__relative_directory__is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Channels().addresses("./own") == ((tmp_path / "own").as_uri(),)


@pytest.mark.parametrize("address", ["https://host.example/t/tk-12345/own", "https://me:secret@host.example/own"])
def test_addresses__secret_in_it__is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="holds a password or token") as caught:
        Channels().addresses(address)
    said = f"{caught.value.message} {caught.value.cause} {caught.value.hints}"
    assert "tk-12345" not in said
    assert "secret@" not in said


def test_read_channels__several_files__the_last_one_wins(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "root"
    files = {
        root / ".condarc": "channel_alias: https://root.example\ncustom_channels: {acme: https://a.example}\n",
        home / ".conda" / ".condarc": "channel_alias: https://dir.example\ndefault_channels: [https://d.example]\n",
        home / ".condarc": "custom_channels: {own: https://o.example}\nchannels: [conda-forge]\n",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = read_channels({"CONDA_ROOT": str(root)}, home)
    custom = {"acme": "https://a.example", "own": "https://o.example"}
    assert found == Channels("https://dir.example", custom, ("https://d.example",))
    (tmp_path / "given.yaml").write_text("channel_alias: https://given.example\n")
    assert read_channels({"CONDARC": str(tmp_path / "given.yaml")}, home).alias == "https://given.example"
    assert read_channels({"CONDA_CHANNEL_ALIAS": "https://env.example"}, home).alias == "https://env.example"


@pytest.mark.parametrize("text", ["", "- a list\n", "channels: [unclosed\n", "\x00"])
def test_read_channels__file_says_nothing_usable__is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / ".condarc").write_text(text)
    assert read_channels({}, tmp_path) == read_channels({}, tmp_path / "nowhere")
