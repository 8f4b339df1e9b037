"""The words of a refusal."""

import re

import pytest

from sendlimit.rules.decision import LimitUsage
from sendlimit.rules.limit import SUSPENSION, CounterKey, Limit, Origin, Scope
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.reply import (
    DEFAULT_TEXTS,
    FIXED_TEXT,
    LINE_MAX,
    PLACEHOLDERS,
    SUSPENDED_PLACEHOLDERS,
    UNAVAILABLE_TEXT,
    Reply,
    Wording,
    duration,
    problem_with,
    values,
)
from support.counting_samples import ALICE, BERLIN, NOON, UTC, usage_of

_HIT = usage_of("mailbox.messages_per_day", 100, 100)


def _text(template: str, sender: Sender = ALICE) -> str:
    wording = Wording(texts={"mailbox": template})
    return wording.refusal(_HIT, sender, UTC, NOON).text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "mailbox.messages_per_day",
            "Sending limit reached: 100 of 100 messages sent by alice@example.org this day,"
            " sending works again from 2026-11-23 00:00 UTC",
            id="mailbox",
        ),
        pytest.param(
            "domain.recipients_per_hour",
            "Sending limit reached: 100 of 100 recipients sent by example.org this hour,"
            " sending works again from 2026-11-22 13:00 UTC",
            id="domain",
        ),
        pytest.param(
            "global.messages_per_month",
            "Sending limit of this server reached: 100 of 100 messages this month,"
            " sending works again from 2026-12-01 00:00 UTC",
            id="global",
        ),
        pytest.param(
            "mailbox.recipients_per_message",
            "Too many recipients: one mail of alice@example.org may go to 100 at most",
            id="recipients per message",
        ),
    ],
)
def test_default_texts(name: str, expected: str) -> None:
    """Each kind of refusal has a default text that a person can act on."""
    reply = Wording().refusal(usage_of(name, 100, 100), ALICE, UTC, NOON)

    assert Reply("450", "4.7.1", expected) == reply
    assert len(expected) <= 160


@pytest.mark.parametrize(
    ("placeholder", "expected"),
    [
        ("used", "100"),
        ("limit", "100"),
        ("remaining", "0"),
        ("unit", "messages"),
        ("mailbox", "alice@example.org"),
        ("domain", "example.org"),
        ("scope", "mailbox"),
        ("window", "day"),
        ("resets_at", "2026-11-23 00:00 UTC"),
        ("resets_in", "12 hours"),
    ],
)
def test_placeholders(placeholder: str, expected: str) -> None:
    """Every placeholder stands for its value."""
    assert placeholder in PLACEHOLDERS
    assert expected == _text("{" + placeholder + "}")


def test_time_is_the_calendars() -> None:
    """{resets_at} is local time and names its zone."""
    reply = Wording().refusal(_HIT, ALICE, BERLIN, NOON)

    assert reply.text.endswith("from 2026-11-23 01:00 CET")


def test_remaining_is_never_negative() -> None:
    """A limit that was lowered below the use leaves 0."""
    wording = Wording(texts={"mailbox": "{remaining}"})

    assert wording.refusal(usage_of("mailbox.messages_per_day", 3, 9), ALICE, UTC, NOON).text == "0"


def test_text_for_a_domain() -> None:
    """A domain's own text goes before the general one; what it doesn't set is general."""
    wording = Wording(
        texts={"mailbox": "general", "global": "server"},
        by_domain={"example.org": {"mailbox": "Versandlimit erreicht"}},
    )

    assert wording.refusal(_HIT, ALICE, UTC, NOON).text == "Versandlimit erreicht"
    assert wording.refusal(_HIT, Sender("x@other.org", "other.org"), UTC, NOON).text == "general"
    global_hit = usage_of("global.messages_per_day", 1, 1)
    assert wording.refusal(global_hit, ALICE, UTC, NOON).text == "server"


def test_mailbox_without_domain() -> None:
    """A login without a domain is worded as well, with itself as {domain}."""
    assert _text("{domain}", Sender("alice", None)) == "alice"


def test_code_and_status_are_the_configured_ones() -> None:
    """Code and enhanced status come from the configuration."""
    reply = Wording("452", "4.2.2").refusal(_HIT, ALICE, UTC, NOON)

    assert (reply.code, reply.enhanced_status) == ("452", "4.2.2")


def test_unavailable() -> None:
    """on_failure = "tempfail" answers 451 4.3.0 and blames no limit."""
    assert Reply("451", "4.3.0", UNAVAILABLE_TEXT) == Wording("452", "4.2.2").unavailable()


@pytest.mark.parametrize(
    ("mailbox", "expected"),
    [
        pytest.param("a\r\nb@x.org", "a b@x.org", id="line break"),
        pytest.param("a\x00\x1b[31mb@x.org", "a??[31mb@x.org", id="controls"),
        pytest.param("a\ud800b@x.org", "a?b@x.org", id="lone surrogate"),
        pytest.param("a\u202eb@x.org", "a?b@x.org", id="text turned round"),
        pytest.param("100%@x.org", "100%@x.org", id="percent is doubled where it is sent"),
        pytest.param("{used}@x.org", "{used}@x.org", id="placeholder in a login"),
        pytest.param("jürgen@x.org", "jürgen@x.org", id="umlaut"),
    ],
)
def test_odd_logins_make_safe_texts(mailbox: str, expected: str) -> None:
    """Nothing in a login can break the reply's line or reach a terminal raw."""
    assert expected == _text("{mailbox}", Sender(mailbox, "x.org"))


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("x" * (LINE_MAX + 1), id="too long"),
        pytest.param("é" * (LINE_MAX // 2 + 1), id="too long in bytes"),
        pytest.param("{used", id="open brace"),
        pytest.param("{nonsense}", id="unknown placeholder"),
        pytest.param("{0}", id="by number"),
        pytest.param("{used.nonsense}", id="attribute"),
        pytest.param("{used:d}", id="format"),
        pytest.param(" \r\n ", id="nothing to say"),
    ],
)
def test_text_that_cannot_be_used(template: str) -> None:
    """A text that can't be filled in or sent gives way to the fixed one."""
    assert _text(template) == FIXED_TEXT


