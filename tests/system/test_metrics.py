"""The daemon's numbers, asked for as Prometheus does, while it limits mail."""

import socket
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.milter_client import MilterClient
from support.rig.process import free_port, running, wait_for

ALICE = "alice@example.org"
_LIMITS = {"mailbox": {"messages_per_day": 2}}


class Scraped:
    """Asks a daemon for its numbers."""

    def __init__(self, port: int) -> None:
        """Take the port of metrics.listen."""
        self._url = f"http://127.0.0.1:{port}/metrics"

    def __call__(self, name: str, **labels: str) -> float:
        """Return the value of one series."""
        text = requests.get(self._url, timeout=10).text
        (value,) = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        ]
        return value

    def wait_for(self, value: float, name: str, **labels: str) -> None:
        """Wait until a series has a value: releases reach the store a moment later."""
        wait_for(lambda: self(name, **labels) == value, 20, f"{name} is {value}")


@pytest.fixture
def port() -> int:
    """A port for metrics.listen."""
    return free_port()


def _daemon(folder: Path, store: Counters, port: int, **tables: object) -> Sendlimit:
    settings = configuration(
        folder,
        folder / "milter.sock",
        store.settings,
        limits=_LIMITS,
        metrics={"listen": f"127.0.0.1:{port}"},
        **tables,
    )
    return Sendlimit(folder, settings)


def test_mail_is_counted(folder: Path, store: Counters, port: int) -> None:
    """Accepted, refused, unauthenticated and exempt mail, open reservations and batches show."""
    scraped = Scraped(port)
    exempt = "monitoring@example.org"
    daemon = _daemon(folder, store, port, identity={"exempt": [exempt]})
    with running(daemon), MilterClient(folder / "milter.sock") as postfix:
        assert scraped("sendlimit_store_up") == 1
        kinds = [postfix.send_mail(login).kind for login in (ALICE, None, exempt)]
        postfix.mail(ALICE)
        assert scraped("sendlimit_reservations_open") == 1
        postfix.abort()
        scraped.wait_for(0, "sendlimit_reservations_open")
        kinds += [postfix.send_mail(ALICE).kind for _ in range(3)]

        assert kinds == ["continue", "accept", "accept", "continue", "reply", "reply"]
        assert scraped("sendlimit_decisions_total", outcome="accepted") == 3
        assert scraped("sendlimit_decisions_total", outcome="refused") == 2
        assert scraped("sendlimit_decision_seconds_count") == 5
        assert scraped("sendlimit_uncounted_mails_total", reason="unauthenticated") == 1
        assert scraped("sendlimit_uncounted_mails_total", reason="exempt") == 1
        labels = {"scope": "mailbox", "unit": "messages", "window": "day"}
        assert scraped("sendlimit_refusals_total", **labels) == 2
        assert scraped("sendlimit_batch_questions_sum") == 5
        assert scraped("sendlimit_store_batch_seconds_sum") > 0
        assert scraped("sendlimit_faults_total", where="envfrom") == 0


def test_outage(folder: Path, port: int) -> None:
    """While the database is away the numbers say so; what is unbooked sinks to zero when it is back."""
    folder_of_store = folder / "store"
    scraped = Scraped(port)
    with (
        running(_daemon(folder, in_sqlite(folder_of_store / "s.db"), port)),
        MilterClient(folder / "milter.sock") as postfix,
    ):
        assert scraped("sendlimit_store_up") == 0
        assert scraped("sendlimit_store_failures_total", reason="connection") == 1
        assert [postfix.send_mail(ALICE).kind for _ in range(3)] == ["continue"] * 3
        assert scraped("sendlimit_unbooked_mails") == 3
        assert scraped("sendlimit_decisions_total", outcome="undecided-accepted") == 3

        folder_of_store.mkdir()
        scraped.wait_for(1, "sendlimit_store_up")
        scraped.wait_for(0, "sendlimit_unbooked_mails")
        assert postfix.send_mail(ALICE).kind == "reply"


def test_unbooked_mails_outlive_a_restart(folder: Path, port: int) -> None:
    """Mail that was not booked at the stop is shown again by the next daemon until it is."""
    folder_of_store = folder / "store"
    scraped = Scraped(port)
    daemon = _daemon(folder, in_sqlite(folder_of_store / "s.db"), port)
    with running(daemon), MilterClient(folder / "milter.sock") as postfix:
        postfix.send_mail(ALICE)
    with running(daemon):
        assert scraped("sendlimit_unbooked_mails") == 1
        folder_of_store.mkdir()
        scraped.wait_for(1, "sendlimit_store_up")
        assert scraped("sendlimit_unbooked_mails") == 0


def test_taken_address_does_not_stop_limiting(folder: Path) -> None:
    """When another program listens on metrics.listen, the log says so and mail is limited."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        daemon = _daemon(folder, in_sqlite(folder / "s.db"), taken.getsockname()[1])
        with running(daemon), MilterClient(folder / "milter.sock") as postfix:
            kinds = [postfix.send_mail(ALICE).kind for _ in range(3)]
            (line,) = daemon.wait_for_lines("metrics-unavailable")

    assert kinds == ["continue", "continue", "reply"]
    assert line.endswith('error="Address already in use"')


def test_change_needs_a_restart(folder: Path, port: int) -> None:
    """A reload leaves the metrics as they are and says that a restart is needed."""
    daemon = _daemon(folder, in_sqlite(folder / "s.db"), port)
    with running(daemon):
        text = daemon.config_file.read_text()
        daemon.write_config(text.replace(f":{port}", f":{free_port()}"))
        daemon.reload()
        (line,) = daemon.lines("restart-needed")

        assert line.endswith("restart-needed key=metrics")
        assert Scraped(port)("sendlimit_store_up") == 1
