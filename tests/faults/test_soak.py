"""A day in small: steady mail with all endings mixed leaves no trace but the right counts."""

from pathlib import Path

import pytest

from stress.soak import soak
from support.rig.counters import Counters, in_mariadb
from support.rig.mailboxes import FreshDomain
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.postfix import PrivatePostfix


@pytest.fixture
def counters(mariadb: PrivateMariaDB, database: Database) -> Counters:
    """Empty tables in MariaDB."""
    return in_mariadb(mariadb, database)


@pytest.mark.postfix
@pytest.mark.mariadb
@pytest.mark.parametrize(
    "seconds", [10, pytest.param(180, marks=[pytest.mark.soak, pytest.mark.timeout(400)])]
)
def test_soak(
    folder: Path, counters: Counters, postfix: PrivatePostfix, domain: FreshDomain, seconds: int
) -> None:
    """Memory, threads and descriptors are where they were; every counter is right."""
    found = soak(folder, counters, postfix, domain.alice, seconds=seconds)

    assert found.traffic.accepted > 0
    assert found.load.refused > 0
    assert all(found.load.endings.values())
