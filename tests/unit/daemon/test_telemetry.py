"""What session and committer tell reaches the log, the metrics and the notices."""

import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sendlimit.config import Config
from sendlimit.counting.ledger import Ledger
from sendlimit.daemon.telemetry import Telemetry
from sendlimit.errors import StoreConflict, StoreUnavailable
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Decision, UsageChange
from sendlimit.rules.precedence import Rules
from support.counting_samples import ALICE, UTC, hit_of
from support.notice_receivers import WebhookReceiver, webhook_receiver
from support.rig.process import free_port, wait_for

_HIT = hit_of("mailbox.messages_per_day", 10, 10)
_PASSED_80 = Decision(usage_changes=(UsageChange(_HIT.limit, _HIT.key, 7, 8, _HIT.period),))


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """Takes notices."""
    with webhook_receiver() as receiver:
        yield receiver


def _witnesses(**tables: Any) -> Telemetry:  # noqa: ANN401 - TOML
    return Telemetry(Config.model_validate(tables), Path("sendlimit.toml"))


_EVENTS: dict[str, Callable[[Telemetry], None]] = {
    "decided": lambda w: w.decided(ALICE, _PASSED_80, 0.1),
    "undecided": lambda w: w.undecided(accepted=True, seconds=2),
    "uncounted": lambda w: w.uncounted(exempt=False),
    "refused": lambda w: w.refused(ALICE, _HIT),
    "opened": lambda w: w.opened(),
    "ended": lambda w: w.ended(),
    "fault": lambda w: w.fault("eom"),
    "store_down": lambda w: w.store_down(StoreUnavailable("gone")),
    "store_back": lambda w: w.store_back(3),
    "batch_done": lambda w: w.batch_done(7, 0.1),
    "batch_retried": lambda w: w.batch_retried(StoreConflict("again")),
    "journal_unreadable": lambda w: w.journal_unreadable(ValueError("bad")),
}


@pytest.mark.parametrize(
    ("event", "series", "notices"),
    [
        ("decided", 'decisions_total{outcome="accepted"} 1.0', ["warning"]),
        ("undecided", 'decisions_total{outcome="undecided-accepted"} 1.0', []),
        ("uncounted", 'uncounted_mails_total{reason="unauthenticated"} 1.0', []),
        ("refused", 'refusals_total{scope="mailbox",unit="messages",window="day"} 1.0', ["limit-reached"]),
        ("opened", "reservations_open 1.0", []),
        ("ended", "reservations_open -1.0", []),
        ("fault", 'faults_total{where="eom"} 1.0', []),
        ("store_down", 'store_failures_total{reason="connection"} 1.0', ["store-down"]),
        ("batch_done", "batch_questions_count 1.0", []),
        ("batch_retried", 'store_retries_total{reason="conflict"} 1.0', []),
    ],
)  # fmt: skip
def test_everybody_is_told(
    receiver: WebhookReceiver, event: str, series: str, notices: list[str]
) -> None:
    """Each event changes its number and makes its notice."""
    port = free_port()
    witnesses = _witnesses(
        metrics={"listen": f"127.0.0.1:{port}"}, notify={"webhook_url": receiver.url}
    )
    witnesses.start(Ledger(CountingSettings(Rules(), UTC), 1))
    _EVENTS[event](witnesses)
    receiver.wait_for(len(notices))
    text = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
    witnesses.stop()

    assert f"sendlimit_{series}" in text
    assert receiver.events() == notices


@pytest.mark.parametrize("event", _EVENTS)
def test_nothing_configured(event: str) -> None:
    """Without [metrics] and [notify] every event is taken all the same."""
    witnesses = _witnesses()
    witnesses.start(Ledger(CountingSettings(Rules(), UTC), 1))
    _EVENTS[event](witnesses)
    witnesses.reload(Config())
    witnesses.stop()


def test_store_back(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """Outage and return are logged and told."""
    caplog.set_level(logging.INFO, logger="sendlimit")
    witnesses = _witnesses(notify={"webhook_url": receiver.url})
    witnesses.store_down(StoreUnavailable("gone"))
    witnesses.undecided(accepted=True, seconds=2)
    witnesses.store_back(3)
    receiver.wait_for(2)
    witnesses.stop()

    assert caplog.messages == ["store-down error=gone", "store-back bookings=3"]
    assert receiver.events() == ["store-down", "store-back"]


def test_notices_are_counted(receiver: WebhookReceiver) -> None:
    """The numbers have what became of notices, by route, zero from the start."""
    port = free_port()
    witnesses = _witnesses(
        metrics={"listen": f"127.0.0.1:{port}"}, notify={"webhook_url": receiver.url}
    )
    witnesses.start(Ledger(CountingSettings(Rules(), UTC), 1))
    receiver.statuses = [404]

    def shown(value: int) -> bool:
        text = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
        series = 'sendlimit_notices_total{outcome="failed",route="webhook"}'
        return f"{series} {value}.0" in text

    assert shown(0)
    witnesses.refused(ALICE, _HIT)
    wait_for(lambda: shown(1), 20, "one notice failed")
    witnesses.stop()


def test_taken_address(caplog: pytest.LogCaptureFixture) -> None:
    """When metrics.listen is taken, a line says so and the daemon goes on without numbers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        witnesses = _witnesses(metrics={"listen": listen})
        witnesses.start(Ledger(CountingSettings(Rules(), UTC), 1))
    witnesses.opened()
    witnesses.stop()

    assert caplog.messages == [
        f'metrics-unavailable address={listen} error="Address already in use"'
    ]
