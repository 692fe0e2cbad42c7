"""The one module that imports py-rattler: a program that solves or installs conda packages, in a process of its own.

Of its own, because what rattler does in other threads goes on after an error or Ctrl-C, and would write into an
environment that is being taken back. A process can be ended, with all its threads.

Run as `python -m gpuenv.engines.rattler_worker`. Requests of `rattler_messages` come on standard input, a line each;
when that ends, so does the worker. What it has read of the channels for one request it knows for the next.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from gpuenv.engines.rattler_cache import cache_dir
from gpuenv.engines.rattler_messages import Answer, Channel, Install, Problem, Solve, Step
from gpuenv.engines.rattler_progress import Reporter
from gpuenv.model import CondaPackage

try:
    import rattler
    from rattler import exceptions
except ImportError as err:
    print(msgspec.json.encode(Answer(problem="install", text=str(err))).decode())
    sys.exit(0)


class Refused(Exception):
    """Something that the user has to know: what kind of problem, a text, and the names that it is about."""

    def __init__(self, problem: Problem, text: str, names: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.answer = Answer(_tool(), problem=problem, text=text, names=tuple(names))


class Rattler:
    """rattler with the user's own settings for mirrors, proxies, certificates and secrets. Raises Refused."""

    def __init__(self) -> None:
        try:
            self.config = rattler.Config.load_from_default_locations("rattler")
            self.client = rattler.Client.from_config(self.config)
        except Exception as err:
            raise Refused("config", str(err)) from err
        repodata = cache_dir(os.environ, Path.home()) / "repodata"
        self.gateway = rattler.Gateway.from_config(self.config, cache_dir=repodata, client=self.client)


@cache
def the_rattler() -> Rattler:
    """Return the one of this process, which remembers what it has read. Raises Refused."""
    return Rattler()


class Conda:
    """The channels of a request. Raises Refused."""

    def __init__(self, channels: Sequence[Channel], platform: str) -> None:
        self.rattler = the_rattler()
        self.channels = channels
        self.platforms = [rattler.Subdir(platform), rattler.Subdir("noarch")]
        self.addresses = [rattler.Channel(channel.address).base_url.rstrip("/") for channel in channels]

    def channel_of(self, text: str) -> str | None:
        """Return the name by which a channel was asked for whose address is in a record or a message."""
        known = zip(self.addresses, (channel.name for channel in self.channels), strict=True)
        found = [(address, name) for address, name in known if f"{address}/" in f"{text}/"]
        # `conda-forge` is also in the address of `conda-forge/label/rc`.
        return max(found, key=lambda one: len(one[0]))[1] if found else None

    def blamed(self, text: str) -> list[str]:
        """Return the channel that a message is about; all, where it names none (a mirror, say)."""
        name = self.channel_of(text)
        return [name] if name is not None else list(dict.fromkeys(channel.name for channel in self.channels))

    async def records(self, specs: Iterable[str]) -> list[rattler.RepoDataRecord]:
        """Return what the channels have for specs, without what it depends on."""
        try:
            found = await self.rattler.gateway.query(self.addresses, self.platforms, list(specs), recursive=False)
        except exceptions.GatewayError as err:
            raise Refused("channel", str(err), self.blamed(str(err))) from err
        return [record for records in found for record in records]


async def solve(request: Solve) -> Answer:
    """Find the packages. Raises Refused."""
    conda = Conda(request.channels, request.platform)
    specs = [parsed(spec) for spec in request.specs]
    try:
        records = await rattler.solve(
            conda.addresses,
            specs,
            gateway=conda.rattler.gateway,
            platforms=conda.platforms,
            virtual_packages=virtual_packages(request.platform, request.cuda),
        )
    except exceptions.GatewayError as err:
        raise Refused("channel", str(err), conda.blamed(str(err))) from err
    except exceptions.SolverError as err:
        missing = [spec for spec in request.specs if not await conda.records([spec])]
        raise Refused("missing" if missing else "unsolvable", str(err), missing) from err
    asked = {spec.name.normalized for spec in specs if spec.name is not None}
    found = [package_of(record, conda.channel_of(record.channel) or record.channel, asked) for record in records]
    unhashed = [f"{one.channel}/{one.subdir}/{one.file_name}" for one in found if not (one.sha256 or one.md5)]
    if unhashed:
        raise Refused("unhashed", "gpuenv installs nothing that it cannot check", unhashed)
    return Answer(_tool(), tuple(sorted(found, key=lambda package: package.name)))


def parsed(spec: str) -> rattler.MatchSpec:
    """Read a package as a recipe asks for it. Raises Refused."""
    try:
        return rattler.MatchSpec(spec)
    except exceptions.InvalidMatchSpecError as err:
        raise Refused("config", str(err), [spec]) from err


