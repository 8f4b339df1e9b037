"""The metrics, and that documentation, alerts and dashboard name those that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sendlimit.counting.ledger import Ledger
from sendlimit.counting.outage import FAULT, STUCK
from sendlimit.counting.reservation import Reservation
from sendlimit.daemon import metrics as metrics_module
from sendlimit.daemon.metrics import Metrics
from sendlimit.errors import (
    BatchFault,
    SchemaError,
    StoreConflict,
    StoreError,
    StoreStuck,
    StoreUnavailable,
)
from sendlimit.notify.outbox import Outcome
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Decision
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.precedence import Rules
from support.counting_samples import ALICE, NOON, UTC, usage_of

_MONITORING = Path(__file__).parents[3] / "docs" / "monitoring"
_HIT = usage_of("mailbox.messages_per_day", 3, 3)


@pytest.fixture
def metrics() -> Metrics:
    """The metrics of a daemon that has just started, with every route of notices."""
    metrics = Metrics()
    metrics.expect_routes(["webhook", "mail", "owner"])
    return metrics


def _samples(metrics: Metrics) -> dict[str, float]:
    """Return every series with its value, those of the process left out."""
    return {
        sample.name
        + ("" if not sample.labels else f"{sorted(sample.labels.items())}"): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if "process" not in sample.name
    }


def _names(metrics: Metrics) -> set[str]:
    """Return the names that a query can use."""
    return {sample.name for family in metrics.registry.collect() for sample in family.samples}


def _histograms(metrics: Metrics) -> set[str]:
    """Return the names that stand for several series in a query."""
    return {name.removesuffix("_bucket") for name in _names(metrics) if name.endswith("_bucket")}


@pytest.mark.parametrize(
    ("event", "series"),
    [
        (lambda m: m.decided(ALICE, Decision(), 0.1), "sendlimit_decisions_total[('outcome', 'accepted')]"),
        (lambda m: m.decided(ALICE, Decision(exceeded=_HIT, refused=True), 0.1), "sendlimit_decisions_total[('outcome', 'refused')]"),
        (lambda m: m.decided(ALICE, Decision(exceeded=_HIT), 0.1), "sendlimit_decisions_total[('outcome', 'would-refuse')]"),
        (lambda m: m.undecided(accepted=True, seconds=2), "sendlimit_decisions_total[('outcome', 'undecided-accepted')]"),
        (lambda m: m.undecided(accepted=False, seconds=2), "sendlimit_decisions_total[('outcome', 'undecided-refused')]"),
        (lambda m: m.decided(ALICE, Decision(), 0.1), "sendlimit_decision_seconds_bucket[('le', '0.1')]"),
        (lambda m: m.uncounted(exempt=True), "sendlimit_uncounted_mails_total[('reason', 'exempt')]"),
        (lambda m: m.uncounted(exempt=False), "sendlimit_uncounted_mails_total[('reason', 'unauthenticated')]"),
        (lambda m: m.refused(ALICE, _HIT), "sendlimit_refusals_total[('scope', 'mailbox'), ('unit', 'messages'), ('window', 'day')]"),
        (lambda m: m.opened(), "sendlimit_reservations_open"),
        (lambda m: m.batch_done(7, 0.1), "sendlimit_batch_questions_bucket[('le', '10.0')]"),
        (lambda m: m.batch_done(7, 0.1), "sendlimit_store_batch_seconds_count"),
        (lambda m: m.batch_retried(StoreConflict()), "sendlimit_store_retries_total[('reason', 'conflict')]"),
        (lambda m: m.batch_retried(StoreUnavailable()), "sendlimit_store_retries_total[('reason', 'connection')]"),
        (lambda m: m.store_down(SchemaError()), "sendlimit_store_failures_total[('reason', 'schema')]"),
        (lambda m: m.store_down(StoreError()), "sendlimit_store_failures_total[('reason', 'statement')]"),
        (lambda m: m.fault("eom"), "sendlimit_faults_total[('where', 'eom')]"),
        (lambda m: m.fault("notify-mail"), "sendlimit_faults_total[('where', 'notify-mail')]"),
        (lambda m: m.notice_done("mail", Outcome.DROPPED), "sendlimit_notices_total[('outcome', 'dropped'), ('route', 'mail')]"),
    ],
)  # fmt: skip
def test_event_is_counted(metrics: Metrics, event: Callable[[Metrics], None], series: str) -> None:
    """Each event adds one to its series, which was there from the start at zero."""
    before = _samples(metrics)[series]
    event(metrics)

    assert (before, _samples(metrics)[series]) == (0, 1)


def test_ended_takes_away(metrics: Metrics) -> None:
    """A reservation that ends is no longer open."""
    metrics.opened()
    metrics.opened()
    metrics.ended()

    assert _samples(metrics)["sendlimit_reservations_open"] == 1


def test_ledger_is_asked_when_prometheus_asks(metrics: Metrics) -> None:
    """Queue, unbooked mails and whether it decides are as of now: not while stuck, or after a fault."""
    ledger = Ledger(CountingSettings(Rules(), UTC), 1)
    metrics.watch(ledger)
    names = ("sendlimit_store_up", "sendlimit_queue_length", "sendlimit_unbooked_mails")

    def shown() -> list[float]:
        samples = _samples(metrics)
        return [samples[name] for name in names]

    assert shown() == [0, 0, 0]
    ledger.book(Reservation(Sender("alice@example.org", "example.org"), NOON, None), 1, NOON)
    ledger.queue.put(None)
    ledger.up = True
    ledger.outage.ended(0, 1.0, answered=False)
    assert shown() == [0, 1, 1], "another daemon is waited for"
    ledger.lease.joined()
    assert shown() == [1, 1, 1]
    ledger.outage.began(FAULT, BatchFault(), 2.0)
    assert shown() == [0, 1, 1]
    ledger.outage.ended(0, 3.0, answered=True)
    assert shown() == [1, 1, 1]
    ledger.outage.began(STUCK, StoreStuck(), 4.0)
    assert shown() == [0, 1, 1]


def test_journal(metrics: Metrics) -> None:
    """1 while a kill would lose nothing that is counted."""
    ledger = Ledger(CountingSettings(Rules(), UTC), 1)
    metrics.watch(ledger)
    assert _samples(metrics)["sendlimit_journal_whole"] == 1
    ledger.journal_problem = "no space"
    assert _samples(metrics)["sendlimit_journal_whole"] == 0


def test_no_series_by_mailbox(metrics: Metrics) -> None:
    """A hundred mailboxes make no more series than none."""
    before = set(_samples(metrics))
    for number in range(100):
        sender = Sender(f"m{number}@d{number}.example", f"d{number}.example")
        exceeded = usage_of("mailbox.messages_per_day", 3, 3, sender)
        metrics.decided(sender, Decision(exceeded=exceeded, refused=True), 0.001)
        metrics.refused(sender, exceeded)

    assert set(_samples(metrics)) == before


def test_every_fault_has_its_series(metrics: Metrics) -> None:
    """Each place that catches an exception has its series from the start."""
    code = Path(metrics_module.__file__).parents[1]
    names = {
        name
        for file in code.rglob("*.py")
        for name in re.findall(r'events\.fault\("(\w+)"\)', file.read_text())
    }

    assert names
    assert {f"sendlimit_faults_total[('where', '{name}')]" for name in names} <= set(
        _samples(metrics)
    )


def test_names_begin_with_sendlimit(metrics: Metrics) -> None:
    """Every name says whose it is."""
    assert {name for name in _names(metrics) if not name.startswith("sendlimit_")} == set()


def test_documentation_has_every_name(metrics: Metrics) -> None:
    """docs/monitoring/README.md lists exactly the names that there are."""
    rows = [
        line.split("|")[1]
        for line in (_MONITORING / "README.md").read_text().splitlines()
        if line.startswith("| `sendlimit_")
    ]
    documented = set(re.findall(r"`(\w+)`", " ".join(rows)))
    histograms = _histograms(metrics)
    parts = {f"{name}{suffix}" for name in histograms for suffix in ("_bucket", "_sum", "_count")}

    assert documented == (_names(metrics) - parts) | histograms


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_queries_name_what_there_is(metrics: Metrics, file: str) -> None:
    """Alerts and dashboard ask for series that exist, with labels and values that exist."""
    text = (_MONITORING / file).read_text().replace('\\"', '"')
    used = set(re.findall(r"\bsendlimit_\w+", text))
    values = set(re.findall(r'\b(?:outcome|reason|scope)="([\w-]+)"', text))
    labels = {
        value
        for family in metrics.registry.collect()
        for sample in family.samples
        for value in sample.labels.values()
    }

    assert used
    assert used - _names(metrics) - _histograms(metrics) == set()
    assert values <= labels


def test_alerts_are_documented() -> None:
    """docs/monitoring/README.md says for every alert what to do, and for no other."""
    alerts = re.findall(r"- alert: (\w+)", (_MONITORING / "alerts.yaml").read_text())
    rows = re.findall(
        r"^\| (`Sendlimit.*?) \|", (_MONITORING / "README.md").read_text(), re.MULTILINE
    )

    assert alerts == re.findall(r"`(\w+)`", " ".join(rows))


def test_dashboard_is_complete() -> None:
    """Every panel of the dashboard has a title, a meaning and a query; ids are unique."""
    panels = json.loads((_MONITORING / "dashboard.json").read_text())["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(
        panel["title"] and panel["description"] and all(t["expr"] for t in panel["targets"])
        for panel in panels
    )


def test_prometheus_takes_alerts_and_queries(tmp_path: Path) -> None:
    """Where promtool is installed: it finds no fault with the alerts and the dashboard's queries."""
    panels = json.loads((_MONITORING / "dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    # Variables are Grafana's; every query becomes a rule, so that promtool parses it.
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    as_rules = tmp_path / "dashboard.yaml"
    as_rules.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    if (promtool := shutil.which("promtool")) is not None:
        done = subprocess.run(
            [promtool, "check", "rules", _MONITORING / "alerts.yaml", as_rules],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
