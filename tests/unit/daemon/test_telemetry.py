"""Events reach the log, the metrics and the notices."""

import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import tomli_w

from sendlimit.config import Config
from sendlimit.counting.events import Events
from sendlimit.counting.ledger import Ledger
from sendlimit.daemon.telemetry import EVENTS, Telemetry
from sendlimit.errors import JournalError, StoreConflict, StoreError, StoreUnavailable
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Decision, UsageChange
from sendlimit.rules.precedence import Rules
from sendlimit.rules.suspicion import Reason, Suspension
from sendlimit.store.unreadable import UnreadableRow
from support.counting_samples import ALICE, UTC, usage_of
from support.notice_receivers import WebhookReceiver, webhook_receiver
from support.rig.process import free_port, wait_for

_HIT = usage_of("mailbox.messages_per_day", 10, 10)
_PASSED_80 = Decision(usage_changes=(UsageChange(_HIT.limit, _HIT.key, 7, 8, _HIT.period),))
_SUSPENSION = Suspension(ALICE, Reason.REFUSALS, 20, ("192.0.2.7",), 0, None, 3600, observe=False)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """Takes notices."""
    with webhook_receiver() as receiver:
        yield receiver


def _telemetry_of(**tables: Any) -> Telemetry:  # noqa: ANN401 - TOML
    return Telemetry(Config.model_validate(tables), Path("sendlimit.toml"))


_EVENTS: dict[str, Callable[[Telemetry], None]] = {
    "decided": lambda t: t.decided(ALICE, _PASSED_80, 0.1),
    "undecided": lambda t: t.undecided(accepted=True, seconds=2),
    "uncounted": lambda t: t.uncounted(exempt=False),
    "refused": lambda t: t.refused(ALICE, _HIT),
    "suspended": lambda t: t.suspended(_SUSPENSION),
    "opened": lambda t: t.opened(),
    "ended": lambda t: t.ended(),
    "fault": lambda t: t.fault("eom"),
    "store_awaited": lambda t: t.store_awaited(StoreUnavailable("gone")),
    "store_down": lambda t: t.store_down(StoreUnavailable("gone")),
    "store_back": lambda t: t.store_back(3),
    "mode_changed": lambda t: t.mode_changed("memory"),
    "batch_done": lambda t: t.batch_done(7, 0.1),
    "batch_retried": lambda t: t.batch_retried(StoreConflict("again")),
    "journal_unreadable": lambda t: t.journal_unreadable(ValueError("bad")),
    "journal_full": lambda t: t.journal_full(JournalError("no space")),
    "journal_whole": lambda t: t.journal_whole(),
    "row_unreadable": lambda t: t.row_unreadable(UnreadableRow("er_limit", "a@b", "odd")),
    "publishing_failed": lambda t: t.publishing_failed(StoreError("disk full")),
    "notice_done": lambda t: t.notice_done("mail", "sent"),
}


def test_no_event_is_forgotten() -> None:
    """The table above has every event that there is."""
    assert sorted(_EVENTS) == sorted(EVENTS)


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
        ("notice_done", 'notices_total{outcome="sent",route="mail"} 1.0', []),
    ],
)  # fmt: skip
def test_event_reaches_metrics_and_notices(
    receiver: WebhookReceiver, event: str, series: str, notices: list[str]
) -> None:
    """Each event changes its metric and makes its notice."""
    port = free_port()
    telemetry = _telemetry_of(
        metrics={"listen": f"127.0.0.1:{port}"}, notify={"webhook_url": receiver.url}
    )
    telemetry.start(Ledger(CountingSettings(Rules(), UTC), 1))
    _EVENTS[event](telemetry)
    receiver.wait_for(len(notices))
    text = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
    telemetry.stop()

    assert f"sendlimit_{series}" in text
    assert receiver.events() == notices


