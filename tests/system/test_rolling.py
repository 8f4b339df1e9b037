"""Rolling windows on real parts, some with a clock that the test sets (R19)."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from bench import load

from support.rig.clock import SettableClock
from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.postfix import PrivatePostfix
from support.rig.process import running
from support.rig.smtp import SmtpClient

ALICE = "alice@example.org"
LIMIT = 300
MAILS = 900
DEADLINE_S = 90
_STEPS = (
    "SELECT period_start, used FROM er_counter WHERE subject = %s AND `window` = 'rolling_day'"
    " AND used > 0 ORDER BY period_start"
)


@pytest.mark.postfix
def test_no_double_allowance_around_midnight(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """What passes at 13:20 and 23:50 is held against her until its hour has left, also after a restart."""
    clock = SettableClock(folder, "Europe/Berlin")
    clock.set("2026-11-22 13:20:00")
    settings = configuration(
        folder,
        postfix.milter_socket,
        store.settings,
        limits={"mailbox": {"messages_per_rolling_day": 3}},
        calendar={"timezone": "Europe/Berlin"},
    )
    daemon = Sendlimit(folder, settings, env=clock.env)
    with running(daemon), SmtpClient(postfix.submission_port, domain.alice) as client:

        def send() -> int:
            return client.send_mail(domain.alice, ["r@example.com"]).code

        assert send() == 250
        assert client.mail(domain.alice).code == 250
        clock.set("2026-11-22 23:50:00")
        assert client.rset().code == 250
        assert [send(), send(), send()] == [250, 250, 450]
        for refused_at in ("2026-11-23 00:05:00", "2026-11-23 13:59:59"):
            clock.set(refused_at)
            refused = client.mail(domain.alice)
            assert refused.code == 450
            assert "3 of 3 messages" in refused.text
            assert "in any 24 hours" in refused.text
            assert "from 2026-11-23 14:00 CET" in refused.text
        clock.set("2026-11-23 14:00:00")
        assert [send(), send()] == [250, 450]
    with (
        running(Sendlimit(folder, settings, env=clock.env)),
        SmtpClient(postfix.submission_port, domain.alice) as client,
    ):
        refused = client.mail(domain.alice)
        assert refused.code == 450
        assert "from 2026-11-24 00:00 CET" in refused.text
        clock.set("2026-11-24 00:00:00")
        assert client.mail(domain.alice).code == 250
    assert not daemon.lines("fault|Traceback|store-down")
    found = [(str(start)[:16], used) for start, used in store.query(_STEPS, domain.alice)]
    assert found[:3] == [
        ("2026-11-22 12:00", 1),
        ("2026-11-22 22:00", 2),
        ("2026-11-23 13:00", 1),
    ]


@pytest.mark.postfix
def test_observe(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """Mode = "observe": the log says what would be refused, and everything passes."""
    settings = configuration(
        folder,
        postfix.milter_socket,
        store.settings,
        limits={"mailbox": {"recipients_per_rolling_hour": 2}},
        mode="observe",
    )
    with (
        running(Sendlimit(folder, settings)) as daemon,
        SmtpClient(postfix.submission_port, domain.alice) as client,
    ):
        recipients = [f"r{number}@example.com" for number in range(3)]
        assert client.send_mail(domain.alice, recipients).code == 250
        assert daemon.lines("would-refuse .*unit=recipients window=rolling_hour limit=2")


def test_killed(folder: Path, store: Counters) -> None:
    """After kill -9 right behind three grants from memory: the next start has them from the crash journal."""
    clock = SettableClock(folder, "UTC")
    clock.set("2026-11-22 13:20:00")
    settings = configuration(
        folder,
        folder / "milter.sock",
        store.settings,
        limits={"domain": {"messages_per_rolling_hour": 3}},
    )
    daemon = Sendlimit(folder, settings, env=clock.env)
    with running(daemon):
        with MilterClient(folder / "milter.sock") as session:
            assert [session.send_mail(ALICE).kind for _ in range(3)] == ["continue"] * 3
            daemon.kill()
        clock.set("2026-11-22 13:21:00")
        daemon.start()
        with MilterClient(folder / "milter.sock") as session:
            assert session.send_mail(ALICE).kind == "reply"
            clock.set("2026-11-22 14:20:59")
            assert session.send_mail(ALICE).kind == "reply"
            clock.set("2026-11-22 14:21:00")
            assert session.send_mail(ALICE).kind == "continue"


@pytest.mark.mariadb
def test_three_daemons(folder: Path, mariadb: PrivateMariaDB, database: Database) -> None:
    """On one database they let exactly the limit through together, whichever steps its mails are in."""
    store = in_mariadb(mariadb, database)
    with ExitStack() as stack:
        generators = []
        for name in ("one", "two", "three"):
            settings = configuration(
                folder / name,
                folder / f"{name}.sock",
                store.settings,
                limits={"mailbox": {"messages_per_rolling_hour": LIMIT}},
                log={"level": "warning"},
            )
            stack.enter_context(running(Sendlimit(folder / name, settings)))
        for name in ("one", "two", "three"):
            options = load.options(
                seconds=DEADLINE_S, connections=20, count=MAILS // 3, mailboxes=1
            )
            generators.append(load.start(f"unix:{folder / name}.sock", options))
        results = [load.finish(generator, DEADLINE_S * 2) for generator in generators]

    assert sum(result.accepted for result in results) == LIMIT
    assert sum(result.refused for result in results) == MAILS - LIMIT
    rows = store.query(
        "SELECT SUM(used) FROM er_counter WHERE scope = 'mailbox' AND `window` = 'rolling_hour'"
    )
    assert [int(row[0]) for row in rows] == [LIMIT]
