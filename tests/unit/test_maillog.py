"""Log lines: their form is an interface, pinned here."""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit import maillog
from sendlimit.errors import JournalError, LoginMapError, StoreError, StoreUnavailable
from sendlimit.rules.suspicion import Reason, Suspension
from support.counting_samples import ALICE, NOON, usage_of

_HIT = usage_of("mailbox.messages_per_day", 100, 101)
_OFF = usage_of("mailbox.messages_per_day", 0, 0)
_RESETS = datetime(2026, 11, 23, tzinfo=ZoneInfo("Europe/Berlin"))
_REFUSED = (
    r"mailbox=alice@example\.org client=192\.0\.2\.7 sender=a@b\.org scope=mailbox"
    r" subject=alice@example\.org unit=messages window=day limit=100 used=101"
    r" resets_at=2026-11-23T00:00:00\+01:00 client_mailboxes=2"
)
_SUSPENSION = Suspension(
    ALICE, Reason.REFUSALS, 20, ("192.0.2.7", "2001:db8::7"), 0, NOON, 3600, observe=False
)
_REFUSAL = maillog.Refusal(_HIT, "alice@example.org", "192.0.2.7", "a@b.org", _RESETS)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, down to level debug."""
    caplog.set_level(logging.DEBUG, logger="sendlimit")
    return caplog


@pytest.mark.parametrize(
    ("event", "level", "line"),
    [
        pytest.param(
            lambda: maillog.refused(_REFUSAL, 2),
            "INFO", f"refused {_REFUSED}", id="refused",
        ),
        pytest.param(
            lambda: maillog.would_refuse(_REFUSAL, 2),
            "INFO", f"would-refuse {_REFUSED}", id="would-refuse",
        ),
        pytest.param(
            lambda: maillog.refusals_merged(_REFUSAL, 2, 57),
            "INFO", f"refusals-merged {_REFUSED} number=57", id="refusals-merged",
        ),
        pytest.param(
            lambda: maillog.would_refuse_merged(_REFUSAL, 2, 57),
            "INFO", f"would-refuse-merged {_REFUSED} number=57", id="would-refuse-merged",
        ),
        pytest.param(
            lambda: maillog.refused(_REFUSAL._replace(exceeded=_OFF, resets_at=None), 2),
            "INFO", rf"refused {_REFUSED.partition('limit=')[0]}limit=0 used=0 resets_at=never client_mailboxes=2", id="refused-for-ever",
        ),
        pytest.param(
            lambda: maillog.accepted("alice@example.org", "2001:db8::7", "", "4WXYZ", 3),
            "DEBUG", r'accepted mailbox=alice@example\.org client=2001:db8::7 sender="" queue_id=4WXYZ recipients=3',
            id="accepted",
        ),
        pytest.param(
            lambda: maillog.accepted_on_failure("alice@example.org", "store"),
            "WARNING", r"accepted-on-failure mailbox=alice@example\.org reason=store", id="accepted-on-failure",
        ),
        pytest.param(
            lambda: maillog.refused_on_failure("alice@example.org", "store"),
            "WARNING", r"refused-on-failure mailbox=alice@example\.org reason=store", id="refused-on-failure",
        ),
        pytest.param(
            lambda: maillog.suspended(_SUSPENSION), "WARNING",
            r"suspended mailbox=alice@example\.org reason=refusals number=20 clients=192\.0\.2\.7,2001:db8::7"
            r" until=2026-11-22T12:00:00\+00:00", id="suspended",
        ),
        pytest.param(
            lambda: maillog.would_suspend(_SUSPENSION._replace(until=None)), "WARNING",
            r"would-suspend mailbox=alice@example\.org reason=refusals number=20"
            r" clients=192\.0\.2\.7,2001:db8::7 until=released", id="would-suspend",
        ),
        pytest.param(
            lambda: maillog.suspend_failed("a@b", StoreUnavailable("gone")),
            "ERROR", r"suspend-failed mailbox=a@b error=gone", id="suspend-failed",
        ),
        pytest.param(
            lambda: maillog.limits_learned(812, 14), "INFO", r"limits-learned limits=812 changed=14",
            id="limits-learned",
        ),
        pytest.param(
            lambda: maillog.learn_failed(StoreUnavailable("gone")), "WARNING", r"learn-failed error=gone",
            id="learn-failed",
        ),
        pytest.param(
            lambda: maillog.login_map_loaded(7), "INFO", r"login-map-loaded entries=7", id="login-map-loaded",
        ),
        pytest.param(
            lambda: maillog.login_map_rejected(LoginMapError("/x: gone")),
            "ERROR", r'login-map-rejected error="/x: gone"', id="login-map-rejected",
        ),
        pytest.param(
            lambda: maillog.store_awaited(StoreUnavailable("gone")), "INFO", "store-awaited error=gone", id="store-awaited"
        ),
        pytest.param(
            lambda: maillog.store_down(StoreUnavailable("mariadb u@h:3306/d: can't connect")),
            "ERROR", r'store-down error="mariadb u@h:3306/d: can\'t connect"', id="store-down",
        ),
        pytest.param(lambda: maillog.store_back(17), "WARNING", "store-back bookings=17", id="store-back"),
        pytest.param(lambda: maillog.counting("memory"), "INFO", "counting mode=memory", id="counting"),
        pytest.param(
            lambda: maillog.journal_unavailable(JournalError("/var: 8 MiB can't be had")),
            "WARNING", r'journal-unavailable error="/var: 8 MiB can\'t be had"', id="journal-unavailable",
        ),
        pytest.param(
            lambda: maillog.batch_retried(StoreUnavailable("gone")), "INFO", "batch-retried error=gone", id="batch-retried"
        ),
        pytest.param(
            lambda: maillog.journal_unreadable(ValueError("unbooked.json: bad")),
            "ERROR", r'journal-unreadable error="unbooked\.json: bad"', id="journal-unreadable",
        ),
        pytest.param(
            lambda: maillog.config_loaded(Path("/etc/sendlimit/sendlimit.toml"), 4),
            "INFO", r"config-loaded file=/etc/sendlimit/sendlimit\.toml limits=4", id="config-loaded",
        ),
        pytest.param(
            lambda: maillog.nothing_limited(Path("/x.toml")), "WARNING", r"nothing-limited file=/x\.toml", id="nothing-limited"
        ),
        pytest.param(
            lambda: maillog.config_rejected(["/x.toml: mode: is wrong"]),
            "ERROR", r'config-rejected error="/x\.toml: mode: is wrong"', id="config-rejected",
        ),
        pytest.param(
            lambda: maillog.restart_needed("milter"), "WARNING", "restart-needed key=milter", id="restart-needed"
        ),
        pytest.param(
            lambda: maillog.row_unreadable("er_limit", "a@b mailbox", "odd"), "ERROR",
            'row-unreadable table=er_limit row="a@b mailbox" problem=odd', id="row-unreadable",
        ),
        pytest.param(
            lambda: maillog.views_outdated(StoreError("disk full")), "WARNING",
            'views-outdated error="disk full"', id="views-outdated",
        ),
        pytest.param(
            lambda: maillog.descriptors_low(91, 100), "ERROR", "descriptors-low used=91 limit=100", id="descriptors-low"
        ),
        pytest.param(
            lambda: maillog.started("0.1.0", "unix:/run/m.sock", "sqlite /s.db"),
            "INFO", r'started version=0\.1\.0 socket=unix:/run/m\.sock store="sqlite /s\.db"', id="started",
        ),
        pytest.param(lambda: maillog.stopping("SIGTERM"), "INFO", "stopping signal=SIGTERM", id="stopping"),
        pytest.param(lambda: maillog.stopped(booked=True), "INFO", "stopped booked=yes", id="stopped"),
        pytest.param(lambda: maillog.stopped(booked=False), "INFO", "stopped booked=no", id="stopped, in state_dir"),
        pytest.param(
            lambda: maillog.notice_failed("webhook", "warning", "HTTP status 503"),
            "WARNING", r'notice-failed route=webhook notice=warning reason="HTTP status 503"', id="notice-failed",
        ),
        pytest.param(
            lambda: maillog.notices_dropped("mail", 12), "WARNING", "notices-dropped route=mail number=12", id="notices-dropped"
        ),
        pytest.param(
            lambda: maillog.metrics_unavailable("127.0.0.1:9140", OSError(98, "Address already in use")),
            "ERROR", r'metrics-unavailable address=127\.0\.0\.1:9140 error="Address already in use"', id="metrics-unavailable",
        ),
        pytest.param(lambda: maillog.lines_dropped(9), "WARNING", "lines-dropped number=9", id="lines-dropped"),
    ],
)  # fmt: skip
def test_line(
    lines: pytest.LogCaptureFixture, event: Callable[[], None], level: str, line: str
) -> None:
    """Each event is one line of its level: its name, then key=value."""
    event()

    (record,) = lines.records
    assert level == record.levelname
    assert re.fullmatch(line, record.getMessage())


def test_each_problem_of_a_config_is_a_line(lines: pytest.LogCaptureFixture) -> None:
    """A file with three mistakes is rejected in three lines."""
    maillog.config_rejected(["one", "two", "three"])

    assert lines.messages == [
        f"config-rejected error={number}" for number in ("one", "two", "three")
    ]


def test_file_that_cant_be_used_has_no_trace(
    lines: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """What the system refuses is no error of sendlimit: one line with the file and the reason."""
    try:
        (tmp_path / "gone").unlink()
    except OSError:
        maillog.fault("journal")

    assert lines.messages == [
        f'fault where=journal error="{tmp_path}/gone: No such file or directory"'
    ]


def test_fault_has_its_trace_once(lines: pytest.LogCaptureFixture) -> None:
    """The trace of a fault is logged the first time; a repeat of the same is one line."""
    maillog._known_faults.clear()
    for _ in range(3):
        try:
            [].pop()
        except IndexError:
            maillog.fault("envfrom")

    traces = [message for message in lines.messages if message.startswith("Traceback")]
    faults = [message for message in lines.messages if message.startswith("fault ")]
    assert len(traces) == 1
    assert faults == ["fault where=envfrom error=\"IndexError('pop from empty list')\""] * 3


def test_accepted_costs_nothing_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    """At level info accepted mail makes no line."""
    caplog.set_level(logging.INFO, logger="sendlimit")
    maillog.accepted("alice@example.org", "192.0.2.7", "", "4WXYZ", 3)

    assert not caplog.records
    assert not maillog.accepts_debug()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("alice@example.org", "alice@example.org", id="plain"),
        pytest.param("", '""', id="empty"),
        pytest.param("a b", '"a b"', id="blank"),
        pytest.param('a"b', '"a\\"b"', id="quote"),
        pytest.param("a\\b", '"a\\\\b"', id="backslash"),
        pytest.param("x\nrefused mailbox=y", '"x\\nrefused mailbox=y"', id="line break"),
        pytest.param("\x1b[31m\x07", '"\\x1b[31m\\x07"', id="terminal"),
        pytest.param("\u2028\u202e", '"\\u2028\\u202e"', id="odd separators"),
        pytest.param("\ud800", '"\\ud800"', id="lone surrogate"),
        pytest.param("jürgen", '"jürgen"', id="umlaut"),
        pytest.param("x used=0", '"x used=0"', id="another key"),
        pytest.param(7, "7", id="number"),
    ],
)
def test_escaped(value: object, expected: str) -> None:
    """A value is plain, or quoted with its controls escaped."""
    assert expected == maillog.escaped(value)


@given(st.text(max_size=80))
def test_no_value_forges_a_line(value: str) -> None:
    """Any value is one printable word or one quoted text, from which it can be read back."""
    shown = maillog.escaped(value)

    assert shown.isprintable()
    if shown.startswith('"'):
        assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', shown)
    else:
        assert value == shown
        assert not re.search(r'[\s"\\]', shown)
