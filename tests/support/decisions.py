"""Decisions about a mail at noon, as the tests of the rules ask for them."""

from collections.abc import Mapping

from sendlimit.rules.decision import Decision, Request
from sendlimit.rules.limit import CounterKey, counted_names
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.plan import Plans
from sendlimit.rules.policy import Facts, decide
from sendlimit.rules.precedence import Rules
from support.counting_samples import ALICE, NOON, UTC, key_of

SUBJECTS = {"global": "*", "domain": "example.org", "mailbox": "alice@example.org"}


def decided(
    rules: Rules,
    usage: Mapping[CounterKey, int] | None = None,
    *,
    recipients: int = 0,
    sender: Sender = ALICE,
    observe: bool = False,
) -> Decision:
    """Decide a mail at noon, with everything counted that these rules limit."""
    facts = Facts(Plans(rules, counted_names(rules.names()), UTC), usage or {}, observe)
    return decide(Request(sender, NOON, recipients), facts)


def used_by_alice(**counters: int) -> dict[CounterKey, int]:
    """Return usage by names such as mailbox__messages_per_day, of Alice and hers."""
    return {
        key_of(name.replace("__", "."), SUBJECTS[name.partition("__")[0]]): used
        for name, used in counters.items()
    }


def charged(decision: Decision) -> dict[str, int]:
    """Return what was charged, by the limit's name with dots."""
    return {f"{key.scope}.{key.unit}.{key.window}": amount for key, amount in decision.charges}
