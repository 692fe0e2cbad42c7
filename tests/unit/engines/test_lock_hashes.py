from __future__ import annotations

from gpuenv.engines.lock_hashes import fitting_hashes, sdists_beside_wheels

WHEELS = {
    "cffi-1.17.1-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "a" * 64,
    "cffi-1.17.1-cp310-cp310-musllinux_1_1_x86_64.whl": "b" * 64,
    "cffi-1.17.1-cp310-cp310-win_amd64.whl": "c" * 64,
    "cffi-1.17.1-cp39-cp39-manylinux2014_x86_64.whl": "d" * 64,
    "cffi-1.17.1-cp37-abi3-manylinux2014_x86_64.whl": "e" * 64,
}
SDIST = "f" * 64
LISTED = {
    "packages": [
        {
            "name": "cffi",
            "wheels": [{"url": f"https://x/{name}", "hashes": {"sha256": one}} for name, one in WHEELS.items()],
            "sdist": {"url": "https://x/cffi-1.17.1.tar.gz", "hashes": {"sha256": SDIST}},
        },
        {"name": "wrapt", "sdist": {"url": "https://x/wrapt-1.12.1.tar.gz", "hashes": {"sha256": "1" * 64}}},
        {"name": "h5py", "sdist": {"url": "https://x/h5py-3.16.0.tar.gz", "hashes": {"sha256": "2" * 64}}},
    ]
}


def entry(pin: str, *hashes: str) -> str:
    return " \\\n".join([pin, *(f"    --hash=sha256:{one}" for one in hashes)]) + "\n"


TEXT = (
    entry("cffi==1.17.1", *WHEELS.values(), SDIST)
    + entry("wrapt==1.12.1 ; python_version < '3.11'", "1" * 64)
    + entry("h5py==3.16.0", "2" * 64, "3" * 64)
    + entry("unlisted==1.0", "4" * 64, "5" * 64)
)


def test_fitting_hashes__linux__wheels_for_that_python_only() -> None:
    expected = (
        entry("cffi==1.17.1", "a" * 64, "e" * 64)
        + entry("wrapt==1.12.1 ; python_version < '3.11'", "1" * 64)
        + entry("h5py==3.16.0", "2" * 64)
        + entry("unlisted==1.0", "4" * 64, "5" * 64)
    )
    assert fitting_hashes(TEXT, LISTED, "linux-64", "3.10") == expected


def test_fitting_hashes__windows__its_wheel() -> None:
    assert fitting_hashes(TEXT, LISTED, "win-64", "3.10").startswith(entry("cffi==1.17.1", "c" * 64))


def test_fitting_hashes__no_wheel_fits__sdist() -> None:
    assert fitting_hashes(TEXT, LISTED, "win-64", "3.9").startswith(entry("cffi==1.17.1", SDIST))


def test_sdists_beside_wheels__release_with_wheels_for_others__is_one() -> None:
    assert sdists_beside_wheels(TEXT, LISTED) == {"h5py"}
