"""Server, domain and mailbox: which limit answers, and what a refused mail costs the others."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import PrivatePostfix
from support.rig.process import running
from support.rig.smtp import Reply, SmtpClient

pytestmark = pytest.mark.postfix

ELSEWHERE = "someone@example.com"


@contextmanager
def limited(
    folder: Path,
    postfix: PrivatePostfix,
    store: Counters,
    limits: Mapping[str, Any],
    **tables: Mapping[str, Any],
) -> Iterator[Sendlimit]:
    """Run a daemon with these limits."""
    settings = configuration(folder, postfix.milter_socket, store.settings, limits=limits, **tables)
    with running(Sendlimit(folder, settings)) as daemon:
        yield daemon


def send(postfix: PrivatePostfix, login: str) -> Reply:
    """Send one mail on a connection of its own."""
    with SmtpClient(postfix.submission_port, login) as client:
        reply = client.send_mail(login, ELSEWHERE)
        client.quit()
        return reply


def test_order(folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters) -> None:
    """The server's limit answers before the domain's, the domain's before the mailbox's (R7)."""
    limits = {
        "global": {"messages_per_day": 3},
        "domain": {"messages_per_day": 2},
        "mailbox": {"messages_per_day": 1},
    }
    with limited(folder, postfix, store, limits):
        assert send(postfix, domain.alice).code == 250
        mailbox = send(postfix, domain.alice)
        assert send(postfix, domain.bob).code == 250
        pool = send(postfix, domain.alice)
        assert send(postfix, "alice@example.org").code == 250
        server = send(postfix, domain.alice)

    assert [reply.code for reply in (mailbox, pool, server)] == [450, 450, 450]
    assert mailbox.text.startswith(
        f"Sending limit reached: 1 of 1 messages sent by {domain.alice} "
    )
    assert pool.text.startswith(f"Sending limit reached: 2 of 2 messages sent by {domain.name} ")
    assert server.text.startswith("Sending limit of this server reached: 3 of 3 messages this day")


def test_refused_costs_nothing(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """A mail refused by one scope is charged to no scope (R6)."""
    limits = {
        "global": {"messages_per_day": 4},
        "domain": {"messages_per_day": 3},
        "mailbox": {"messages_per_day": 2},
    }
    with limited(folder, postfix, store, limits):
        codes = [send(postfix, domain.alice).code for _ in range(5)]
        assert codes == [250, 250, 450, 450, 450]
        assert [store.used(subject) for subject in ("*", domain.name, domain.alice)] == [2, 2, 2]

        codes = [send(postfix, login).code for login in (domain.bob, domain.bob, domain.carol)]
        assert codes == [250, 450, 450]
        assert [store.used(subject) for subject in ("*", domain.name, domain.bob)] == [3, 3, 1]
        assert store.used(domain.carol) == 0

        codes = [send(postfix, f"{name}@example.org").code for name in ("alice", "bob", "alice")]
        assert codes == [250, 450, 450]
        assert [store.used(subject) for subject in ("*", "example.org")] == [4, 1]


def test_last_to_free_up(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """Of two limits of one scope the answer names the one that frees up last (R7)."""
    limits = {"mailbox": {"messages_per_month": 1, "messages_per_day": 1, "messages_per_hour": 1}}
    with limited(folder, postfix, store, limits):
        assert send(postfix, domain.alice).code == 250
        refused = send(postfix, domain.alice)

    assert "this month" in refused.text


def test_pool_and_own_settings(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """A domain's table sets its pool and each of its mailboxes; a mailbox's table beats it (R10)."""
    limits = {
        "mailbox": {"messages_per_day": 0},
        "for": {
            domain.name: {"domain": {"messages_per_day": 4}, "mailbox": {"messages_per_day": 1}},
            domain.bob: {"mailbox": {"messages_per_day": "unlimited"}},
        },
    }
    with limited(folder, postfix, store, limits):
        assert send(postfix, "alice@example.org").code == 450
        assert [send(postfix, domain.alice).code for _ in range(2)] == [250, 450]
        assert [send(postfix, domain.bob).code for _ in range(4)] == [250, 250, 250, 450]


def test_other_words_for_a_domain(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """Code, status and text come from the file; a domain may have a text of its own."""
    reply = {
        "code": 452,
        "enhanced_status": "4.2.2",
        "mailbox": "100%: {used}/{limit} {unit} per {window} for {mailbox} in {domain}, {scope}, {remaining} left",
        "for": {domain.name: {"mailbox": "Versandlimit erreicht: {used} von {limit}"}},
    }
    with limited(folder, postfix, store, {"mailbox": {"messages_per_day": 1}}, reply=reply):
        for login in (domain.alice, "alice@example.net"):
            assert send(postfix, login).code == 250
        own, usual = send(postfix, domain.alice), send(postfix, "alice@example.net")

    assert (own.code, own.enhanced, own.text) == (452, "4.2.2", "Versandlimit erreicht: 1 von 1")
    assert usual.text == (
        "100%: 1/1 messages per day for alice@example.net in example.net, mailbox, 0 left"
    )


def test_exempt(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """An exempt login is neither counted nor refused, even when the server's limit is used up."""
    limits = {"global": {"messages_per_day": 1}}
    identity = {"exempt": [domain.bob.upper()]}
    with limited(folder, postfix, store, limits, identity=identity):
        assert [send(postfix, domain.alice).code for _ in range(2)] == [250, 450]
        assert send(postfix, domain.bob).code == 250

        assert store.used(domain.bob) == 0


def test_text_that_looks_like_a_reply(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """A configured text with codes and percent signs in it can't make the refusal anything else."""
    text = "550 5.7.1 100% of %s used: {used}"
    with limited(
        folder, postfix, store, {"mailbox": {"messages_per_day": 1}}, reply={"mailbox": text}
    ):
        assert send(postfix, domain.alice).code == 250
        replies = {send(postfix, domain.alice) for _ in range(3)}

    assert {(reply.code, reply.enhanced, reply.text) for reply in replies} == {
        (450, "4.7.1", "550 5.7.1 100% of %s used: 1")
    }
