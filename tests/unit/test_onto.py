from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv.errors import UnsolvableError
from gpuenv.model import Built, Change, Lock, Package
from gpuenv.onto import changes


@pytest.fixture
def built(tmp_path: Path) -> Built:
    site_packages = tmp_path / "lib" / "python3.8" / "site-packages"
    site_packages.mkdir(parents=True)
    return Built(tmp_path, tmp_path / "bin" / "python", Version("3.8.18"), site_packages, "linux-64")


def install(built: Built, name: str, version: str, *requires: str, installer: str = "pip") -> None:
    info = built.site_packages / f"{name}-{version}.dist-info"
    info.mkdir()
    needed = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}")
    (info / "INSTALLER").write_text(f"{installer}\n")


def lock(**packages: str) -> Lock:
    return Lock("", tuple(Package(name, version, ()) for name, version in packages.items()), "solved")


def test_changes__other_versions__listed_by_name(built: Built) -> None:
    install(built, "Six", "1.17.0")
    install(built, "numpy", "1.19.5", installer="conda")
    install(built, "absl_py", "0.1")
    assert changes(built, lock(six="1.15.0", numpy="1.19.5", **{"absl-py": "0.15.0", "wheel": "0.40"})) == (
        Change("absl-py", "0.1", "0.15.0"),
        Change("six", "1.17.0", "1.15.0"),
    )


def test_changes__same_version_in_other_words__is_none(built: Built) -> None:
    install(built, "six", "1.15", installer="conda")
    assert changes(built, lock(six="1.15.0")) == ()


def test_changes__package_of_condas__cannot_be_replaced(built: Built) -> None:
    install(built, "numpy", "1.24.4", installer="conda")
    with pytest.raises(UnsolvableError) as raised:
        changes(built, lock(numpy="1.19.5"))
    assert raised.value.cause == "`numpy` 1.24.4 is a conda package here, the stack needs 1.19.5"


@pytest.mark.parametrize(
    ("requirement", "breaks"),
    [
        pytest.param("numpy>=1.20", True, id="met now and not then"),
        pytest.param("NumPy >=1.20,<2", True, id="another spelling"),
        pytest.param("numpy>=1.17", False, id="met now and then"),
        pytest.param("numpy>=2", False, id="not met now either"),
        pytest.param('numpy>=1.20; python_version >= "3.9"', False, id="for another Python"),
        pytest.param('numpy>=1.20; python_version < "3.9"', True, id="for this Python"),
        pytest.param('numpy>=1.20; extra == "fast"', False, id="of an extra"),
        pytest.param("scipy>=1", False, id="of something else"),
        pytest.param("numpy>=1.20=", False, id="of other times"),
    ],
)
def test_changes__what_stays_needs_something__as_it_says(built: Built, requirement: str, breaks: bool) -> None:
    install(built, "numpy", "1.24.4")
    install(built, "pandas", "2.0.3", requirement)
    if not breaks:
        assert len(changes(built, lock(numpy="1.19.5"))) == 1
        return
    with pytest.raises(UnsolvableError) as raised:
        changes(built, lock(numpy="1.19.5"))
    assert "`pandas` 2.0.3 needs" in str(raised.value.cause)
    assert str(raised.value.cause).endswith("the stack has 1.19.5")


def test_changes__package_of_the_stack_itself__is_not_asked_what_it_needs(built: Built) -> None:
    install(built, "numpy", "1.24.4")
    install(built, "tensorflow", "2.11.0", "numpy>=1.20")
    assert len(changes(built, lock(numpy="1.19.5", tensorflow="2.4.0"))) == 2
