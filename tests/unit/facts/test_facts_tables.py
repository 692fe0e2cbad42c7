from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from gpuenv import facts
from gpuenv.model import parse_compute_capability

FOLDER = Path(facts.__file__).parent


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("NVIDIA GeForce RTX 3080", (8, 6)),
        ("RTX 3080", (8, 6)),
        ("rtx3080ti", (8, 6)),
        ("GeForce RTX 3080 Ti Laptop GPU", (8, 6)),
        ("NVIDIA A100-SXM4-40GB", (8, 0)),
        ("NVIDIA H100 80GB HBM3", (9, 0)),
        ("NVIDIA H100 PCIe", (9, 0)),
        ("Tesla V100-SXM2-16GB", (7, 0)),
        ("NVIDIA T4", (7, 5)),
        ("Tesla A100", (8, 0)),
        ("Quadro RTX 4000", (7, 5)),
        ("NVIDIA RTX 4000 Ada Generation", (8, 9)),
        ("NVIDIA RTX 4000 SFF Ada Generation", (8, 9)),
        ("Quadro RTX 3000 with Max-Q Design", (7, 5)),
        ("GeForce GTX 1060 6GB", (6, 1)),
        ("NVIDIA TITAN X (Pascal)", (6, 1)),
        ("GeForce GTX TITAN X", (5, 2)),
        ("GTX 1080 Ti", (6, 1)),
        ("NVIDIA RTX A2000 12GB", (8, 6)),
    ],
)
def test_capability_of_product__known_name__is_found(name: str, capability: tuple[int, int]) -> None:
    assert facts.capability_of_product(name) == capability


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("NVIDIA", id="maker only"),
        pytest.param("GeForce", id="brand only"),
        pytest.param("RTX 4000", id="Quadro or Ada"),
        pytest.param("RTX 6000", id="Quadro or Ada, too"),
        pytest.param("RTX 3080 Super", id="no such product"),
        pytest.param("RTX 308", id="cut off"),
        pytest.param("GeForce RTX 4000", id="right number, wrong brand"),
        pytest.param("GeForce GT 640", id="one of two chips"),
        pytest.param("Radeon RX 6800", id="another maker"),
    ],
)
def test_capability_of_product__unknown_or_ambiguous_name__is_none(name: str) -> None:
    assert facts.capability_of_product(name) is None


def test_gpu_products__every_row__is_found_by_its_own_name() -> None:
    table = rows("gpu_products.csv")
    expected = {row["name"]: parse_compute_capability(row["compute_capability"]) for row in table}
    assert len(expected) == len(table) > 250
    assert {name: facts.capability_of_product(name) for name in expected} == expected


def test_gpu_products__every_row__has_a_source_and_the_architecture_of_its_capability() -> None:
    for row in rows("gpu_products.csv"):
        assert set(row["sources"].split("|")) <= {"nvidia-derived", "wikipedia-copy"}, row
        assert facts.architecture_name(parse_compute_capability(row["compute_capability"])) == row["architecture"], row


@pytest.mark.parametrize(
    ("name", "first"),
    [("rtx 3o80", "GeForce RTX 3080"), ("GTX 1080i", "GeForce GTX 1080"), ("Tesla V1000", "Tesla V100")],
)
def test_product_suggestions__misspelt__right_one_first(name: str, first: str) -> None:
    assert facts.product_suggestions(name)[0] == first


def test_product_suggestions__nothing_alike__is_empty() -> None:
    assert facts.product_suggestions("banana") == ()


@pytest.mark.parametrize(
    ("capability", "linux", "windows"),
    [
        ((8, 6), "455.23", "456.38"),
        ((8, 0), "450.36.06", "451.22"),
        ((7, 5), "410.48", "411.31"),
        ((8, 9), "520.61.05", "520.06"),
        ((9, 0), "520.61.05", "520.06"),
        ((12, 0), "570.26", "570.65"),
    ],
)
def test_first_driver_for__capability__is_the_driver_of_its_first_cuda(capability, linux: str, windows: str) -> None:
    assert facts.first_driver_for(capability, "linux-64") == Version(linux)
    assert facts.first_driver_for(capability, "linux-aarch64") == Version(linux)
    assert facts.first_driver_for(capability, "win-64") == Version(windows)


