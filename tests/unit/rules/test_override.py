"""A limit that was set in the database."""

from sendlimit.rules.override import Override
from support.counting_samples import ALICE, DAILY, NOON, setting


def test_any_change_of_a_row_is_seen() -> None:
    """Rows that differ in the limit, the reason, who or when differ: an import compares them."""
    row = Override(setting(ALICE.mailbox, DAILY, 9), "holidays", "root", NOON)

    assert row == Override(setting(ALICE.mailbox, DAILY, 9), "holidays", "root", NOON)
    others = (
        row._replace(setting=setting(ALICE.mailbox, DAILY, 8)),
        row._replace(reason=""),
        row._replace(set_by="bob"),
        row._replace(set_at=NOON + 1),
    )
    assert row not in others
