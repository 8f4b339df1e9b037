"""When a login is suspended (R17)."""

import pytest

from sendlimit.rules.mailbox import Sender
from sendlimit.rules.suspicion import (
    CLIENTS_NAMED,
    MAILBOXES_MAX,
    Reason,
    SuspendRule,
    Suspicion,
    network_of,
)
from support.counting_samples import ALICE, BOB, NOON

_HOUR = 3600
_RULE = SuspendRule(after_refusals=3, after_client_addresses=4, within_s=_HOUR, for_s=2 * _HOUR)


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("unknown", "unknown"),
    ],
)
def test_network(client: str, network: str) -> None:
    """A network is the /24 of an IPv4 address, the /48 of an IPv6 address."""
    assert network_of(client) == network


def test_refusals() -> None:
    """R17: the third refusal within an hour suspends, with the addresses of the clients, the last first."""
    suspicion = Suspicion(_RULE)
    assert suspicion.refused(ALICE, "192.0.2.7", NOON) is None
    assert suspicion.refused(ALICE, "198.51.100.7", NOON + 60) is None
    found = suspicion.refused(ALICE, "192.0.2.8", NOON + _HOUR - 1)

    assert found is not None
    assert (found.sender, found.reason, found.number) == (ALICE, Reason.REFUSALS, 3)
    assert found.clients == ("192.0.2.8", "198.51.100.7")
    assert (found.at, found.until) == (NOON + _HOUR - 1, NOON + 3 * _HOUR - 1)
    assert found.why == "3 refusals within 1 hour: 192.0.2.8, 198.51.100.7"


def test_refusals_too_far_apart() -> None:
    """R17: refusals of more than an hour ago do not count."""
    suspicion = Suspicion(_RULE)
    found = [suspicion.refused(ALICE, "192.0.2.7", NOON + step * _HOUR // 2) for step in range(20)]

    assert found == [None] * 20


def test_networks() -> None:
    """R17: the fourth network suspends; more addresses of one network are one client."""
    suspicion = Suspicion(_RULE)
    for host in range(1, 50):
        assert suspicion.sent(ALICE, f"192.0.2.{host}", NOON + host) is None
    assert suspicion.sent(ALICE, "198.51.100.1", NOON + 60) is None
    assert suspicion.sent(ALICE, "2001:db8:1::1", NOON + 61) is None
    assert suspicion.sent(ALICE, "2001:db8:1:9::2", NOON + 62) is None
    found = suspicion.sent(ALICE, "203.0.113.5", NOON + 63)

    assert found is not None
    assert (found.reason, found.number) == (Reason.CLIENT_ADDRESSES, 4)
    assert found.clients == ("203.0.113.5", "2001:db8:1:9::2", "198.51.100.1", "192.0.2.49")
    assert found.cause == "4 client networks within 1 hour"


def test_networks_that_are_not_used_any_more() -> None:
    """R17: somebody who travels has many networks in a day and few in an hour."""
    suspicion = Suspicion(_RULE)
    for step in range(24):
        assert suspicion.sent(ALICE, f"10.0.{step}.1", NOON + step * _HOUR // 3) is None


def test_a_network_counts_from_its_last_mail() -> None:
    """R17: a client that has sent all the time is one of the four, with its first mail long ago."""
    suspicion = Suspicion(_RULE)
    for minute in range(90):
        assert suspicion.sent(ALICE, "192.0.2.7", NOON + minute * 60) is None
    later = NOON + 140 * 60
    found = [suspicion.sent(ALICE, f"10.0.{step}.1", later) for step in range(3)]
    assert [one is not None for one in found] == [False, False, True]


def test_networks_of_refused_mail() -> None:
    """R17: they count as well once a mail passes, from whichever client it is."""
    suspicion = Suspicion(SuspendRule(9, 4, _HOUR, None))
    assert suspicion.sent(ALICE, "192.0.2.7", NOON) is None
    for step in range(3):
        assert suspicion.refused(ALICE, f"10.0.{step}.1", NOON) is None
    assert suspicion.sent(ALICE, "192.0.2.7", NOON) is not None


def test_logins_are_apart() -> None:
    """R17: what one login does says nothing about another one."""
    suspicion = Suspicion(_RULE)
    for _ in range(2):
        for sender in (ALICE, BOB):
            assert suspicion.refused(sender, "192.0.2.7", NOON) is None


@pytest.mark.parametrize("seen", ["refused", "sent"])
def test_switched_off(seen: str) -> None:
    """R17: without a number nothing is watched and nothing is kept."""
    suspicion = Suspicion(SuspendRule(None, None, _HOUR, _HOUR))
    for number in range(100):
        assert getattr(suspicion, seen)(ALICE, f"10.{number}.0.1", NOON) is None
    assert len(suspicion) == 0


def test_after_a_release() -> None:
    """R17: after a suspension counting begins anew: one more refusal suspends no second time."""
    suspicion = Suspicion(_RULE)
    found = [suspicion.refused(ALICE, "192.0.2.7", NOON + step) for step in range(6)]

    assert [one is not None for one in found] == [False, False, True, False, False, True]


def test_observe_mode() -> None:
    """R12, R17: what is only told is told once for as long as the suspension would last."""
    suspicion = Suspicion(SuspendRule(3, None, _HOUR, 2 * _HOUR, observe=True))
    found = [suspicion.refused(ALICE, "192.0.2.7", NOON + step * 60) for step in range(180)]
    told = [number for number, one in enumerate(found) if one is not None]

    assert len(told) == 2
    assert told[0] == 2
    assert (told[1] - told[0]) * 60 >= 2 * _HOUR


def test_until_it_is_released() -> None:
    """R17: without an end the suspension has none."""
    found = Suspicion(SuspendRule(1, None, _HOUR, None)).refused(ALICE, "unknown", NOON)

    assert found is not None
    assert (found.until, found.clients) == (None, ("unknown",))


def test_memory_is_bounded() -> None:
    """Of more mailboxes than are watched the one seen longest ago goes; a notice names few clients."""
    suspicion = Suspicion(SuspendRule(2, 1000, _HOUR, None))
    suspicion.refused(ALICE, "192.0.2.7", NOON)
    for number in range(MAILBOXES_MAX):
        suspicion.refused(Sender(f"m{number}", None), "192.0.2.7", NOON)
    assert len(suspicion) == MAILBOXES_MAX
    assert suspicion.refused(ALICE, "192.0.2.7", NOON) is None

    for number in range(200):
        suspicion.sent(BOB, f"10.0.{number}.1", NOON)
    suspicion.refused(BOB, "10.0.0.1", NOON)
    found = suspicion.refused(BOB, "10.0.0.1", NOON)
    assert found is not None
    assert len(found.clients) == CLIENTS_NAMED


def test_a_clock_that_goes_back() -> None:
    """Moments before the last ones are taken as they come, and nothing raises."""
    suspicion = Suspicion(_RULE)
    for moment in (NOON, NOON - 2 * _HOUR, NOON, NOON - _HOUR):
        suspicion.refused(ALICE, "192.0.2.7", moment)
        suspicion.sent(ALICE, "192.0.2.7", moment)
