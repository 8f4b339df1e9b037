"""Notices of a running daemon: to a real HTTP server, and by a real Postfix into Maildirs."""

import email
import email.policy
import hashlib
import hmac
import signal
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

from sendlimit.notify.outbox import WAITING_MAX
from support.notice_receivers import WebhookReceiver, webhook_receiver
from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.milter_client import MilterClient
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import free_port, running, wait_for
from support.rig.smtp import SmtpClient

ALICE = "alice@example.org"
POSTMASTER = "postmaster@example.org"
ELSEWHERE = "someone@example.com"
KEY = "a key of the admin"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A webhook receiver that takes everything."""
    with webhook_receiver() as receiver:
        yield receiver


def _daemon(folder: Path, notify: dict[str, Any], limit: int = 5, **tables: Any) -> Sendlimit:  # noqa: ANN401 - TOML
    """Describe a daemon with SQLite whose socket is milter.sock in the folder."""
    settings = configuration(
        folder,
        folder / "milter.sock",
        in_sqlite(folder / "s.db").settings,
        limits={"mailbox": {"messages_per_day": limit}},
        notify=notify,
    )
    return Sendlimit(folder, settings | tables)


def _send(folder: Path, number: int, login: str = ALICE) -> list[str]:
    """Send mails through the daemon's socket; return what became of them."""
    with MilterClient(folder / "milter.sock") as postfix:
        return [postfix.send_mail(login).kind for _ in range(number)]


@pytest.fixture
def delivering_postfix(folder: Path, dovecot: PrivateDovecot) -> Iterator[PrivatePostfix]:
    """A Postfix that delivers to Maildirs and has sendlimit on every port."""
    postfix = PrivatePostfix(
        folder / "postfix",
        sasl_path=dovecot.sasl_path,
        milters=RECOMMENDED_MILTERS,
        maildirs_of=[ALICE, POSTMASTER],
    )
    with running(postfix):
        yield postfix


def _delivered(postfix: PrivatePostfix, mailbox: str) -> list[EmailMessage]:
    """Wait for warning and limit in a Maildir; return them in this order."""
    wait_for(
        lambda: len(postfix.delivered(mailbox)) == 2,
        20,
        f"two mails for {mailbox}",
        postfix.log_tail,
    )
    mails = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in postfix.delivered(mailbox)
    ]
    return sorted(mails, key=lambda mail: "reached" in mail["Subject"])


@pytest.mark.postfix
def test_owner_and_admins(folder: Path, delivering_postfix: PrivatePostfix) -> None:
    """Warning and limit reach the owner and the admins once each, and are not counted."""
    postfix, counters = delivering_postfix, in_sqlite(folder / "s.db")
    notify = {
        "mail_to": [POSTMASTER],
        "mail_owner": True,
        "mail_from": POSTMASTER,
        "smtp_host": f"127.0.0.1:{postfix.smtp_port}",
    }
    daemon = _daemon(folder, notify, milter={"socket": f"unix:{postfix.milter_socket}"})
    with running(daemon):
        with SmtpClient(postfix.submission_port, ALICE) as client:
            codes = [client.send_mail(ALICE, ELSEWHERE).code for _ in range(7)]
        own, admins = _delivered(postfix, ALICE), _delivered(postfix, POSTMASTER)
        daemon.stop()

    assert codes == [250] * 5 + [450] * 2
    assert [mail["Subject"] for mail in own] == [
        "You are close to your sending limit",
        "Your sending limit is reached",
    ]
    assert "4 of 5 messages that alice@example.org may send" in own[0].get_content()
    assert [mail["Subject"] for mail in admins] == [
        f"sendlimit: {ALICE} is close to the mailbox limit of 5 messages per day",
        f"sendlimit: {ALICE} has reached the mailbox limit of 5 messages per day",
    ]
    for mail in [*own, *admins]:
        assert mail["Return-Path"] == "<>"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["From"] == f"sendlimit <{POSTMASTER}>"
    assert len(postfix.delivered(ALICE)) == len(postfix.delivered(POSTMASTER)) == 2
    assert (counters.used(ALICE), counters.used()) == (5, 5)
    assert counters.used(POSTMASTER) == 0


def test_webhook(folder: Path, receiver: WebhookReceiver) -> None:
    """Warning and limit are posted once each and signed, with the facts of that moment."""
    key = folder / "key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    notify = {"webhook_url": receiver.url, "webhook_secret_file": str(key)}
    with running(_daemon(folder, notify)):
        kinds = _send(folder, 8)
        posts = receiver.wait_for(2)

    assert kinds == ["continue"] * 5 + ["reply"] * 3
    assert receiver.events() == ["warning", "limit-reached"]
    for post, used in zip(posts, (4, 5), strict=True):
        expected = hmac.new(KEY.encode(), post.body, hashlib.sha256).hexdigest()
        assert post.headers["X-Sendlimit-Signature"] == f"sha256={expected}"
        facts = {
            name: post.document[name] for name in ("mailbox", "scope", "limit", "used", "mode")
        }
        assert facts == {
            "mailbox": ALICE, "scope": "mailbox", "limit": 5, "used": used, "mode": "enforce",
        }  # fmt: skip


