"""The daemon that the tests of a module share; an installation on a copy of this system."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.installation import (
    INSTALL,
    OFFLINE,
    ScratchServer,
    download,
    scratch_system,
    server_on,
    unpacked_release,
)
from support.rig.milter_client import MilterClient
from support.rig.postfix import PrivatePostfix
from support.rig.process import private_folder, running
from support.rig.scratch_system import ScratchSystem

_NO_NETWORK = ("unshare", "--net")  # not even a loopback interface that is up


@pytest.fixture(scope="module")
def daemon(
    request: pytest.FixtureRequest,
    module_folder: Path,
    postfix: PrivatePostfix,
    shared_store: Counters,
) -> Iterator[Sendlimit]:
    """A daemon with the tables of configuration in the module's SETTINGS."""
    settings = configuration(
        module_folder, postfix.milter_socket, shared_store.settings, **request.module.SETTINGS
    )
    with running(Sendlimit(module_folder, settings)) as daemon:
        yield daemon


@pytest.fixture
def milter(daemon: Sendlimit, postfix: PrivatePostfix) -> Iterator[MilterClient]:
    """A connection to the daemon's socket, as Postfix would have it."""
    assert daemon.process.is_running
    with MilterClient(postfix.milter_socket) as client:
        yield client


@pytest.fixture(scope="session")
def distributions() -> Path:
    """Folder with the files that the lock files name."""
    return download()


@pytest.fixture(scope="session")
def release() -> Iterator[Path]:
    """An unpacked release."""
    with unpacked_release() as folder:
        yield folder


@pytest.fixture(scope="session")
def built(release: Path, distributions: Path) -> Iterator[Path]:
    """Folder of the program as a first installation builds it, without a network, for further ones."""
    with private_folder("built") as kept, scratch_system(release, distributions) as system:
        system.run(*_NO_NETWORK, INSTALL, "--wheels", OFFLINE["PIP_FIND_LINKS"], "--no-attach")
        assert system.run("sendlimit", "db", "status").stdout
        current = system.path("/opt/sendlimit/current")
        shutil.copytree(
            current.parent / current.readlink(), kept / current.readlink(), symlinks=True
        )
        yield kept / current.readlink()


@pytest.fixture
def system(release: Path, distributions: Path) -> Iterator[ScratchSystem]:
    """A copy of this system with the release in it; nothing is installed."""
    with scratch_system(release, distributions) as system:
        yield system


@pytest.fixture
def server(system: ScratchSystem, folder: Path, dovecot: PrivateDovecot) -> ScratchServer:
    """Debian's Postfix with a submission service that offers AUTH; nothing is started."""
    return server_on(system, folder, dovecot.sasl_path)
