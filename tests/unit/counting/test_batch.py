"""One batch: what is loaded, decided and written (R6, R8, R9, R11)."""

from sendlimit.counting.batch import (
    answer_all,
    corrections,
    counted_now,
    optimistic_additions,
    reverse,
    subjects_to_load,
)
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import LATCH, Charge, Scope, Settings, Share, counted_names
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.plan import Plans
from sendlimit.rules.policy import Facts
from sendlimit.rules.precedence import Rules
from support.counting_samples import (
    ALICE,
    BOB,
    CAROL,
    NOON,
    UTC,
    file_rules,
    key_of,
    moment,
    named,
    setting,
)

_DAY = "mailbox.messages_per_day"
_RULES = file_rules(setting("*", _DAY, 3), setting("*", "mailbox.recipients_per_day", 10))
_NAMES = counted_names(_RULES.names())
_ALICES_DAY = key_of(_DAY, ALICE.mailbox)
_ALICES_RECIPIENTS = key_of("mailbox.recipients_per_day", ALICE.mailbox)


def _facts(**usage: int) -> Facts:
    return Facts(
        Plans(_RULES, _NAMES, UTC),
        {_ALICES_DAY: usage.get("messages", 0), _ALICES_RECIPIENTS: usage.get("recipients", 0)},
    )


def test_batch_counts_what_it_grants() -> None:
    """R6: five mails in one batch against a limit of 3 with 1 used: two pass, in the order they came."""
    asked = [Request(ALICE, NOON)] * 5

    answers, additions = answer_all(asked, _facts(messages=1), {})

    assert [answer.decision.refused for answer in answers] == [False, False, True, True, True]
    assert additions[_ALICES_DAY] == 2
    assert additions[LATCH] == 2


def test_batch_keeps_mailboxes_apart() -> None:
    """R4: what Alice used is not held against Bob."""
    answers, _ = answer_all([Request(ALICE, NOON), Request(BOB, NOON)], _facts(messages=3), {})

    assert [answer.decision.refused for answer in answers] == [True, False]


def test_refused_request_adds_nothing() -> None:
    """R6: a batch that only refuses has nothing to add."""
    answers, additions = answer_all([Request(ALICE, NOON)], _facts(messages=3), {})

    assert additions == {}
    assert answers[0].effects == ()


def test_refused_recipients_give_the_message_back() -> None:
    """R9: the mail that is refused at its end costs no message either."""
    reserved = (Charge(_ALICES_DAY, 1), Charge(LATCH, 1))

    answers, additions = answer_all(
        [Request(ALICE, NOON, 11, reserved=reserved)], _facts(messages=1), {}
    )

    assert answers[0].decision.refused
    assert additions == {_ALICES_DAY: -1, LATCH: -1}


def test_what_is_given_back_is_free_in_the_same_batch() -> None:
    """R9: the message of a mail refused at its end can be had by the next mail in line."""
    reserved = (Charge(_ALICES_DAY, 1),)
    asked = [Request(ALICE, NOON, 11, reserved=reserved), Request(ALICE, NOON)]

    answers, _ = answer_all(asked, _facts(messages=3), {})

    assert [answer.decision.refused for answer in answers] == [True, False]


def test_release_is_free_before_the_requests() -> None:
    """R8: a release that rides along counts for the mails in the same batch."""
    answers, additions = answer_all([Request(ALICE, NOON)], _facts(messages=3), {_ALICES_DAY: -1})

    assert not answers[0].decision.refused
    assert additions[_ALICES_DAY] == 0


def test_release_after_a_reset_is_no_credit() -> None:
    """R8: a counter that was reset while mail was in flight lets no more pass than the limit."""
    asked = [Request(ALICE, NOON)] * 5

    answers, additions = answer_all(asked, _facts(messages=1), {_ALICES_DAY: -2})

    assert [answer.decision.refused for answer in answers] == [False, False, False, True, True]
    assert additions[_ALICES_DAY] == 2


def test_booking_counts_before_the_requests() -> None:
    """R11: what was accepted in an outage is counted first."""
    answers, additions = answer_all([Request(ALICE, NOON)], _facts(messages=2), {_ALICES_DAY: 5})

    assert answers[0].decision.refused
    assert additions == {_ALICES_DAY: 5}


def test_loaded_usage_is_not_changed() -> None:
    """A batch that has to be done again starts from what was loaded."""
    facts = _facts(messages=1)
    answer_all([Request(ALICE, NOON)], facts, {})

    assert facts.usage[_ALICES_DAY] == 1


def test_reverse_undoes() -> None:
    """Charges and their reverse sum up to nothing."""
    charges = (Charge(_ALICES_DAY, 1), Charge(_ALICES_RECIPIENTS, 5))

    assert reverse(charges) == (Charge(_ALICES_DAY, -1), Charge(_ALICES_RECIPIENTS, -5))
    assert reverse(reverse(charges)) == charges


