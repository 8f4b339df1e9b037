"""From events to the queues of the routes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tomli_w

from sendlimit.config.reading import load
from sendlimit.errors import ConfigError, StoreUnavailable
from sendlimit.notify.notices import OUTAGE_NOTICES_APART_S, Event, Notice
from sendlimit.notify.notifier import Notifier, routes_of
from sendlimit.notify.outbox import Route
from sendlimit.rules.decision import Decision, UsageChange
from support.counting_samples import ALICE, NOON, usage_of
from support.doubles.events import RecordingEvents
from support.rig.certificates import PrivateCA
from support.rig.process import wait_for

_DAY = "mailbox.messages_per_day"


@dataclass
class RecordingRoute(Route):
    """Keeps what it gets."""

    name: str = "mail"
    notices: list[Notice] = field(default_factory=list)
    wanted: bool = True

    def takes(self, notice: Notice) -> bool:
        """Take all, or nothing."""
        del notice
        return self.wanted

    def deliver(self, notice: Notice) -> None:
        """Keep it."""
        self.notices.append(notice)

    def wait_for(self, *events: Event) -> None:
        """Wait until these have come."""
        wait_for(
            lambda: [notice.event for notice in self.notices] == list(events),
            20,
            str(events),
            lambda: str(self.notices),
        )


@dataclass
class Stage:
    """A notifier with a clock."""

    notifier: Notifier
    events: RecordingEvents
    now: list[float]

    def pass_warning(self) -> None:
        """Let Alice's 80th mail pass."""
        self.notifier.decided(ALICE, _decision(79, 80), 0.1)

    def refuse(self) -> None:
        """Refuse Alice's 101st mail."""
        self.notifier.refused(ALICE, usage_of(_DAY, 100, 100))


