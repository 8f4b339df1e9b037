"""What `show` says: the limits that bear on a subject, and the one that refuses."""

from sendlimit.rules.episode import Episode
from sendlimit.rules.explain import Explanation, LimitStatus, counters, explain
from sendlimit.rules.limit import (
    RECIPIENTS_PER_MESSAGE,
    SUSPENSION,
    CounterKey,
    LimitName,
    Origin,
    PartOf,
    Scope,
    Setting,
    Settings,
    Share,
)
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.override import Override
from sendlimit.rules.window import Window
from support.counting_samples import ALICE, BERLIN, moment, named, setting

NOW = moment("2026-11-22 12:30", "Europe/Berlin")


def override(row: Setting) -> Override:
    """Return a row of er_limit."""
    return Override(row, "newsletter", "bob", NOW - 3600)


def explained(
    *file: Setting,
    scope: Scope = Scope.MAILBOX,
    sender: Sender = ALICE,
    rows: tuple[Setting, ...] = (),
    used: dict[str, int] | None = None,
    episodes: dict[LimitName, Episode] | None = None,
) -> Explanation:
    """Explain with these settings and what is used by each limit's written name."""
    keys = counters(scope, sender, BERLIN, NOW)
    return explain(
        scope,
        sender,
        file=Settings.of(file),
        overrides=[override(row) for row in rows],
        usage={keys[named(name)]: amount for name, amount in (used or {}).items()},
        episodes=episodes or {},
        calendar=BERLIN,
        at=NOW,
    )


def status_of(explanation: Explanation, name: str) -> LimitStatus:
    """Return the one of this limit."""
    (found,) = (one for one in explanation.statuses if str(one.name) == name)
    return found


def test_messages_a_day_are_always_there() -> None:
    """Without any setting the three counts of R14 are shown, unlimited, the narrowest first."""
    found = explained()
    assert [
        (str(one.name), one.subject, one.max, one.used, one.remaining) for one in found.statuses
    ] == [
        ("mailbox.messages_per_day", "alice@example.org", None, 0, None),
        ("domain.messages_per_day", "example.org", None, 0, None),
        ("global.messages_per_day", "*", None, 0, None),
    ]
    assert found.exceeded is None


def test_most_specific_wins() -> None:
    """Each limit says which setting won: here the domain's file limit over everyone's row."""
    found = explained(
        setting("*", "mailbox.messages_per_day", 100),
        setting("example.org", "mailbox.messages_per_day", 200),
        rows=(setting("*", "mailbox.messages_per_day", 300),),
        used={"mailbox.messages_per_day": 150},
    )
    one = status_of(found, "mailbox.messages_per_day")
    assert one.source is not None
    assert (one.max, one.remaining, one.source.origin, one.source.subject) == (
        200,
        50,
        Origin.FILE,
        "example.org",
    )
    assert one.source.override is None


def test_boost_says_who_and_why() -> None:
    """A boost that holds goes before the override and carries its row; an ended one is nothing."""
    lasting = setting("alice@example.org", "mailbox.messages_per_day", 300)
    boost = setting("alice@example.org", "mailbox.messages_per_day", 500, NOW + 60)
    one = status_of(explained(rows=(lasting, boost)), "mailbox.messages_per_day")
    assert one.source is not None
    assert (one.max, one.source.origin, one.source.override) == (500, Origin.BOOST, override(boost))
    ended = boost._replace(valid_until=NOW)
    one = status_of(explained(rows=(lasting, ended)), "mailbox.messages_per_day")
    assert one.source is not None
    assert (one.max, one.source.origin, one.source.override) == (
        300,
        Origin.OVERRIDE,
        override(lasting),
    )


def test_refusal_names_global_first() -> None:
    """With several limits reached, the answer names global, then domain, then mailbox (R7)."""
    settings = [setting("*", f"{scope}.messages_per_day", 5) for scope in Scope]
    used = {f"{scope}.messages_per_day": 5 for scope in Scope}
    found = explained(*settings, used=used)
    assert found.exceeded is not None
    assert found.exceeded.limit.name == named("global.messages_per_day")
    found = explained(*settings, used=used | {"global.messages_per_day": 4})
    assert found.exceeded is not None
    assert found.exceeded.limit.name == named("domain.messages_per_day")


def test_refusal_names_the_last_to_free_up() -> None:
    """Within a scope the answer names the limit that frees up last (R7)."""
    found = explained(
        setting("*", "mailbox.messages_per_hour", 5),
        setting("*", "mailbox.recipients_per_day", 5),
        used={"mailbox.messages_per_hour": 9, "mailbox.recipients_per_day": 5},
    )
    assert found.exceeded is not None
    assert found.exceeded.limit.name == named("mailbox.recipients_per_day")
    assert found.exceeded.period == BERLIN.period(Window.DAY, NOW)