def virtual_packages(platform: str, cuda: str | None) -> list[rattler.GenericVirtualPackage]:
    """Return what the system is taken to have: for this platform what it has, or CONDA_OVERRIDE_* say.

    For another platform it is what conda-forge's packages of the last years need at least: glibc 2.17.
    """
    if platform == str(rattler.Subdir.current()):
        overrides = rattler.VirtualPackageOverrides.from_env()
        overrides.cuda = rattler.Override.string(cuda or "")  # else rattler would look for a driver itself
        found = [one.into_generic() for one in rattler.VirtualPackage.detect(overrides)]
        found = [one for one in found if one.name.normalized != "__cuda"]
    else:
        assumed = {"__archspec": ("1", "x86_64"), "__cuda": None}
        assumed |= {"__win": ("0", "0")} if platform.startswith("win") else {"__unix": ("0", "0")}
        assumed |= {} if platform.startswith("win") else {"__linux": ("4.18", "0"), "__glibc": ("2.17", "0")}
        found = [_virtual(name, *facts) for name, facts in assumed.items() if facts is not None]
    return [*found, *([_virtual("__cuda", cuda, "0")] if cuda else [])]


def package_of(record: rattler.RepoDataRecord, channel: str, asked: set[str]) -> CondaPackage:
    """Turn what rattler knows of a package into what a lock says of it."""
    return CondaPackage(
        name=record.name.normalized,
        version=str(record.version),
        build=str(record.build),
        channel=channel,
        subdir=record.subdir,
        file_name=record.file_name,
        sha256=record.sha256.hex() if record.sha256 else None,
        md5=record.md5.hex() if record.md5 else None,
        size_bytes=record.size,
        requested=record.name.normalized in asked,
    )


async def install(request: Install) -> Answer:
    """Install the packages, each with its hash checked. Raises Refused."""
    conda = Conda(request.channels, request.platform)
    records = await locked_records(conda, request.packages)
    reporter = Reporter({package.name: package.size_bytes for package in request.packages}, say)
    try:
        await rattler.install(
            records,
            request.prefix,
            cache_dir=cache_dir(os.environ, Path.home()) / "pkgs",
            platform=conda.platforms[0],
            client=conda.rattler.client,
            config=conda.rattler.config,
            reporter=reporter,
            execute_link_scripts=False,
        )
    except exceptions.InstallerError as err:
        raise Refused(_kind(str(err)), str(err), conda.blamed(str(err))) from err
    return Answer(_tool(), request.packages)


async def locked_records(conda: Conda, packages: Sequence[CondaPackage]) -> list[rattler.RepoDataRecord]:
    """Find the packages of a lock in their channels. Raises Refused where one is gone, or another file by now."""
    specs = [f"{package.name} =={package.version} {package.build}" for package in packages]
    known = {(conda.channel_of(one.channel), one.subdir, one.file_name): one for one in await conda.records(specs)}
    places = [(package, f"{package.channel}/{package.subdir}/{package.file_name}") for package in packages]
    found = [known.get((package.channel, package.subdir, package.file_name)) for package in packages]
    gone = [place for (_, place), record in zip(places, found, strict=True) if record is None]
    if gone:
        raise Refused("missing", "the channel does not have it any more", gone)
    records = [record for record in found if record is not None]
    for (package, place), record in zip(places, records, strict=True):
        for name, locked, has in (("sha256", package.sha256, record.sha256), ("md5", package.md5, record.md5)):
            if locked and has and locked != has.hex():
                raise Refused("changed", f"the lock pins {name} {locked}, the channel has {has.hex()}", [place])
    return records


def say(line: Step | Answer) -> None:
    """Write a line about progress, or the answer."""
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def _virtual(name: str, version: str, build: str) -> rattler.GenericVirtualPackage:
    return rattler.GenericVirtualPackage(
        rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build)
    )


def _kind(text: str) -> Problem:
    """Tell from rattler's words what went wrong with an installation. The texts are rattler's own, as of 0.28."""
    if "No space left" in text or "os error 28" in text or "os error 112" in text:
        return "full"
    if "hash mismatch" in text:
        return "damaged"
    return "channel" if "failed to fetch" in text else "failed"


def _tool() -> str:
    return f"py-rattler {rattler.__version__}"


def main() -> None:
    """Carry out requests and say the answers, one after the other, until nobody is there to ask."""
    requests: queue.SimpleQueue[Solve | Install] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        request = requests.get()
        try:
            answer = asyncio.run(solve(request) if isinstance(request, Solve) else install(request))
        except Refused as refused:
            answer = refused.answer
        say(answer)


def _listen(requests: queue.SimpleQueue[Solve | Install]) -> None:
    """Take requests until there are no more, because whoever asked has what it wanted, gave up, or was killed."""
    for line in sys.stdin.buffer:
        requests.put(msgspec.json.decode(line, type=Solve | Install))
    # Not `sys.exit`: other threads may still be writing packages, and nobody wants them any more.
    os._exit(0)


if __name__ == "__main__":
    main()
