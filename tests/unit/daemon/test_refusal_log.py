"""Refusals in the log, each or merged; with a clock that the test sets."""

import logging
from datetime import UTC, datetime

import pytest

from sendlimit.daemon.refusal_log import CLIENT_S, CLIENTS_MAX, MERGED_S, RefusalLog
from sendlimit.maillog import Refusal
from sendlimit.rules.mailbox import Sender
from support.counting_samples import ALICE, BOB, usage_of

_RESETS = datetime(2026, 11, 23, tzinfo=UTC)
_DAY = "mailbox.messages_per_day"


class Log:
    """A log of refusals and what it has written."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        """Begin at second 0, merging."""
        caplog.set_level(logging.INFO, logger="sendlimit")
        self._caplog = caplog
        self.now = 0.0
        self.refusals = RefusalLog(lambda: self.now)
        self.refusals.merged = True

    def refuse(
        self, sender: Sender = ALICE, client: str = "192.0.2.7", *, name: str = _DAY, refused: bool = True
    ) -> None:  # fmt: skip
        """Refuse a mail."""
        usage = usage_of(name, 100, 100, sender)
        self.refusals.refused(Refusal(usage, sender.mailbox, client, "", _RESETS, refused))

    def written(self) -> list[str]:
        """Return and forget the lines, without what is the same in all of them."""
        lines = []
        for message in self._caplog.messages:
            event, *pairs = message.split(" ")
            values = dict(pair.split("=") for pair in pairs)
            kept = (values["mailbox"], values["client"], values["client_mailboxes"])
            lines.append(" ".join([event, *kept, values.get("number", "")]).strip())
        self._caplog.clear()
        return lines


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """An empty log."""
    return Log(caplog)


def test_each(log: Log) -> None:
    """Without merging each refusal is a line at once."""
    log.refusals.merged = False
    for _ in range(3):
        log.refuse()

    assert log.written() == ["refused alice@example.org 192.0.2.7 1"] * 3


def test_a_flood(log: Log) -> None:
    """The first is a line; each minute that follows is one line with its number, the last in full."""
    log.refuse()
    assert log.written() == ["refused alice@example.org 192.0.2.7 1"]
    for second in range(1, 60):
        log.now = second
        log.refuse(client=f"192.0.2.{second}")
        log.refusals.tick()
    assert log.written() == []
    log.now = MERGED_S
    log.refusals.tick()
    assert log.written() == ["refusals-merged alice@example.org 192.0.2.59 1 59"]
    log.refuse()
    log.now += MERGED_S
    log.refusals.tick()
    assert log.written() == ["refusals-merged alice@example.org 192.0.2.7 1 1"]


def test_the_end_of_a_flood(log: Log) -> None:
    """After a minute without a refusal the next one is a line of its own again."""
    log.refuse()
    log.now = MERGED_S
    log.refusals.tick()
    log.refuse()

    assert log.written() == ["refused alice@example.org 192.0.2.7 1"] * 2


def test_limits_are_apart(log: Log) -> None:
    """Another limit, another mailbox, and observe mode are floods of their own."""
    for _ in range(2):
        log.refuse()
        log.refuse(BOB, "192.0.2.8")
        log.refuse(name="mailbox.messages_per_hour")
        log.refuse(refused=False)
    log.refusals.close()

    events = [line.split(" ")[0] for line in log.written()]
    assert events == [*["refused"] * 3, "would-refuse", *["refusals-merged"] * 3, "would-refuse-merged"]  # fmt: skip


def test_the_end_of_the_daemon(log: Log) -> None:
    """What is counted and not yet written is written at the end, once."""
    log.refuse()
    log.refuse()
    log.refusals.close()
    log.refusals.close()

    assert log.written()[1:] == ["refusals-merged alice@example.org 192.0.2.7 1 1"]


def test_merging_is_switched_off(log: Log) -> None:
    """After a reload without merging each is a line; what was counted is written at the minute's end."""
    log.refuse()
    log.refuse()
    log.refusals.merged = False
    log.refuse()
    log.now = 2 * MERGED_S
    log.refusals.tick()

    assert [line.split(" ")[0] for line in log.written()] == ["refused", "refused", "refusals-merged"]  # fmt: skip


def test_mailboxes_of_a_client(log: Log) -> None:
    """A client's mailboxes are counted for an hour, each once, and only by limits of their own."""
    log.refusals.merged = False
    log.refuse()
    log.refuse()
    log.refuse(BOB)
    log.refuse(BOB, name="domain.messages_per_day")
    log.refuse(BOB, "192.0.2.9", name="domain.messages_per_day")
    log.now = CLIENT_S
    log.refuse(BOB)

    assert [line.split(" ")[3] for line in log.written()] == ["1", "1", "2", "2", "0", "1"]


def test_memory_is_bounded(log: Log) -> None:
    """Of more clients than are kept the one that was refused longest ago is forgotten."""
    log.refusals.merged = False
    log.refuse(client="first")
    log.refuse(client="second")
    log.refuse(client="first")
    for number in range(CLIENTS_MAX - 1):
        log.refuse(client=str(number))
    log.written()
    log.refuse(BOB, "first")
    log.refuse(BOB, "second")

    assert [line.split(" ")[3] for line in log.written()] == ["2", "1"]