def test_every_scope(folder: Path, receiver: WebhookReceiver) -> None:
    """Limits of the domain, of the server and on recipients are told as well."""
    limits = {
        "global": {"messages_per_hour": 2},
        "domain": {"messages_per_day": 2},
        "mailbox": {"recipients_per_day": 2},
    }
    with running(_daemon(folder, {"webhook_url": receiver.url}, limits=limits)):
        assert _send(folder, 2) == ["continue"] * 2
        posts = receiver.wait_for(3)

    found = {(post.document["scope"], post.document["subject"]) for post in posts}
    assert found == {("global", "*"), ("domain", "example.org"), ("mailbox", ALICE)}
    assert {post.document["event"] for post in posts} == {"limit-reached"}


def test_observe_mode(folder: Path, receiver: WebhookReceiver) -> None:
    """In observe mode the notice says so, and the owner is not told what does not happen."""
    notify = {"webhook_url": receiver.url, "mail_owner": True, "smtp_host": "127.0.0.1:1"}
    daemon = _daemon(folder, notify, limit=1, mode="observe")
    with running(daemon):
        assert _send(folder, 3) == ["continue"] * 3
        receiver.wait_for(1)
        daemon.stop()

    assert [post.document["mode"] for post in receiver.posts] == ["observe"]
    assert daemon.lines("notice-failed") == []


def test_outage(folder: Path, receiver: WebhookReceiver) -> None:
    """The database's absence and its return are told, with the number of mails booked."""
    store = folder / "store"
    url = {"url": f"sqlite:///{store}/s.db"}
    with running(_daemon(folder, {"webhook_url": receiver.url}, store=url)):
        receiver.wait_for(1)
        assert _send(folder, 3) == ["continue"] * 3
        store.mkdir()
        down, back = receiver.wait_for(2)

    assert receiver.events() == ["store-down", "store-back"]
    assert str(store) in down.document["error"]
    assert back.document["bookings"] == 3


def test_retry_after_an_error(folder: Path, receiver: WebhookReceiver) -> None:
    """A receiver that fails once gets the same notice again, with the same id."""
    receiver.statuses = [503, 204]
    with running(_daemon(folder, {"webhook_url": receiver.url}, limit=1)):
        _send(folder, 1)
        first, second = receiver.wait_for(2)

    assert first.body == second.body


def test_hanging_receiver_hurts_nothing(folder: Path, receiver: WebhookReceiver) -> None:
    """While the webhook hangs, every mail is decided, the queue is bounded, drops are counted."""
    receiver.hangs.set()
    port, too_many = free_port(), 100
    mailboxes = WAITING_MAX + 1 + too_many
    daemon = _daemon(
        folder,
        {"webhook_url": receiver.url},
        limit=1,
        metrics={"listen": f"127.0.0.1:{port}"},
        log={"level": "warning"},
    )
    with running(daemon):
        _send(folder, 1, "first@example.org")
        receiver.wait_for(1)
        with MilterClient(folder / "milter.sock") as postfix:
            kinds = {
                postfix.send_mail(f"m{number}@example.org").kind for number in range(mailboxes - 1)
            }
        numbers = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text

        assert kinds == {"continue"}
        assert f'notices_total{{outcome="dropped",route="webhook"}} {too_many}.0' in numbers
        assert f'decisions_total{{outcome="accepted"}} {mailboxes}.0' in numbers
        assert daemon.stop() == 0
    assert daemon.lines(f"notices-dropped route=webhook number={WAITING_MAX}$")


def test_url_stays_out_of_the_log(folder: Path, receiver: WebhookReceiver) -> None:
    """The reason of a failure is logged; the webhook's URL, which may be a secret, is not."""
    receiver.statuses = [404]
    daemon = _daemon(folder, {"webhook_url": receiver.url}, limit=1)
    with running(daemon):
        _send(folder, 1)
        (line,) = daemon.wait_for_lines("notice-failed")

    assert line.endswith(
        'notice-failed route=webhook notice=limit-reached reason="HTTP status 404"'
    )
    assert daemon.lines("secret-part") == []


def test_reload(folder: Path, receiver: WebhookReceiver) -> None:
    """A reload switches notices on, changes them and switches them off; a wrong file changes nothing."""
    daemon = _daemon(folder, {"webhook_url": receiver.url}, limit=10)
    on = daemon.config_file.read_text()
    off = on.partition("[notify]")[0]
    daemon.write_config(off)
    with running(daemon):
        _send(folder, 8)
        daemon.write_config(on.replace("[notify]", "[notify]\nwarn_at_percent = 90"))
        assert "config-loaded" in daemon.reload()
        _send(folder, 1)
        receiver.wait_for(1)
        daemon.write_config(on.replace("[notify]", '[notify]\nwebhook_secret_file = "/no/key"'))
        assert "webhook_secret_file: /no/key can't be read" in daemon.reload()
        _send(folder, 1)
        receiver.wait_for(2)
        daemon.write_config(off)
        daemon.reload()
        _send(folder, 1, "bob@example.org")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait_for_exit(20) == 0

    assert receiver.events() == ["warning", "limit-reached"]


def test_wrong_key_file_at_the_start(folder: Path) -> None:
    """A key file that can't be read ends the start with exit code 1 and a sentence."""
    notify = {"webhook_url": "http://127.0.0.1:1/", "webhook_secret_file": "/no/key"}
    daemon = _daemon(folder, notify)
    daemon.process.start()

    assert daemon.process.wait_for_exit(20) == 1
    assert "notify.webhook_secret_file: /no/key can't be read" in daemon.process.log_text()
