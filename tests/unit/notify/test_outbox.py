"""The queue and the thread of a route: bounded, counted, never in the way of a mail."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from sendlimit.notify.notices import Event, Notice
from sendlimit.notify.outbox import DeliveryError, Outbox, Outcome, Route
from support.counting_samples import NOON
from support.doubles.events import RecordingEvents
from support.rig.process import wait_for


@dataclass
class ScriptedRoute(Route):
    """Raises what is scripted, then takes everything; waits while it is held."""

    name: str = "webhook"
    script: list[Exception] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)

    def deliver(self, notice: Notice) -> None:
        """Follow the script."""
        self.tried.append(notice.id)
        self.free.wait()
        if self.script:
            raise self.script.pop(0)


@dataclass
class Box:
    """An outbox with what it needs and what it says."""

    route: ScriptedRoute
    outbox: Outbox
    events: RecordingEvents

    @property
    def outcomes(self) -> Counter[object]:
        """How many notices ended in which way."""
        return Counter(event[1] for event in self.events.recorded if event[0] == self.route.name)  # type: ignore[index]

    def wait_for(self, **expected: int) -> None:
        """Wait until the outcomes are these."""
        wait_for(lambda: self.outcomes == expected, 20, str(expected), lambda: str(self.outcomes))


@pytest.fixture
def pauses_s() -> tuple[float, ...]:
    """Almost no pause between three tries."""
    return 0.001, 0.001


@pytest.fixture
def box(pauses_s: tuple[float, ...]) -> Iterator[Box]:
    """An outbox for three notices."""
    events = RecordingEvents()
    route = ScriptedRoute()
    outbox = Outbox(route, events, waiting_max=3, pauses_s=pauses_s)
    route.free.set()
    yield Box(route, outbox, events)
    route.free.set()
    outbox.close()
    outbox.join(20)


long_pause = pytest.mark.parametrize("pauses_s", [(3600.0,)], ids=["an hour's pause"])


def _notice(number: int) -> Notice:
    return Notice(str(number), Event.STORE_DOWN, NOON)


def test_in_order(box: Box) -> None:
    """Notices go out in the order in which they came."""
    for number in range(3):
        assert box.outbox.put(_notice(number))

    box.wait_for(sent=3)
    assert box.route.tried == ["0", "1", "2"]


def test_retry(box: Box) -> None:
    """What fails in passing is tried again until it goes."""
    box.route.script = [DeliveryError("busy"), DeliveryError("busy")]
    box.outbox.put(_notice(0))

    box.wait_for(sent=1)
    assert box.route.tried == ["0", "0", "0"]


def test_retries_are_bounded(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """After the last try it is given up with a log line, and the next one has its turn."""
    box.route.script = [DeliveryError("no answer in time")] * 3
    box.outbox.put(_notice(0))
    box.outbox.put(_notice(1))

    box.wait_for(failed=1, sent=1)
    assert box.route.tried == ["0", "0", "0", "1"]
    assert caplog.messages == [
        'notice-failed route=webhook notice=store-down reason="no answer in time"'
    ]


def test_permanent_failure(box: Box) -> None:
    """A notice that is refused for good is tried once."""
    box.route.script = [DeliveryError("HTTP status 404", is_permanent=True)]
    box.outbox.put(_notice(0))

    box.wait_for(failed=1)
    assert box.route.tried == ["0"]


def test_fault(box: Box) -> None:
    """An unexpected exception costs one notice, not the thread."""
    box.route.script = [RuntimeError("bug")]
    box.outbox.put(_notice(0))
    box.outbox.put(_notice(1))

    box.wait_for(failed=1, sent=1)
    assert ("fault", "notify-webhook") in box.events.recorded


def test_bound(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """While the receiver hangs: one is on its way, three wait, the rest is dropped and counted."""
    box.route.free.clear()
    box.outbox.put(_notice(0))
    wait_for(lambda: box.route.tried, 20, "delivery")
    room = [box.outbox.put(_notice(number)) for number in range(1, 8)]

    assert room == [True, True, True, False, False, False, False]
    assert box.outcomes == {Outcome.DROPPED: 4}
    box.route.free.set()
    box.wait_for(sent=4, dropped=4)
    assert caplog.messages == ["notices-dropped route=webhook number=4"]


@long_pause
def test_close(box: Box) -> None:
    """A closed outbox tries what waits once, without pauses, and takes no more."""
    box.route.free.clear()
    box.route.script = [DeliveryError("busy")]
    for number in range(3):
        box.outbox.put(_notice(number))
    box.outbox.close()
    box.route.free.set()
    box.outbox.join(20)

    assert not box.outbox.put(_notice(9))
    assert box.route.tried == ["0", "1", "2"]
    assert box.outcomes == {Outcome.FAILED: 1, Outcome.SENT: 2, Outcome.DROPPED: 1}


@long_pause
def test_close_ends_a_pause(box: Box) -> None:
    """close() ends the wait for the next try."""
    box.route.script = [DeliveryError("busy")]
    box.outbox.put(_notice(0))
    wait_for(lambda: not box.route.script, 20, "first try")
    box.outbox.close()
    box.outbox.join(20)

    assert box.outcomes == {Outcome.FAILED: 1}


def test_join_gives_up(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """What a hanging receiver has not taken at the end is dropped, counted and logged."""
    box.route.free.clear()
    for number in range(3):
        box.outbox.put(_notice(number))
    wait_for(lambda: box.route.tried, 20, "delivery")
    box.outbox.close()
    box.outbox.join(0.01)

    assert box.outcomes == {Outcome.DROPPED: 2}
    assert caplog.messages == ["notices-dropped route=webhook number=2"]