def test_latch_is_locked_first() -> None:
    """Every batch locks the counter of all mail ever before all others, also when it only looks."""
    for asked in ([], [Request(ALICE, NOON)], [Request(ALICE, NOON, 4)]):
        assert (
            next(
                iter(
                    optimistic_additions(
                        asked, Facts(Plans(Rules(), _NAMES, UTC), {}), {_ALICES_DAY: 1}
                    )
                )
            )
            == LATCH
        )


def test_each_counter_is_loaded_once() -> None:
    """Ten mails of one mailbox need its counters once, with ten optimistic additions."""
    added = optimistic_additions(
        [Request(ALICE, NOON)] * 10, Facts(Plans(Rules(), _NAMES, UTC), {}), {}
    )

    assert added == {
        LATCH: 10,
        key_of("global.messages_per_day", "*"): 10,
        key_of("domain.messages_per_day", "example.org"): 10,
        _ALICES_DAY: 10,
        _ALICES_RECIPIENTS: 0,
    }


def test_end_of_a_mail_needs_recipients_only() -> None:
    """R9: what a message counter holds is no question at the end of a mail."""
    added = optimistic_additions(
        [Request(ALICE, NOON, 4)], Facts(Plans(Rules(), _NAMES, UTC), {}), {}
    )

    assert added == {LATCH: 0, _ALICES_RECIPIENTS: 4}


def test_what_is_owed_rides_along() -> None:
    """R11: bookings are added with the rest; what is given back waits for the corrections."""
    added = optimistic_additions(
        [Request(ALICE, NOON, 4)],
        Facts(Plans(Rules(), _NAMES, UTC), {}),
        {_ALICES_RECIPIENTS: -6, _ALICES_DAY: 2},
    )

    assert added == {LATCH: 0, _ALICES_RECIPIENTS: 0, _ALICES_DAY: 2}


def test_corrections_lead_to_what_is_wanted() -> None:
    """R6: packet 2 adds what packet 1 did not, and takes back what was added in vain."""
    found = corrections(
        {_ALICES_DAY: 5, LATCH: 5}, {_ALICES_DAY: 2, LATCH: 5, _ALICES_RECIPIENTS: -3}
    )

    assert found == {_ALICES_DAY: -3, _ALICES_RECIPIENTS: -3}


def test_each_request_has_its_own_period() -> None:
    """R5: two mails around midnight in one batch are of two days."""
    asked = [Request(ALICE, moment(f"2026-11-{time}")) for time in ("22 23:59:59", "23 00:00:00")]

    answers, additions = answer_all(asked, Facts(Plans(_RULES, _NAMES, UTC), {_ALICES_DAY: 3}), {})

    assert [answer.decision.refused for answer in answers] == [True, False]
    assert additions[key_of(_DAY, ALICE.mailbox, asked[1].at)] == 1


def test_overrides_of_all_levels_are_loaded() -> None:
    """R10: everyone, each domain and each mailbox, each once."""
    asked = [Request(sender, NOON) for sender in (ALICE, BOB, CAROL, ALICE, Sender("root", None))]

    assert list(subjects_to_load(asked)) == [
        "*",
        "alice@example.org",
        "example.org",
        "bob@example.org",
        "carol@example.net",
        "example.net",
        "root",
    ]


def test_names_come_from_file_and_database() -> None:
    """R14: counted is what the file limits, what the database was seen to limit, and what it limits now."""
    settings = CountingSettings(file_rules(setting("*", "mailbox.messages_per_hour", 5)), UTC)
    known = frozenset({named("mailbox.messages_per_minute")})
    rows = [
        setting("x.org", "domain.recipients_per_month", 5),
        setting("x.org", "domain.messages_per_month", None),
    ]

    names = {str(name) for name in counted_now(settings, known, rows)}

    assert names >= {
        "mailbox.messages_per_hour",
        "mailbox.messages_per_minute",
        "domain.recipients_per_month",
    }
    assert "domain.messages_per_month" not in names


def test_what_shares_count() -> None:
    """R16: a limit of the server that is set in the database alone makes a share be counted, too."""
    settings = CountingSettings(
        Rules(Settings.of([], [Share("*", Scope.MAILBOX, Scope.GLOBAL, 10)])), UTC
    )
    hour = named("global.messages_per_hour")
    for found in (counted_now(settings, frozenset({hour})), counted_now(settings, frozenset(), [setting("*", str(hour), 9)])):  # fmt: skip
        assert named("mailbox.messages_per_hour") in found
    assert named("mailbox.messages_per_hour") not in counted_now(settings, frozenset())