def _decision(before: int, after: int) -> Decision:
    exceeded = usage_of(_DAY, 100, after)
    change = UsageChange(exceeded.limit, exceeded.key, before, after, exceeded.period)
    return Decision(usage_changes=(change,))


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A notifier without routes, at noon."""
    events = RecordingEvents()
    now = [float(NOON)]
    notifier = Notifier(events, clock=lambda: now[0])
    yield Stage(notifier, events, now)
    notifier.stop(20)


def test_each_once_on_every_route(stage: Stage) -> None:
    """Warning and limit make one notice each on every route, however many mails follow."""
    routes = [RecordingRoute("mail"), RecordingRoute("webhook")]
    stage.notifier.configure(routes, 80, observe=False)
    for _ in range(3):
        stage.pass_warning()
    for _ in range(3):
        stage.refuse()
    stage.notifier.stop(20)

    for route in routes:
        route.wait_for(Event.WARNING, Event.LIMIT_REACHED)
    assert len({notice.id for notice in routes[0].notices}) == 2
    assert routes[0].notices == routes[1].notices
    assert Counter(stage.events.recorded) == {("mail", "sent"): 2, ("webhook", "sent"): 2}


def test_reload_keeps_the_history(stage: Stage) -> None:
    """A changed configuration makes no notice again; other routes and thresholds hold at once."""
    old, new = RecordingRoute(), RecordingRoute()
    stage.notifier.configure([old], 80, observe=False)
    stage.pass_warning()
    old.wait_for(Event.WARNING)
    stage.notifier.configure([new], 90, observe=True)
    stage.pass_warning()
    stage.notifier.decided(ALICE, _decision(89, 90), 0.1)
    stage.refuse()

    new.wait_for(Event.LIMIT_REACHED)
    assert new.notices[0].observe
    assert len(old.notices) == 1


def test_no_route(stage: Stage) -> None:
    """Without routes, or with none that takes it, nothing is sent and nothing fails."""
    stage.refuse()
    other = RecordingRoute(wanted=False)
    stage.notifier.configure([other], 80, observe=False)
    stage.notifier.store_down(StoreUnavailable("gone"))

    assert not other.notices
    assert not stage.events.recorded


def test_dropped_notice_is_made_again(stage: Stage) -> None:
    """A notice that no queue had room for is made again by the next mail."""
    stage.notifier.configure([RecordingRoute()], 80, observe=False)
    stage.notifier._outboxes[0].close()
    stage.refuse()
    assert stage.events.recorded == [("mail", "dropped")]

    route = RecordingRoute()
    stage.notifier.configure([route], 80, observe=False)
    stage.refuse()
    route.wait_for(Event.LIMIT_REACHED)


def test_outage(stage: Stage) -> None:
    """Outage and end make notices; an outage soon after makes one when a mail shows that it lasts."""
    route = RecordingRoute()
    stage.notifier.configure([route], 80, observe=False)
    stage.notifier.store_down(StoreUnavailable("gone"))
    stage.notifier.store_back(5)
    stage.notifier.store_down(StoreUnavailable("again"))
    stage.notifier.undecided(accepted=True, seconds=2)
    route.wait_for(Event.STORE_DOWN, Event.STORE_BACK)
    stage.now[0] += OUTAGE_NOTICES_APART_S
    stage.notifier.undecided(accepted=True, seconds=2)

    route.wait_for(Event.STORE_DOWN, Event.STORE_BACK, Event.STORE_DOWN)
    assert [notice.error for notice in route.notices] == ["gone", "", "again"]
    assert route.notices[1].bookings == 5


class TestRoutes:
    """From the config file to routes."""

    @staticmethod
    def _names(folder: Path, **notify: object) -> list[str]:
        file = folder / "sendlimit.toml"
        file.write_text(tomli_w.dumps({"notify": notify}))
        config = load(file)
        assert config.notify is not None
        routes = routes_of(config, config.notify, file)
        notice = Notice("1f", Event.STORE_DOWN, NOON)
        assert all(route.takes(notice) == (route.name != "owner") for route in routes)
        return [route.name for route in routes]

    def test_each_setting_is_a_route(self, tmp_path: Path) -> None:
        """Webhook, admins and owners each have a queue of their own."""
        key = tmp_path / "key"
        key.write_text("secret\n")
        key.chmod(0o600)
        everything = {
            "webhook_url": "https://example.org/",
            "webhook_secret_file": str(key),
            "mail_to": ["postmaster@example.org"],
            "mail_owner": True,
        }

        assert self._names(tmp_path, **everything) == ["webhook", "mail", "owner"]
        assert self._names(tmp_path, mail_to=["postmaster@example.org"]) == ["mail"]

    def test_key_that_everybody_can_read(self, tmp_path: Path) -> None:
        """A key file that is not protected is refused with the remedy."""
        key = tmp_path / "key"
        key.write_text("secret\n")
        key.chmod(0o644)
        with pytest.raises(ConfigError, match=r"notify\.webhook_secret_file: every local user can"):
            self._names(tmp_path, webhook_url="https://e.org/", webhook_secret_file=str(key))

    def test_ca_file(self, tmp_path: Path) -> None:
        """A file of CAs that is missing or holds none is a problem of the configuration."""
        odd = tmp_path / "odd.pem"
        odd.write_text("no certificate")
        for file, problem in ((odd, "holds no certificate"), ("/no/ca", "can't be read: No such")):
            with pytest.raises(ConfigError, match=rf"notify\.ca_file: {file} {problem}"):
                self._names(tmp_path, webhook_url="https://e.org/", ca_file=str(file))
        ca = PrivateCA(tmp_path).cert
        assert self._names(tmp_path, webhook_url="https://e.org/", ca_file=str(ca)) == ["webhook"]

    def test_key_that_is_missing(self, tmp_path: Path) -> None:
        """A key file that is not there is a problem of the configuration."""
        with pytest.raises(ConfigError, match=r"can't be read: No such file"):
            self._names(tmp_path, webhook_url="https://e.org/", webhook_secret_file="/no/key")
