"""Between the ledger's words and rows of the tables."""

from dataclasses import replace

import pytest

from sendlimit.errors import SchemaError
from sendlimit.rules.counting_settings import Publication
from sendlimit.rules.limit import LATCH, LIMIT_NAMES
from sendlimit.store import SCHEMA_VERSION, LeaseRow
from sendlimit.store.rows import (
    check_version,
    episode_params,
    key_params,
    lease_row,
    limit_name,
    loaded,
    placeholders,
    published_days,
    published_limits,
    setting,
    split,
)
from support.command_samples import ALICE, NOW, day, episode
from support.counting_samples import DAILY, LIMIT_OF_3, NOON, named
from support.counting_samples import setting as setting_of


def test_key_of_the_latch() -> None:
    """The latch has the period that the statements name."""
    assert key_params(LATCH) == ("global", "*", "messages", "ever", "1970-01-01 00:00:00")


def test_usage_before_the_batch() -> None:
    """Packet 1 returns what counters are after it added; usage is what they were before."""
    found = loaded({LATCH: 2, day(ALICE): 0}, [(12,), (7,)], [], [("me", 3, 0)])

    assert found.usage == {LATCH: 10, day(ALICE): 7}
    assert found.lease == LeaseRow("me", 3, 0)


def test_counters_must_all_come_back() -> None:
    """A row too few is an error, never a wrong count."""
    with pytest.raises(ValueError, match="shorter"):
        loaded({LATCH: 2, day(ALICE): 0}, [(12,)], [], None)


@pytest.mark.parametrize("number", [-1, 2**63 - 1, 10**18, 1.5, "many", b"\xff", None])
def test_odd_lease(number: object) -> None:
    """A number that the row can't have is 0, so that the next one is what the statements write."""
    assert lease_row([("d1", number, number)]) == LeaseRow("d1", 0, 0)
    assert lease_row([("d1", 10**18 - 1, 7)]) == LeaseRow("d1", 10**18 - 1, 7)


@pytest.mark.parametrize("name", LIMIT_NAMES, ids=str)
def test_every_limit_has_its_row(name: tuple[str, str, str]) -> None:
    """A row of er_limit names the limit that it was written for."""
    assert limit_name(name) == name
    assert setting((ALICE, *name, 5, None)).name == name


@pytest.mark.parametrize(("row_end", "until"), [((None,), None), (("2026-11-22 12:00:00",), NOON)])
def test_settings(row_end: tuple[object], until: int | None) -> None:
    """A row with an end is a boost; a maximum that is NULL is unlimited."""
    scope, unit, window = named(DAILY)

    assert setting((ALICE, scope, unit, window, None, *row_end)) == setting_of(
        ALICE, DAILY, None, until
    )


def test_corrections_are_split() -> None:
    """What is given back is an update of its own, in amounts above 0."""
    assert split({LATCH: -2, day(ALICE): 3}) == ({day(ALICE): 3}, {LATCH: 2})


def test_long_texts_of_an_episode() -> None:
    """Texts from the network are cut to the width of their columns."""
    found = episode_params(replace(episode(day(ALICE)), last_sender="x" * 300))

    assert found[-2] == "x" * 255


def test_published() -> None:
    """The views get the limits of the file in one order, and days as moments of the tables."""
    publication = Publication(
        [setting_of("b", DAILY, None), LIMIT_OF_3, setting_of("a", DAILY, 0)], [(0, NOON)]
    )

    assert [row[0] for row in published_limits(publication)] == ["*", "a", "b"]
    assert published_days(publication) == [("1970-01-01 00:00:00", "2026-11-22 12:00:00")]


@pytest.mark.parametrize(
    ("found", "remedy"),
    [
        (None, "db init"),
        (SCHEMA_VERSION - 1, "db upgrade"),
        (SCHEMA_VERSION + 1, "upgrade sendlimit"),
    ],
)
def test_other_versions(found: int | None, remedy: str) -> None:
    """Tables that are missing, older or newer are named with what to do."""
    with pytest.raises(SchemaError, match=f"^here: .*{remedy}"):
        check_version(found, "here")
    check_version(SCHEMA_VERSION, "here")


def test_placeholders() -> None:
    """As many as there are values, so that no value gets into the text."""
    assert placeholders([ALICE, NOW, "x"]) == "%s, %s, %s"
