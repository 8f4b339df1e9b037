"""Numbers of transactions: each is given once."""

from sendlimit.counting.committer_row import CommitterRow


def test_no_number_is_given_twice() -> None:
    """Also when a transaction is not committed: the fence could take the next one for it."""
    row = CommitterRow("me")

    assert [row.next(), row.next(), row.next()] == [1, 2, 3]
    assert (row.id, row.fences) == ("me", 0)
