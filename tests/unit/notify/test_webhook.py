"""The webhook, posted to a real HTTP server."""

import hashlib
import hmac
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit import __version__
from sendlimit.config.webhook_body import BODY_PLACEHOLDERS, read_webhook_body
from sendlimit.notify.notices import Event, Notice
from sendlimit.notify.outbox import DeliveryError
from sendlimit.notify.webhook import WebhookRoute, document, flat_values, signature, system_cas
from sendlimit.rules.suspicion import Reason, Suspension
from support.counting_samples import ALICE, NOON, UTC, moment, usage_of
from support.notice_receivers import WebhookReceiver, webhook_receiver
from support.rig.certificates import PrivateCA
from support.rig.process import free_port

_KEY = b"a key of the admin"
_HIT = usage_of("mailbox.messages_per_day", 100, 80)
_WARNING = Notice("1f", Event.WARNING, NOON, sender=ALICE, exceeded=_HIT)


_SUSPENSION = Suspension(
    ALICE, Reason.REFUSALS, 20, ("192.0.2.7", "192.0.2.8"), NOON, None, 3600, observe=False
)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A receiver that answers 204."""
    with webhook_receiver() as receiver:
        yield receiver


def _route(receiver: WebhookReceiver, key: bytes | None = _KEY) -> WebhookRoute:
    return WebhookRoute(receiver.url, key, UTC)


def test_document() -> None:
    """A notice about a limit has everything that a program needs to act on it."""
    assert document(_WARNING, UTC, "mx1.example.org") == {
        "format": 1,
        "id": "1f",
        "event": "warning",
        "at": "2026-11-22T12:00:00Z",
        "host": "mx1.example.org",
        "mode": "enforce",
        "text": "alice@example.org is close to the mailbox limit: 80 of 100 messages per day",
        "mailbox": "alice@example.org",
        "scope": "mailbox",
        "subject": "alice@example.org",
        "unit": "messages",
        "window": "day",
        "limit": 100,
        "used": 80,
        "period_start": "2026-11-22T00:00:00Z",
        "period_end": "2026-11-23T00:00:00Z",
        "resets_at": "2026-11-23T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("notice", "facts"),
    [
        (Notice("1f", Event.STORE_DOWN, NOON, error="gone"), {"error": "gone"}),
        (Notice("1f", Event.STORE_BACK, NOON, bookings=0), {"bookings": 0}),
    ],
)
def test_document_about_the_database(notice: Notice, facts: dict[str, object]) -> None:
    """A notice about the database has the error, or how many mails are booked."""
    common = {"format", "id", "event", "at", "host", "mode", "text"}
    found = document(notice, UTC, "mx1")

    assert {key: found[key] for key in found.keys() - common} == facts


def test_document_about_a_suspension() -> None:
    """A notice about a suspension has whose login, why, the clients, and when it ends."""
    notice = Notice("1f", Event.SUSPENDED, NOON, sender=ALICE, suspension=_SUSPENSION)
    found = document(notice, UTC, "mx1")

    assert found["text"] == (
        "alice@example.org is suspended until released: 20 refusals within 1 hour,"
        " from 192.0.2.7 192.0.2.8"
    )
    assert {key: found[key] for key in ("mailbox", "reason", "number", "clients", "until")} == {
        "mailbox": "alice@example.org",
        "reason": "refusals",
        "number": 20,
        "clients": ["192.0.2.7", "192.0.2.8"],
        "until": None,
    }
    assert flat_values(found)["clients"] == "192.0.2.7 192.0.2.8"
    assert flat_values(found)["until"] == ""


def test_signature(receiver: WebhookReceiver) -> None:
    """A receiver that has the key can check the body byte by byte."""
    _route(receiver).deliver(_WARNING)

    (post,) = receiver.posts
    expected = hmac.new(_KEY, post.body, hashlib.sha256).hexdigest()
    assert post.headers["X-Sendlimit-Signature"] == f"sha256={expected}"
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["User-Agent"] == f"sendlimit/{__version__}"
    assert post.document["event"] == "warning"


def test_format(receiver: WebhookReceiver) -> None:
    """With a format the sentence is posted as that receiver reads it, and signed as well."""
    WebhookRoute(receiver.url, _KEY, UTC, "slack").deliver(_WARNING)

    (post,) = receiver.posts
    assert post.document["text"] == document(_WARNING, UTC, "")["text"]
    assert post.headers["X-Sendlimit-Signature"] == signature(_KEY, post.body)


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ('{"a": "{mailbox}"}', "application/json", b'{"a": "alice@example.org"}'),
        ("{used} of {limit}{error}", "text/plain; charset=utf-8", b"80 of 100"),
    ],
)
def test_own_body(receiver: WebhookReceiver, body: str, kind: str, expected: bytes) -> None:
    """An own body has the values of our document, and nothing where a notice has none."""
    own_body = read_webhook_body(body)
    WebhookRoute(receiver.url, None, UTC, own_body=own_body).deliver(_WARNING)

    (post,) = receiver.posts
    assert (post.headers["Content-Type"], post.body) == (kind, expected)


def test_no_key(receiver: WebhookReceiver) -> None:
    """Without a key there is no signature."""
    _route(receiver, key=None).deliver(_WARNING)

    assert "X-Sendlimit-Signature" not in receiver.posts[0].headers


@pytest.mark.parametrize(
    ("status", "is_permanent"),
    [
        pytest.param(500, False, id="error of the server"),
        pytest.param(503, False, id="overloaded"),
        pytest.param(429, False, id="too many"),
        pytest.param(408, False, id="timeout"),
        pytest.param(404, True, id="wrong address"),
        pytest.param(401, True, id="wrong signature"),
        pytest.param(302, True, id="redirect: not followed, it would lose the document"),
    ],
)
def test_status(receiver: WebhookReceiver, status: int, is_permanent: bool) -> None:  # noqa: FBT001 - a table
    """Any status but 2xx is a failure; only a transient one is worth another try."""
    receiver.statuses = [status]
    with pytest.raises(DeliveryError, match=f"^HTTP status {status}$") as failure:
        _route(receiver).deliver(_WARNING)

    assert failure.value.is_permanent is is_permanent
    assert len(receiver.posts) == 1


def test_hanging_receiver(receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that never answers is left after the timeout."""
    monkeypatch.setattr("sendlimit.notify.webhook.TIMEOUT_S", (0.05, 0.05))
    receiver.hangs.set()
    with pytest.raises(DeliveryError, match=r"^no answer in time$") as failure:
        _route(receiver).deliver(_WARNING)

    assert not failure.value.is_permanent


