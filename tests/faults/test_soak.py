"""24 hours in small: ten seconds of `script/bench --soak`."""

from pathlib import Path

import pytest
from bench.soak import soak

from rig.counters import in_mariadb
from rig.mariadb import Database, PrivateMariaDB

SECONDS = 10


@pytest.mark.mariadb
def test_steady_mail(folder: Path, mariadb: PrivateMariaDB, database: Database) -> None:
    """After steady mail with all endings memory, threads, descriptors and counters are right."""
    found = soak(folder, in_mariadb(mariadb, database), seconds=SECONDS)

    assert found.load.decisions > SECONDS * 10
    assert found.most.descriptors > found.after.descriptors
