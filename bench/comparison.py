"""Side by side: every contender at every number of connections, interleaved; exactness."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.contender import LIMIT_PER_DAY, Contender
from bench.plan import Plan
from bench.sampling import Sample, lost, progress, rate, settle, take

# So many that no mailbox reaches the limit while rates are measured.
_MAILBOXES = 20000
# Their numbers start above: exactness needs mailboxes that have sent nothing.
_FIRST_UNUSED = 900000
_REQUESTS = 3 * LIMIT_PER_DAY
_EXACTNESS_CONNECTIONS = 50
_EXACTNESS_S = 20
_ALL_MAILS = 1_000_000
SEVERAL_MAILS = 10
"""Mails of one connection in the second comparison."""
SEVERAL_MAILS_CONNECTIONS = 50
"""Connections of the second comparison."""


@dataclass
class Comparison:
    """Samples by contender and connections.

    Attributes:
        per_message: a new connection for each mail (milters).
        several_mails: several mails for each connection, 2 ms apart; milters only.
        kept: connections kept over all mails, 2 ms apart; milters only.
        passed: by contender, how many of 3 limits' worth of requests passed, each round.
        bare_us: median time of `UPDATE; COMMIT`, each round.
    """

    per_message: dict[tuple[str, int], list[Sample]] = field(
        default_factory=lambda: defaultdict(list)
    )
    several_mails: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    kept: dict[tuple[str, int], list[Sample]] = field(default_factory=lambda: defaultdict(list))
    passed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    bare_us: list[float] = field(default_factory=list)


def compare(
    contenders: Sequence[Contender], plan: Plan, bare_us: Callable[[], float]
) -> Comparison:
    """Measure all contenders in turn, round by round.

    Args:
        contenders: all that are compared.
        plan: sizes.
        bare_us: measures the least that a counted mail can cost.
    """
    found = Comparison()
    for contender in contenders:
        contender.run(seconds=0.5, connections=50, mailboxes=_MAILBOXES)
        settle(contender)
    for round_ in range(plan.rounds):
        found.bare_us.append(bare_us())
        progress(f"a bare UPDATE; COMMIT takes {found.bare_us[-1]:.0f} us")
        for connections in plan.connections:
            for contender in contenders:
                sample = take(
                    contender,
                    seconds=plan.seconds,
                    connections=connections,
                    mailboxes=_MAILBOXES,
                    seed=round_ + 1,
                )
                found.per_message[contender.name, connections].append(sample)
                _report(plan, round_, f"{connections} connections", contender, sample)
        for contender in contenders:
            if "policy" not in contender.load_options:
                sample = take(
                    contender,
                    seconds=plan.seconds,
                    connections=SEVERAL_MAILS_CONNECTIONS,
                    mails_per_connection=SEVERAL_MAILS,
                    mailboxes=_MAILBOXES,
                    seed=round_ + 1,
                )
                found.several_mails[contender.name].append(sample)
                _report(plan, round_, f"{SEVERAL_MAILS} mails each", contender, sample)
                for connections in plan.kept:
                    sample = take(
                        contender,
                        seconds=plan.seconds,
                        connections=connections,
                        mails_per_connection=_ALL_MAILS,
                        mailboxes=_MAILBOXES,
                        seed=round_ + 1,
                    )
                    found.kept[contender.name, connections].append(sample)
                    _report(plan, round_, f"{connections} connections kept", contender, sample)
        for contender in contenders:
            load = contender.run(
                seconds=_EXACTNESS_S,
                connections=_EXACTNESS_CONNECTIONS,
                count=_REQUESTS,
                mailboxes=1,
                first_mailbox=_FIRST_UNUSED + round_,
            )
            settle(contender)
            found.passed[contender.name].append(load.accepted)
            progress(f"exactness: {contender.name} let {load.accepted} of {_REQUESTS} pass")
    return found


def _report(plan: Plan, round_: int, what: str, contender: Contender, sample: Sample) -> None:
    text = f"round {round_ + 1}/{plan.rounds}, {what}: {contender.name} {rate(sample):.0f}/s"
    progress(text + (f", {lost(sample)} without an answer" if lost(sample) else ""))