@pytest.mark.parametrize("event", _EVENTS)
def test_nothing_configured(event: str) -> None:
    """Without [metrics] and [notify] every event is harmless."""
    telemetry = _telemetry_of()
    telemetry.start(Ledger(CountingSettings(Rules(), UTC), 1))
    _EVENTS[event](telemetry)
    telemetry.reload(Config())
    telemetry.stop()


def test_what_is_not_configured_costs_nothing() -> None:
    """Without receivers an event is the empty method of the base class."""
    telemetry = _telemetry_of(metrics={"listen": "127.0.0.1:9140"})
    assert telemetry.decided.__func__ is not Events.decided  # type: ignore[attr-defined]
    telemetry = _telemetry_of()

    assert telemetry.decided.__func__ is Events.decided  # type: ignore[attr-defined]


def test_store_back(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """An outage and its end are logged, and make a notice each."""
    caplog.set_level(logging.INFO, logger="sendlimit")
    telemetry = _telemetry_of(notify={"webhook_url": receiver.url})
    telemetry.store_down(StoreUnavailable("gone"))
    telemetry.undecided(accepted=True, seconds=2)
    telemetry.store_back(3)
    receiver.wait_for(2)
    telemetry.stop()

    assert caplog.messages == ["store-down error=gone", "store-back bookings=3"]
    assert receiver.events() == ["store-down", "store-back"]


def test_reload(receiver: WebhookReceiver) -> None:
    """A reload switches the notices on, and off again."""
    telemetry = _telemetry_of()
    telemetry.store_down(StoreUnavailable("first"))
    notify = Config.model_validate({"notify": {"webhook_url": receiver.url}})
    telemetry.reload(notify)
    telemetry.store_down(StoreUnavailable("second"))
    receiver.wait_for(1)
    telemetry.reload(Config())
    telemetry.store_back(0)
    telemetry.stop()

    assert [post.document["error"] for post in receiver.posts] == ["second"]


def test_notices_are_counted(receiver: WebhookReceiver) -> None:
    """The metrics show what became of notices, by route, from zero on."""
    port = free_port()
    telemetry = _telemetry_of(
        metrics={"listen": f"127.0.0.1:{port}"}, notify={"webhook_url": receiver.url}
    )
    telemetry.start(Ledger(CountingSettings(Rules(), UTC), 1))
    receiver.statuses = [404]

    def shown(value: int) -> bool:
        text = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
        series = 'sendlimit_notices_total{outcome="failed",route="webhook"}'
        return f"{series} {value}.0" in text

    assert shown(0)
    telemetry.refused(ALICE, _HIT)
    wait_for(lambda: shown(1), 20, "one notice failed")
    telemetry.stop()


def test_address_in_use(caplog: pytest.LogCaptureFixture) -> None:
    """When metrics.listen is in use, a line says so and the daemon goes on without metrics."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        telemetry = _telemetry_of(metrics={"listen": listen})
        telemetry.start(Ledger(CountingSettings(Rules(), UTC), 1))
    telemetry.opened()
    telemetry.stop()

    assert caplog.messages == [
        f'metrics-unavailable address={listen} error="Address already in use"'
    ]


@pytest.mark.parametrize(
    ("tables", "loaded"),
    [
        ({}, []),
        ({"metrics": {"listen": "127.0.0.1:9140"}}, ["prometheus_client"]),
        ({"notify": {"mail_owner": True}}, ["requests", "smtplib"]),
    ],
)
def test_only_what_is_configured_is_imported(
    tmp_path: Path, tables: dict[str, object], loaded: list[str]
) -> None:
    """A daemon without [metrics] and [notify] does not load their libraries."""
    file = tmp_path / "sendlimit.toml"
    file.write_text(tomli_w.dumps(tables))
    code = (
        "import sys, pathlib; from sendlimit.config.reading import load;"
        "import sendlimit.daemon.service; from sendlimit.daemon.telemetry import Telemetry;"
        f"path = pathlib.Path({str(file)!r}); Telemetry(load(path), path);"
        "print(*sorted({'prometheus_client', 'requests', 'smtplib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == loaded