def test_longest_line_is_sent() -> None:
    """A text of exactly the greatest length is sent as it is."""
    assert _text("x" * LINE_MAX) == "x" * LINE_MAX


@pytest.mark.parametrize("text", DEFAULT_TEXTS.values(), ids=DEFAULT_TEXTS.keys())
def test_default_texts_pass_their_own_check(text: str) -> None:
    """The default texts are such that the config file would take them."""
    assert problem_with(text) is None


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        pytest.param("{usde} of {limit}", r"unknown placeholder \{usde\}; allowed: \{used\} ", id="unknown"),
        pytest.param("{used", r"a brace that stands alone .*; write \{\{ or \}\}", id="open"),
        pytest.param("50} used", r"a brace that stands alone", id="closed"),
        pytest.param("{used:>5}", r"placeholder \{used\} with a format; write \{used\} alone", id="format"),
        pytest.param("{used!r}", r"placeholder \{used\} with a format", id="conversion"),
        pytest.param("{mailbox.__class__}", r"unknown placeholder \{mailbox.__class__\}", id="attribute"),
        pytest.param("", r"is empty; leave the key out", id="empty"),
        pytest.param("one\ntwo", r"has a line break or a control character", id="line break"),
        pytest.param("bell\x07", r"has a line break or a control character", id="control"),
        pytest.param("x" * 981, r"is too long: 981 bytes once filled in, at most 980", id="too long"),
        pytest.param("x" * 800 + "{mailbox}", r"is too long: 1054 bytes once filled in", id="too long filled in"),
    ],
)  # fmt: skip
def test_problem_with_a_text(template: str, problem: str) -> None:
    """A wrong text is refused when the file is loaded, with what is allowed."""
    found = problem_with(template)

    assert found is not None
    assert re.search(problem, found)


@pytest.mark.parametrize("template", ["plain", "100 % used", "{{used}} {used}", "Größe: {limit}"])
def test_nothing_wrong_with_a_text(template: str) -> None:
    """Percent signs, doubled braces and umlauts are fine."""
    assert problem_with(template) is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "2 minutes"),
        (3599, "1 hour"),
        (3600, "1 hour"),
        (5400, "1 hour 30 minutes"),
        (86_399, "1 day"),
        (90_000, "1 day 1 hour"),
        (90_060, "1 day 1 hour"),
        (30 * 86_400 + 82_800, "30 days 23 hours"),
    ],
)
def test_duration(seconds: int, expected: str) -> None:
    """A span is said in its two largest units, rounded up to a minute."""
    assert expected == duration(seconds)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, "Sending is switched off for alice@example.org"),
        ({"mailbox": "More from {resets_at}"}, "Sending is switched off for alice@example.org"),
        ({"mailbox": "Wait {resets_in}"}, "Sending is switched off for alice@example.org"),
        ({"mailbox": "Ask {domain}"}, "Ask example.org"),
    ],
)
def test_limit_of_nothing_promises_no_time(texts: dict[str, str], expected: str) -> None:
    """Where nothing may be sent, no text says when sending works again."""
    exceeded = usage_of("mailbox.messages_per_day", limit=0, used=0)
    reply = Wording(texts=texts).refusal(exceeded, ALICE, UTC, NOON)

    assert reply.text == expected
    assert exceeded.resets_at is None


def test_texts_that_name_a_moment_by_another_name() -> None:
    """A placeholder for a moment that does not come is filled with a word, not with a date."""
    for name, limit in (("mailbox.messages_per_hour", 0), ("mailbox.recipients_per_message", 5)):
        filled = values(usage_of(name, limit, limit), ALICE, UTC, NOON)

        assert (filled["resets_at"], filled["resets_in"]) == ("never", "never")


def test_suspended() -> None:
    """R17: the answer to a suspended mailbox has no number, and its text can have none."""
    limit = Limit(SUSPENSION, 0, "*", Origin.OVERRIDE)
    key = CounterKey(Scope.MAILBOX, ALICE.mailbox, SUSPENSION.unit, SUSPENSION.window, 0)
    exceeded = LimitUsage(limit, key, 0, UTC.period(SUSPENSION.window, NOON))
    own = Wording(texts={"suspended": "{mailbox} of {domain}: call us"})

    assert Wording().refusal(exceeded, ALICE, UTC, NOON) == (
        "450",
        "4.7.1",
        "Sending is suspended for alice@example.org, please ask your administrator",
    )
    assert own.refusal(exceeded, ALICE, UTC, NOON).text == (
        "alice@example.org of example.org: call us"
    )
    assert problem_with("{used} sent", SUSPENDED_PLACEHOLDERS) == (
        "has an unknown placeholder {used}; allowed: {mailbox} {domain}"
    )
