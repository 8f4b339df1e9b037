"""What the canary concludes from a milter's answers and from the tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.doctor import canary as canary_module
from sendlimit.doctor.canary import CANARY, canary
from sendlimit.rules.reply import UNAVAILABLE_TEXT
from sendlimit.store.connection import Connection, open_connection
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.migrations import upgrade
from support.doubles.milter import scripted_milter

_NOW = 1_795_000_000


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon counts in these tables: it is not worth waiting for."""
    monkeypatch.setattr(canary_module, "_COUNTED_S", 0.05)
    monkeypatch.setattr(canary_module, "_GIVEN_BACK_S", 0.05)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Empty tables, in which no daemon counts."""
    location = SQLiteLocation(str(tmp_path / "sendlimit.db"))
    opened = open_connection(location)
    upgrade(opened, location)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"c", "canary-uncounted"),
        (b"a", "canary-uncounted"),
        (b"y450 4.7.1 Limit reached\0", "canary-refused"),
        (f"y451 4.3.0 {UNAVAILABLE_TEXT}\0".encode(), "canary-uncounted"),
        (None, "canary-lost"),
    ],
    ids=["accepted", "exempt", "limit", "tempfail", "lost"],
)
def test_canary(tmp_path: Path, connection: Connection, answer: bytes | None, code: str) -> None:
    """What a daemon answers that does not count is told apart."""
    config = Config.model_validate({"milter": {"socket": f"unix:{tmp_path}/s"}})
    with scripted_milter(tmp_path / "s", answer) as milter:
        check = canary(connection, config, _NOW)

    assert [finding.code for finding in check.findings] == [code]
    assert CANARY.encode() in milter.packets[2]


def test_refused_at_the_end(tmp_path: Path, connection: Connection) -> None:
    """With reply.at = "end-of-message" MAIL passes, and the tables tell of the refusal."""
    config = Config.model_validate({"milter": {"socket": f"unix:{tmp_path}/s"}})
    connection.execute(
        "INSERT INTO er_refusal (scope, subject, unit, `window`, period_start, `limit`, first_at,"
        " last_at, attempts, last_mailbox) VALUES ('global', '*', 'messages', 'day',"
        " '2026-11-18 00:00:00', 0, '2026-11-18 00:00:00', '2026-11-19 00:00:00', 1, %s)",
        (CANARY,),
    )
    with scripted_milter(tmp_path / "s", b"c"):
        check = canary(connection, config, _NOW)

    assert [finding.code for finding in check.findings] == ["canary-refused"]


def test_kept(tmp_path: Path) -> None:
    """A canary that stays counted is an error."""
    config = Config.model_validate({"milter": {"socket": f"unix:{tmp_path}/s"}})

    class Counting:
        """The tables, in which a daemon counts between the first look and the next."""

        looks = 0

        def execute(self, statement: str, params: tuple[object, ...] = ()) -> list[tuple[int]]:
            """Count the canary from the second look on."""
            assert (statement, params) != ("", ())
            self.looks += 1
            return [(int(self.looks > 1),)]

    with scripted_milter(tmp_path / "s", b"c"):
        check = canary(Counting(), config, _NOW)  # type: ignore[arg-type] # all that it asks

    assert [finding.code for finding in check.findings] == ["canary-kept"]
