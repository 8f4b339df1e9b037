"""How much is measured: the whole run, or a quick one that shows that all of it works."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of one run.

    Attributes:
        rounds: how often each sample is taken; medians are reported.
        connections: loads of the comparison.
        seconds: length of one sample.
        mails: messages of one end-to-end sample.
        mailboxes: of the growth comparison, few and many.
        sessions: open at once, for the footprint.
        history_mailboxes: mailboxes with 90 days of history.
        kept: connections that are kept over all their mails, 2 ms apart.
    """

    rounds: int
    connections: tuple[int, ...] = (1, 10, 50, 200)
    seconds: float
    mails: int
    mailboxes: tuple[int, int]
    sessions: tuple[int, ...] = (10, 100, 500)
    history_mailboxes: int
    kept: tuple[int, ...] = (50, 200)


WHOLE = Plan(rounds=3, seconds=2, mails=2000, mailboxes=(1000, 1000000), history_mailboxes=10000)
QUICK = Plan(rounds=1, seconds=1, mails=300, mailboxes=(1000, 100000), history_mailboxes=1000)