@pytest.mark.parametrize(
    ("capability", "platform"),
    [
        pytest.param((8, 8), "linux-64", id="no such capability"),
        pytest.param((3, 5), "linux-64", id="older than the table of drivers"),
        pytest.param((11, 0), "win-64", id="CUDA 13 brings no driver for Windows"),
        pytest.param((8, 6), "osx-arm64", id="another system"),
    ],
)
def test_first_driver_for__not_in_the_tables__is_none(capability: tuple[int, int], platform: str) -> None:
    assert facts.first_driver_for(capability, platform) is None


@pytest.mark.parametrize(
    ("cuda_toolkit", "platform", "driver"),
    [
        ("11.0.3", "linux-64", "450.51.06"),
        ("11.0.3", "win-64", "451.82"),
        ("11.0", "linux-64", "450.36.06"),
        ("11.8.89", "linux-64", "520.61.05"),
        ("11.2", "win-64", "460.82"),
        ("13.0", "win-64", None),
        ("99.0", "linux-64", None),
        ("new", "linux-64", None),
    ],
)
def test_toolkit_driver__toolkit__gives_its_driver(cuda_toolkit: str, platform: str, driver: str | None) -> None:
    assert facts.toolkit_driver(cuda_toolkit, platform) == (Version(driver) if driver else None)


def test_architecture_name__capability__gives_name_or_none() -> None:
    assert facts.architecture_name((8, 6)) == "Ampere"
    assert facts.architecture_name((8, 9)) == "Ada Lovelace"
    assert facts.architecture_name((8, 8)) is None


def test_cuda_driver__each_row__has_versions_and_sources() -> None:
    for row in rows("cuda_driver.csv"):
        assert Version(row["cuda"]).release[:2] == Version(row["cuda_minor"]).release
        assert Version(row["toolkit_driver_linux"]) >= Version(row["min_driver_minor_compat_linux"])
        assert row["toolkit_driver_source"]
        assert row["min_driver_source"]


def test_compute_capability__file__names_its_sources() -> None:
    table = json.loads((FOLDER / "compute_capability.json").read_text(encoding="utf-8"))
    assert {"nvcc_range", "chips_arch", "arch_names"} <= table["sources"].keys()
    assert all(entry["arch"] and (entry["first_nvcc"] or entry["note"]) for entry in table["capabilities"])


def test_known_capabilities__tables__hold_those_of_compilers_and_of_products_in_order() -> None:
    known = facts.known_capabilities()
    assert list(known) == sorted(set(known))
    assert {(1, 0), (2, 1), (8, 6), (12, 1)} <= set(known)
    assert {parse_compute_capability(row["compute_capability"]) for row in rows("gpu_products.csv")} <= set(known)
    assert (9, 9) not in known


def test_known_cudas__table__is_every_minor_release_in_order() -> None:
    known = [str(one) for one in facts.known_cudas()]
    assert known[:2] == ["8.0", "9.0"]
    assert "11.8" in known
    assert "11.9" not in known


def test_first_driver_for__capability_whose_first_compiler_is_unknown__is_none() -> None:
    assert facts.first_driver_for((1, 0), "linux-64") is None


def test_import__facts__reads_no_table() -> None:
    code = "import sys, gpuenv.facts; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"csv", "difflib"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("driver", "platform", "expected"),
    [
        ("450.51.06", "linux-64", "11.0"),
        ("460.89", "win-64", "11.2"),
        ("455.22", "linux-64", "11.0"),
        ("455.23", "linux-64", "11.1"),
        ("300.0", "linux-64", None),
        ("460.89", "osx-64", None),
    ],
)
def test_cuda_driver_api__driver__is_that_of_the_newest_toolkit_it_came_with(
    driver: str, platform: str, expected: str | None
) -> None:
    assert facts.cuda_driver_api(Version(driver), platform) == (Version(expected) if expected else None)
