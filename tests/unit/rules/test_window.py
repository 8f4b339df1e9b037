"""The calendar: rule R5, with clock times."""

from datetime import time
from zoneinfo import ZoneInfo

import pytest

from sendlimit.rules.window import EVER, Calendar, Period, Window
from support.counting_samples import BERLIN, moment

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


def _calendar(zone: str, day_starts_at: str = "00:00") -> Calendar:
    return Calendar(ZoneInfo(zone), time.fromisoformat(day_starts_at))


@pytest.mark.parametrize(
    ("window", "last_before", "first_after"),
    [
        pytest.param(Window.MINUTE, "2026-11-22 12:34:59", "2026-11-22 12:35:00", id="minute"),
        pytest.param(Window.HOUR, "2026-11-22 12:59:59", "2026-11-22 13:00:00", id="hour"),
        pytest.param(Window.DAY, "2026-11-22 23:59:59", "2026-11-23 00:00:00", id="day"),
        pytest.param(Window.MONTH, "2026-11-30 23:59:59", "2026-12-01 00:00:00", id="month"),
        pytest.param(Window.MONTH, "2026-12-31 23:59:59", "2027-01-01 00:00:00", id="year"),
        pytest.param(Window.MONTH, "2028-02-29 23:59:59", "2028-03-01 00:00:00", id="leap day"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
def test_new_period(window: Window, last_before: str, first_after: str, zone: str) -> None:
    """A period ends, and the next begins, with the second in which the wall clock turns."""
    calendar = _calendar(zone)
    border = moment(first_after, zone)

    assert border == calendar.period(window, moment(last_before, zone)).end
    assert border == calendar.period(window, border).start


@pytest.mark.parametrize(
    ("zone", "local", "start", "end"),
    [
        pytest.param("Europe/Berlin", "2026-11-22 15:00", "2026-11-21 23:00", "2026-11-22 23:00", id="winter"),
        pytest.param("Europe/Berlin", "2026-07-22 15:00", "2026-07-21 22:00", "2026-07-22 22:00", id="summer"),
        pytest.param("Asia/Kolkata", "2026-11-22 15:00", "2026-11-21 18:30", "2026-11-22 18:30", id="half hour"),
        pytest.param("Asia/Kathmandu", "2026-11-22 15:00", "2026-11-21 18:15", "2026-11-22 18:15", id="quarter"),
    ],
)  # fmt: skip
def test_day_is_stored_in_utc(zone: str, local: str, start: str, end: str) -> None:
    """A local day is a span of UTC."""
    period = _calendar(zone).period(Window.DAY, moment(local, zone))

    assert Period(moment(start), moment(end)) == period


def test_hour_of_a_half_hour_zone_is_the_wall_clocks() -> None:
    """In India an hour begins at half past in UTC."""
    period = _calendar("Asia/Kolkata").period(
        Window.HOUR, moment("2026-11-22 12:45", "Asia/Kolkata")
    )

    assert Period(moment("2026-11-22 06:30"), moment("2026-11-22 07:30")) == period


@pytest.mark.parametrize(
    ("window", "local", "start"),
    [
        pytest.param(Window.DAY, "2026-11-22 05:59", "2026-11-21 06:00", id="day before six"),
        pytest.param(Window.DAY, "2026-11-22 06:00", "2026-11-22 06:00", id="day from six"),
        pytest.param(Window.MONTH, "2026-12-01 05:59", "2026-11-01 06:00", id="month before six"),
        pytest.param(Window.MONTH, "2026-12-01 06:00", "2026-12-01 06:00", id="month from six"),
        pytest.param(Window.MONTH, "2027-01-01 05:59", "2026-12-01 06:00", id="year before six"),
        pytest.param(Window.HOUR, "2026-11-22 05:59", "2026-11-22 05:00", id="hours stay"),
    ],
)
def test_day_starts_at(window: Window, local: str, start: str) -> None:
    """Day and month begin at day_starts_at, hours don't care."""
    calendar = _calendar("Europe/Berlin", "06:00")

    assert (
        moment(start, "Europe/Berlin")
        == calendar.period(window, moment(local, "Europe/Berlin")).start
    )


@pytest.mark.parametrize(
    ("local", "hours"),
    [
        pytest.param("2024-03-30 12:00", 24, id="day before"),
        pytest.param("2024-03-31 12:00", 23, id="clock put forward"),
        pytest.param("2024-10-27 12:00", 25, id="clock put back"),
    ],
)
def test_day_of_a_clock_change(local: str, hours: int) -> None:
    """The day on which the clocks change is an hour shorter or longer."""
    start, end = _calendar("Europe/Berlin").period(Window.DAY, moment(local, "Europe/Berlin"))

    assert hours * _HOUR_S == end - start


def test_hour_that_happens_twice() -> None:
    """On 27 October 2024 in Berlin 02:30 comes twice: two periods of an hour each."""
    calendar = _calendar("Europe/Berlin")
    first = calendar.period(Window.HOUR, moment("2024-10-27 02:30", "Europe/Berlin"))
    second = calendar.period(
        Window.HOUR, moment("2024-10-27 02:30", "Europe/Berlin", second_time=True)
    )

    assert Period(moment("2024-10-27 00:00"), moment("2024-10-27 01:00")) == first
    assert Period(moment("2024-10-27 01:00"), moment("2024-10-27 02:00")) == second


def test_hour_that_is_skipped() -> None:
    """On 31 March 2024 in Berlin 01:59:59 is followed by 03:00:00: no period in between."""
    calendar = _calendar("Europe/Berlin")
    last = calendar.period(Window.HOUR, moment("2024-03-31 01:59:59", "Europe/Berlin"))

    assert moment("2024-03-31 01:00") == last.end
    assert Period(last.end, last.end + _HOUR_S) == calendar.period(Window.HOUR, last.end)


def test_clock_change_of_half_an_hour() -> None:
    """On Lord Howe Island 02:00 becomes 01:30: the hour from one is one period, the half after it another."""
    calendar = _calendar("Australia/Lord_Howe")
    change = moment("2024-04-06 15:00")  # 02:00 +11:00 becomes 01:30 +10:30
    before = calendar.period(Window.HOUR, change - 1)
    after = calendar.period(Window.HOUR, change)

    assert Period(change - _HOUR_S, change) == before
    assert Period(change, change + _HOUR_S // 2) == after


def test_half_hour_that_is_skipped() -> None:
    """On Lord Howe Island 02:00 becomes 02:30: the hour from two lasts half an hour."""
    change = moment("2024-10-05 15:30")  # 02:00 +10:30 becomes 02:30 +11:00
    period = _calendar("Australia/Lord_Howe").period(Window.HOUR, change)

    assert Period(change, change + _HOUR_S // 2) == period


def test_clock_change_within_an_hour() -> None:
    """In St. John's 00:01 became 23:01 in 2010: the hour ended early, the day began once."""
    calendar = _calendar("America/St_Johns")
    midnight, change = moment("2010-11-07 02:30"), moment("2010-11-07 02:31")

    assert Period(midnight, change) == calendar.period(Window.HOUR, midnight)
    assert Period(change, midnight + _HOUR_S) == calendar.period(Window.HOUR, change)
    for at in (midnight, change, midnight + _HOUR_S):
        assert midnight == calendar.period(Window.DAY, at).start


@pytest.mark.parametrize(
    ("day_starts_at", "local", "start"),
    [
        pytest.param("02:30", "2024-03-31 12:00", "2024-03-31 01:30", id="skipped: as late as the change"),
        pytest.param("02:30", "2024-10-27 12:00", "2024-10-27 00:30", id="twice: the first time"),
    ],
)  # fmt: skip
def test_start_of_day_in_a_clock_change(day_starts_at: str, local: str, start: str) -> None:
    """A day_starts_at that is skipped or happens twice still begins one day."""
    calendar = _calendar("Europe/Berlin", day_starts_at)
    period = calendar.period(Window.DAY, moment(local, "Europe/Berlin"))

    assert moment(start) == period.start
    assert period == calendar.period(Window.DAY, period.end - 1)


def test_midnight_that_happens_twice() -> None:
    """In Havana 01:00 becomes 00:00: both midnights are in one day of 25 hours."""
    calendar = _calendar("America/Havana")
    first = moment("2024-11-03 00:10", "America/Havana")
    second = moment("2024-11-03 00:10", "America/Havana", second_time=True)

    period = calendar.period(Window.DAY, first)

    assert second - first == _HOUR_S
    assert period == calendar.period(Window.DAY, second)
    assert period.end - period.start == 25 * _HOUR_S


def test_date_that_is_skipped() -> None:
    """Samoa had no 30 December 2011: the day after the 29th is the 31st."""
    calendar = _calendar("Pacific/Apia")
    before = calendar.period(Window.DAY, moment("2011-12-29 12:00", "Pacific/Apia"))
    after = calendar.period(Window.DAY, moment("2011-12-31 12:00", "Pacific/Apia"))

    assert before.end == after.start
    assert after.end - after.start == _DAY_S


def test_moments_may_come_in_any_order() -> None:
    """A moment of the past (a mail that lasted over midnight) still finds its own period."""
    calendar = _calendar("UTC")
    today = calendar.period(Window.DAY, moment("2026-11-22 00:00:05"))
    yesterday = calendar.period(Window.DAY, moment("2026-11-21 23:59:55"))

    assert today.start == yesterday.end
    assert today == calendar.period(Window.DAY, moment("2026-11-22 00:00:05"))


def test_mail_belongs_to_its_day() -> None:
    """Episodes of recipients_per_message are merged by day."""
    calendar = _calendar("UTC")
    at = moment("2026-11-22 12:00")

    assert calendar.period(Window.DAY, at) == calendar.period(Window.MESSAGE, at)


def test_ever_has_one_period() -> None:
    """The latch of the ledger has one key for all time."""
    calendar = _calendar("Europe/Berlin")

    assert calendar.period(Window.EVER, 0) == EVER
    assert calendar.period(Window.EVER, moment("2126-11-22 12:00")) == EVER


def test_local_text() -> None:
    """A moment is written as the zone's clock shows it, and which of two equal hours it is."""
    first = moment("2026-10-25 02:30", "Europe/Berlin")
    assert BERLIN.local_text(first) == BERLIN.local_text(first + 3600) == "2026-10-25 02:30"
    assert BERLIN.local_text_with_zone(first) == "2026-10-25 02:30 CEST"
    assert BERLIN.local_text_with_zone(first + 3600) == "2026-10-25 02:30 CET"
