"""Which checks are made of an installation, and which are left out because of earlier ones."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sendlimit.config.reading import load
from sendlimit.doctor.check import Check
from sendlimit.doctor.examination import Examination
from sendlimit.errors import SchemaError, StoreError, StoreUnavailable
from sendlimit.store.connection import Connection
from sendlimit.store.migrations import schema_version
from support.command_samples import CONFIG, NOW
from support.real_stores import open_tables

Examine = Callable[[], Examination]


@pytest.fixture
def examine(tmp_path: Path) -> Examine:
    """Examinations of a server with a SQLite store with tables, and without a daemon."""
    config = tmp_path / "sendlimit.toml"
    url = f"sqlite://{tmp_path}/sendlimit.db"
    config.write_text(CONFIG.format(folder=tmp_path, url=url))
    config.chmod(0o600)

    def examination() -> Examination:
        return Examination(
            path=config,
            config=load(config),
            connect=lambda: closing(open_tables(url)),
            clock=lambda: NOW,
        )

    return examination


def states(checks: Iterator[Check]) -> dict[str, str]:
    """Return "ok" or the code of the first finding, by check."""
    return {check.name: check.findings[0].code if check.findings else "ok" for check in checks}


def failing(error: StoreError) -> Callable[[], closing[Connection]]:
    """Return what can't open the database."""

    def connect() -> closing[Connection]:
        raise error

    return connect


def renewed(examination: Examination, connect: Callable[[], closing[Connection]]) -> Examination:
    """Return the same examination with another way to the database."""
    return Examination(
        path=examination.path,
        config=examination.config,
        connect=connect,
        clock=examination.clock,
    )


def test_in_short(examine: Examine) -> None:
    """The short form has one check for each layer, Postfix is not among them."""
    assert states(examine().in_short()) == {
        "file": "ok", "database": "ok", "tables": "ok", "rights": "ok", "limits": "ok",
        "daemon": "daemon",
    }  # fmt: skip


def test_in_short_without_database(examine: Examine) -> None:
    """Without the database its tables are left out, and the limits are those of the file."""
    away = renewed(examine(), failing(StoreUnavailable("away")))
    assert states(away.in_short()) == {
        "file": "ok", "database": "database", "limits": "ok", "daemon": "daemon",
    }  # fmt: skip


def test_in_short_without_file(examine: Examine) -> None:
    """SQLite's file that is not there yet is a finding about the database."""
    missing = renewed(examine(), failing(SchemaError("no such file")))
    (database,) = (check for check in missing.in_short() if check.name == "database")
    assert database.findings[0].remedy == "sendlimit db init"


def test_older_tables(examine: Examine) -> None:
    """Tables of another version are not read: rights and the database's limits are left out."""
    examination = examine()
    with examination.connect() as connection:
        connection.execute("INSERT INTO er_schema_version (version) VALUES (99)")
        assert schema_version(connection) == 99
    assert states(examination.in_short())["tables"] == "schema"
    assert "rights" not in states(examination.in_short())
    made = states(examination.installation(seen_within_s=1, with_canary=False))
    assert list(made)[-1] == "tables"


def test_installation(examine: Examine) -> None:
    """Without a daemon what only it could answer is left out: reload and canary."""
    made = states(examine().installation(seen_within_s=1, with_canary=True))
    assert made | {"clock": "", "latency": ""} == {
        "file": "ok", "modes": "ok", "mode": "ok", "logins": "ok", "daemon": "daemon", "database": "ok",
        "encryption": "ok", "latency": "", "clock": "", "tables": "ok", "rights": "ok", "rows": "ok", "limits": "ok",
        "mail": "no-mail",
    }  # fmt: skip


def test_unsafe_password_is_not_used(examine: Examine, tmp_path: Path) -> None:
    """A secret that every local user can read ends the examination before the database."""
    secret = tmp_path / "password"
    secret.touch(mode=0o644)
    config = examine().path
    config.write_text(config.read_text().replace("[store]", f'[store]\npassword_file = "{secret}"'))
    made = states(examine().installation(seen_within_s=1, with_canary=False))
    assert (made["modes"], list(made)[-1]) == ("secret-mode", "daemon")


def test_no_postfix(examine: Examine, tmp_path: Path) -> None:
    """Where Postfix can't be read that is the only finding about it."""
    assert states(examine().attachment(tmp_path / "none", None)) == {"postfix": "postfix"}