def test_receiver_away() -> None:
    """The error of a receiver that is away does not hold the URL, which may be a secret."""
    url = f"http://127.0.0.1:{free_port()}/T000/secret-part"
    with pytest.raises(DeliveryError, match=r"^Connection refused$") as failure:
        WebhookRoute(url, None, UTC).deliver(_WARNING)

    assert not failure.value.is_permanent


def test_certificate_of_a_private_ca(tmp_path: Path) -> None:
    """A receiver whose certificate is signed by ca_file gets the notice, no other one does."""
    ca, other = PrivateCA(tmp_path), PrivateCA(tmp_path, "another CA")
    with webhook_receiver(ca.sign("receiver", "IP:127.0.0.1")) as receiver:
        WebhookRoute(receiver.url, None, UTC, ca_file=str(ca.cert)).deliver(_WARNING)
        for ca_file in (str(other.cert), None):
            with pytest.raises(DeliveryError, match=r"^the receiver's certificate is not trusted$"):
                WebhookRoute(receiver.url, None, UTC, ca_file=ca_file).deliver(_WARNING)
        with pytest.raises(DeliveryError, match=r"^OSError$"):
            WebhookRoute(receiver.url, None, UTC, ca_file="/none").deliver(_WARNING)

    assert len(receiver.posts) == 1


def test_cas_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CA that the admin made known to the system is trusted, in a file or in a directory."""
    ca = PrivateCA(tmp_path)
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "ca.pem").write_bytes(ca.cert.read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert system_cas() is True
    subprocess.run(["openssl", "rehash", folder], check=True, timeout=60)
    with webhook_receiver(ca.sign("receiver", "IP:127.0.0.1")) as receiver:
        assert system_cas() == str(folder)
        WebhookRoute(receiver.url, None, UTC).deliver(_WARNING)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.cert))
        assert system_cas() == str(ca.cert)
        WebhookRoute(receiver.url, None, UTC).deliver(_WARNING)

    assert len(receiver.posts) == 2


def test_documentation() -> None:
    """docs/notifications.md shows a document as it is made, and explains each of its keys."""
    text = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()
    example = json.loads(text.partition("```json\n")[2].partition("```")[0])
    rows = re.findall(
        r"^\| (`.*?) \| (?:all|limits|`store-\w+`|`suspended`) \|", text, re.MULTILINE
    )
    notices = [
        Notice(example["id"], Event.STORE_DOWN, NOON, error="gone"),
        Notice(example["id"], Event.STORE_BACK, NOON),
        Notice(example["id"], Event.TEST, NOON),
        Notice(example["id"], Event.SUSPENDED, NOON, sender=ALICE, suspension=_SUSPENSION),
    ]
    reached = Notice(
        example["id"],
        Event.LIMIT_REACHED,
        moment("2026-11-22 09:14:03"),
        sender=ALICE,
        exceeded=usage_of("mailbox.messages_per_day", 100, 100),
    )
    keys = {key for notice in notices for key in document(notice, UTC, "mx1")}

    assert document(reached, UTC, "mx1.example.org") == example
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == keys | example.keys()
    assert set(BODY_PLACEHOLDERS) == (keys | example.keys()) - {"format"}