def test_recipients_per_message() -> None:
    """It has no count; it refuses the next mail only if it is 0."""
    found = explained(setting("*", "mailbox.recipients_per_message", 50))
    one = status_of(found, "mailbox.recipients_per_message")
    assert (one.used, one.remaining, found.exceeded) == (None, None, None)
    found = explained(setting("*", "mailbox.recipients_per_message", 0))
    assert found.exceeded is not None
    assert found.exceeded.limit.name == RECIPIENTS_PER_MESSAGE


def test_domain() -> None:
    """A domain is shown its pool and the server, and what its mailboxes count by."""
    found = explained(
        setting("*", "mailbox.messages_per_day", 100),
        setting("example.org", "mailbox.messages_per_hour", 7),
        setting("*", "domain.messages_per_day", 1000),
        scope=Scope.DOMAIN,
        sender=Sender("", "example.org"),
        used={"domain.messages_per_day": 1000},
    )
    assert {str(one.name) for one in found.statuses} == {
        "domain.messages_per_day",
        "global.messages_per_day",
    }
    assert [(str(one.name), one.max, one.subject) for one in found.defaults] == [
        ("mailbox.messages_per_hour", 7, "example.org"),
        ("mailbox.messages_per_day", 100, "*"),
    ]
    assert found.exceeded is not None


def test_mailbox_without_domain() -> None:
    """A login without a domain counts in no domain."""
    found = explained(setting("*", "domain.messages_per_day", 0), sender=Sender("alice", None))
    assert {one.name.scope for one in found.statuses} == {Scope.MAILBOX, Scope.GLOBAL}
    assert found.exceeded is None


def test_what_was_counted_or_refused_is_shown() -> None:
    """A limit that is no longer set is shown while its count or a refusal is left."""
    name = named("mailbox.messages_per_hour")
    key = CounterKey(name.scope, "alice@example.org", name.unit, name.window, 0)
    episode = Episode(key, 5, NOW - 99, NOW - 9, 2, "192.0.2.1", "a@b.c", "alice@example.org")
    found = explained(episodes={name: episode}, used={"mailbox.recipients_per_month": 3})
    assert status_of(found, "mailbox.messages_per_hour").episode == episode
    assert status_of(found, "mailbox.recipients_per_month").used == 3
    assert found.exceeded is None


def test_a_suspension() -> None:
    """R17: a suspension is shown while it holds, with its row, and goes before each other limit."""
    row = Setting("example.org", SUSPENSION, 0, NOW + 60)
    found = explained(setting("*", "global.messages_per_day", 0), rows=(row,))
    status = status_of(found, "mailbox.suspended")

    assert found.exceeded is not None
    assert found.exceeded.limit.name == SUSPENSION
    assert status.source is not None
    assert status.source.override == override(row)
    assert (status.max, status.used, status.remaining) == (0, None, None)
    ended = explained(rows=(row._replace(valid_until=NOW),))
    assert "mailbox.suspended" not in {str(one.name) for one in ended.statuses}


def test_a_suspension_of_a_domain() -> None:
    """R17: of a domain it is shown as what holds for each of its mailboxes."""
    sender = Sender("", "example.org")
    row = Setting("example.org", SUSPENSION, 0)
    found = explained(scope=Scope.DOMAIN, sender=sender, rows=(row,))

    assert "mailbox.suspended" in {str(one.name) for one in found.defaults}
    assert found.exceeded is None


def test_a_share() -> None:
    """R16: a share says of which limit it is part."""
    file = Settings.of(
        [setting("*", "global.messages_per_day", 999)],
        [Share("*", Scope.MAILBOX, Scope.GLOBAL, 10)],
    )
    found = explain(
        Scope.MAILBOX, ALICE, file=file, overrides=(), usage={}, episodes={}, calendar=BERLIN, at=NOW
    )  # fmt: skip
    status = status_of(found, "mailbox.messages_per_day")

    assert status.source is not None
    assert (status.max, status.source.origin) == (99, Origin.SHARE)
    assert status.source.part_of == PartOf(named("global.messages_per_day"), 999, 10)


def test_external_limit_that_is_used_up() -> None:
    """R18: the next mail passes, unless it has external recipients: both are told, each with its limit."""
    external, day = "mailbox.external_recipients_per_day", "mailbox.messages_per_day"
    limits = (Setting("*", named(external), 5), Setting("*", named(day), 9))
    found = explained(*limits, used={external: 5, day: 8})

    assert found.exceeded is None
    assert found.exceeded_external is not None
    assert (found.exceeded_external.limit.name, found.exceeded_external.used) == (
        named(external),
        5,
    )
    found = explained(*limits, used={external: 4, day: 9})
    assert found.exceeded is not None
    assert found.exceeded_external is None
