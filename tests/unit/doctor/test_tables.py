"""What the doctor says about the database and what it reads there."""

import pytest

from sendlimit.config import Config
from sendlimit.doctor import tables
from sendlimit.errors import ConfigError, NoSuchTable, StoreDenied, StoreUnavailable
from sendlimit.store import SCHEMA_VERSION
from sendlimit.store.health import LastActivity
from sendlimit.store.location import Location, MariaDBLocation, SQLiteLocation, parse_url
from support.counting_samples import BERLIN, moment

MARIADB = parse_url("mariadb://sendlimit@db1:3306,db2:3306/sendlimit")
LOCAL = parse_url("mariadb://sendlimit@localhost/sendlimit?unix_socket=/run/mysqld/mysqld.sock")
SQLITE = SQLiteLocation("/var/lib/sendlimit/sendlimit.db")
NOW = moment("2026-11-22 12:30", "Europe/Berlin")
TODAY = moment("2026-11-22 00:00", "Europe/Berlin")
DAY_S = 86400


@pytest.mark.parametrize(
    ("location", "failure", "remedy"),
    [
        (LOCAL, StoreUnavailable("gone"), "systemctl start mariadb"),
        (MARIADB, StoreUnavailable("gone"), "see that the server runs"),
        (LOCAL, StoreDenied("Access denied"), "sendlimit db init --admin-url"),
        (SQLITE, StoreUnavailable("gone"), "see that the daemon's user may write"),
        (LOCAL, ConfigError(["can't be read"]), "run this as root"),
    ],
    ids=["here", "elsewhere", "denied", "sqlite", "secret"],
)
def test_unreachable(location: Location, failure: Exception, remedy: str) -> None:
    """What mends a database that can't be reached depends on where it is and what it says."""
    (finding,) = tables.unreachable(location, failure).findings

    assert finding.remedy.startswith(remedy)
    assert finding.severity == "error"


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        (None, "sendlimit db init"),
        (SCHEMA_VERSION - 1, "sendlimit db upgrade"),
        (SCHEMA_VERSION + 1, "install the newer sendlimit that made these tables"),
    ],
)
def test_tables(version: int | None, remedy: str) -> None:
    """Missing, old and new tables have three remedies."""
    (finding,) = tables.tables(LOCAL, version).findings

    assert (finding.code, finding.remedy) == ("schema", remedy)


def test_damaged_tables() -> None:
    """Of tables of the right version one is missing: 'db init' would find nothing to do."""
    failure = NoSuchTable(f"{LOCAL}: Table 'er_counter' doesn't exist")
    (finding,) = tables.damaged(LOCAL, failure).findings

    assert finding.problem == "Table 'er_counter' doesn't exist"
    assert "db init --print" in finding.remedy


def test_right_tables() -> None:
    """The version that this release needs is fine."""
    assert tables.tables(LOCAL, SCHEMA_VERSION).message == f"version {SCHEMA_VERSION}"


def test_rights() -> None:
    """What is missing is named; an admin of the same server grants it."""
    (finding,) = tables.rights(LOCAL, ["DELETE on er_counter"]).findings

    assert "DELETE on er_counter" in finding.problem
    assert finding.remedy == (
        "sendlimit db init --admin-url"
        " 'mariadb://root@localhost?unix_socket=/run/mysqld/mysqld.sock'"
    )
    (elsewhere,) = tables.rights(MARIADB, ["DELETE on er_counter"]).findings
    assert elsewhere.remedy.endswith(" mariadb://root@db1:3306")
    assert tables.rights(LOCAL, []).findings == ()
    assert tables.rights(SQLITE, ["DELETE on er_counter"]).has_errors


@pytest.mark.parametrize(
    ("url", "cipher", "message"),
    [
        ("mariadb://u@db1/d", "", None),
        ("mariadb://u@localhost,db1/d", "", None),
        ("mariadb://u@127.0.0.1,[::1]/d", "", "not needed, the database is on this host"),
        ("mariadb://u@db1/d?unix_socket=/s", "", "not needed, the database is on this host"),
        ("mariadb://u@db1/d?tls=required", "TLS_X", "TLS_X, the server is not verified"),
        ("mariadb://u@db1/d?tls=verify-ca", "TLS_X", "TLS_X, the server is verified"),
    ],
)
def test_encryption(url: str, cipher: str, message: str | None) -> None:
    """A connection over a network that is not encrypted is a warning; how far TLS goes is said."""
    location = parse_url(url)
    assert isinstance(location, MariaDBLocation)
    check = tables.encryption(location, cipher)

    if message is None:
        assert [finding.code for finding in check.findings] == ["unencrypted"]
        assert not check.has_errors
    else:
        assert (check.findings, check.message) == ((), message)


def test_latency() -> None:
    """A slow database is a warning; SQLite's file is not slow."""
    assert tables.latency(LOCAL, tables.SLOW_S).findings == ()
    (finding,) = tables.latency(LOCAL, 0.123).findings
    assert (finding.severity, finding.problem) == ("warning", "123.0 ms a round trip")


@pytest.mark.parametrize(("ahead", "words"), [(60, "60 s ahead of"), (-6, "6 s behind")])
def test_clocks(ahead: int, words: str) -> None:
    """Clocks that are apart are a warning with the direction."""
    (finding,) = tables.clocks(LOCAL, ahead).findings

    assert words in finding.problem
    assert tables.clocks(LOCAL, tables.CLOCKS_APART_S).findings == ()


def test_reload() -> None:
    """The daemon's limits are those of the file, or it has not loaded it."""
    config = Config.model_validate(
        {"limits": {"global": {"messages_per_day": 999}, "mailbox": {"messages_per_day": 100}}}
    )
    rows = [
        ("*", "global", "messages", "day", 999, 0),
        ("*", "mailbox", "messages", "day", 100, 0),
    ]

    assert tables.reload(config, rows[:1]).findings[0].code == "old-limits"
    assert tables.reload(config, rows).findings == ()


@pytest.mark.parametrize(
    ("seen", "latest"),
    [
        (LastActivity(None, None, None), "has ever been counted"),
        (LastActivity(None, NOW, None), "has ever been counted"),
        (LastActivity(TODAY, NOW - 60, None), None),
        (LastActivity(TODAY, None, None), None),
        (LastActivity(TODAY - DAY_S, NOW, None), None),  # it may have been at 23:59
        (LastActivity(TODAY - DAY_S, NOW - 2 * DAY_S, None), "since 2026-11-20 12:30"),
        (LastActivity(TODAY - 2 * DAY_S, NOW, None), "since 2026-11-21 00:00"),
        (LastActivity(TODAY - 9 * DAY_S, NOW, NOW - 60), None),
    ],
    ids=["never", "only-a-canary", "now", "purged", "yesterday", "stopped", "idle", "refused"],
)
def test_mail(seen: LastActivity, latest: str | None) -> None:
    """It warns when no mail of a login can have come within the span."""
    check = tables.mail(seen, BERLIN, NOW, DAY_S)

    if latest is None:
        assert check.findings == ()
    else:
        assert check.findings[0].problem.endswith(latest)
        assert not check.has_errors
