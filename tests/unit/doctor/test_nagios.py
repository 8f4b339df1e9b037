"""The line for Nagios: state, who is near a limit, performance data."""

import re

import pytest

from sendlimit.doctor.nagios import PluginState, plugin_result, unknown
from sendlimit.doctor.status import Counted, Status
from sendlimit.rules.in_force import NearLimit
from sendlimit.rules.limit import SUSPENSION, Limit, Origin, Setting
from sendlimit.rules.window import Period
from sendlimit.store.findings import Findings
from support.counting_samples import file_rules, named

_PERFORMANCE = re.compile(r"(?:\w+=\d+(?:;\d*){0,4} ?)+")


def _near(subject: str, used: int, name: str = "mailbox.messages_per_day") -> NearLimit:
    return NearLimit(subject, Limit(named(name), 100, "*", Origin.FILE), used)


def _status(
    *near: NearLimit,
    suspended: tuple[str, ...] = (),
    problems: tuple[str, ...] = (),
    observe: bool = False,
) -> Status:
    rules = file_rules().with_rows([Setting(subject, SUSPENSION, 0) for subject in suspended])
    counted = Counted(
        rules=rules,
        server_used=340,
        server_max=999,
        near=[*near],
        last_refusal=None,
        doctor=Findings(None, []),
    )
    return Status(
        daemon_answers=True,
        daemon="unix:/x",
        attached=["smtp/inet"],
        observe=observe,
        in_force="enforce: mail is refused beyond 999 messages per day of the whole server",
        day=Period(0, 86_400),
        percent=80,
        counted=counted,
        problems=[*problems],
    )


@pytest.mark.parametrize(
    ("status", "line", "state"),
    [
        pytest.param(
            _status(),
            "SENDLIMIT OK: enforce: mail is refused beyond 999 messages per day of the whole server"
            " | server_today=340;;999;0;999 near_limit=0;0;;0 suspended=0;0;;0",
            PluginState.OK,
            id="all is well",
        ),
        pytest.param(
            _status(_near("a@x.org", 100), _near("b@x.org", 85)),
            "SENDLIMIT WARNING: near a limit: a@x.org 100 of 100 messages per day, b@x.org 85 of 100"
            " messages per day | server_today=340;;999;0;999 near_limit=2;0;;0 suspended=0;0;;0",
            PluginState.WARNING,
            id="near a limit",
        ),
        pytest.param(
            _status(suspended=("a@x.org", "x.org")),
            "SENDLIMIT WARNING: suspended: a@x.org, x.org"
            " | server_today=340;;999;0;999 near_limit=0;0;;0 suspended=2;0;;0",
            PluginState.WARNING,
            id="suspended",
        ),
        pytest.param(
            _status(_near("*", 100, "global.messages_per_hour")),
            "SENDLIMIT CRITICAL: near a limit: the server 100 of 100 messages per hour"
            " | server_today=340;;999;0;999 near_limit=1;0;;0 suspended=0;0;;0",
            PluginState.CRITICAL,
            id="the server's limit is used up",
        ),
        pytest.param(
            _status(_near("*", 100, "global.messages_per_rolling_hour"), observe=True),
            "SENDLIMIT WARNING: near a limit: the server 100 of 100 messages per 60 minutes"
            " | server_today=340;;999;0;999 near_limit=1;0;;0 suspended=0;0;;0",
            PluginState.WARNING,
            id="the server's limit is used up, and refuses nothing",
        ),
        pytest.param(
            _status(suspended=("a@x.org", "b@x.org", "c@x.org", "*")),
            "SENDLIMIT CRITICAL: suspended: the server, a@x.org, b@x.org and 1 more"
            " | server_today=340;;999;0;999 near_limit=0;0;;0 suspended=4;0;;0",
            PluginState.CRITICAL,
            id="everyone is suspended",
        ),
        pytest.param(
            _status(_near("a@x.org", 100), problems=("no daemon listens there", "and more")),
            "SENDLIMIT CRITICAL: no daemon listens there; and more"
            " | server_today=340;;999;0;999 near_limit=1;0;;0 suspended=0;0;;0",
            PluginState.CRITICAL,
            id="not limited",
        ),
    ],
)
def test_line(status: Status, line: str, state: PluginState) -> None:
    """One line says what is most pressing; a server that is not limited is critical."""
    assert plugin_result(status) == (line, state)


def test_many_are_near() -> None:
    """Of many the fullest three are named."""
    line = plugin_result(_status(*(_near(f"m{n}@x.org", 99 - n) for n in range(9)))).line
    assert "m2@x.org 97 of 100 messages per day and 6 more | " in line


def test_no_database() -> None:
    """Without numbers there is no performance data."""
    status = _status(problems=("gone",))
    status.counted = None
    assert plugin_result(status).line == "SENDLIMIT CRITICAL: gone"


def test_foreign_text() -> None:
    """A login with a bar or a line break makes neither a second line nor performance data."""
    line = plugin_result(_status(_near("a|b=1\nc@x.org", 90))).line
    text, _, performance = line.partition(" | ")

    assert "\n" not in line
    assert "a/b=1 c@x.org 90 of 100" in text
    assert _PERFORMANCE.fullmatch(performance)


def test_unknown() -> None:
    """A configuration that can't be used is the state unknown: nothing was looked at."""
    assert unknown(["/etc/x: mode: is wrong"]) == (
        "SENDLIMIT UNKNOWN: /etc/x: mode: is wrong",
        PluginState.UNKNOWN,
    )
