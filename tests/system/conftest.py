"""The daemon that the tests of a module share, behind the private Postfix."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.milter_client import MilterClient
from support.rig.postfix import PrivatePostfix
from support.rig.process import running


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
