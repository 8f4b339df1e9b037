"""Laws of rule R5, for any zone, start of day and moment."""

from datetime import time
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st

from sendlimit.rules.window import Calendar, Window
from support.counting_samples import moment

_WINDOWS = st.sampled_from([Window.MINUTE, Window.HOUR, Window.DAY, Window.MONTH])
_CALENDARS = st.builds(
    Calendar,
    st.sampled_from(sorted(available_timezones())).map(ZoneInfo),
    st.one_of(st.just(time(0, 0)), st.times().map(lambda at: at.replace(second=0, microsecond=0))),
)
# From 1972 on: before, a few zones were off by seconds.
_MOMENTS = st.integers(moment("1972-01-01 00:00"), moment("2060-01-01 00:00"))


@given(_CALENDARS, _WINDOWS, _MOMENTS)
def test_moment_lies_in_its_period(calendar: Calendar, window: Window, at: int) -> None:
    """A period holds the moment that it was asked for."""
    start, end = calendar.period(window, at)

    assert start <= at < end


@given(_CALENDARS, _WINDOWS, _MOMENTS)
def test_all_moments_of_a_period_agree(calendar: Calendar, window: Window, at: int) -> None:
    """First and last second of a period have that period, whatever was asked before."""
    period = calendar.period(window, at)
    fresh = Calendar(calendar.timezone, calendar.day_starts_at)

    assert period == fresh.period(window, period.end - 1)
    assert period == Calendar(calendar.timezone, calendar.day_starts_at).period(
        window, period.start
    )


@given(_CALENDARS, _WINDOWS, _MOMENTS)
def test_periods_leave_no_gap(calendar: Calendar, window: Window, at: int) -> None:
    """Where one period ends the next begins."""
    end = calendar.period(window, at).end

    assert end == calendar.period(window, end).start


@given(_CALENDARS, _MOMENTS)
def test_clock_windows_are_never_longer(calendar: Calendar, at: int) -> None:
    """A minute has at most 60 seconds and an hour at most 3600."""
    for window, seconds in ((Window.MINUTE, 60), (Window.HOUR, 3600)):
        start, end = calendar.period(window, at)
        assert 0 < end - start <= seconds
