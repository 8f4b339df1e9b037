"""A ledger that answers in the caller's thread, with the real rules and a dict for a database."""

from queue import Empty

from sendlimit.counting.batch import Answer, answer_all
from sendlimit.counting.ledger import Addition, Ledger
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Request
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import CounterKey, Setting, holding


class ImmediateLedger(Ledger):
    """Counts exactly, for one test in one thread.

    Attributes:
        counters: what a database would hold, without what is 0.
        rows: what er_limit would hold.
        episodes: what was recorded, in order.
        answering: set to False in the middle of a mail, it is a database that went away.
    """

    def __init__(self, settings: CountingSettings) -> None:
        """Begin with empty tables."""
        super().__init__(settings, decision_timeout_s=0)
        self.counters: dict[CounterKey, int] = {}
        self.rows: list[Setting] = []
        self.episodes: list[Episode] = []
        self.bookings = 0
        self.up = True

    def ask(self, request: Request) -> Answer | None:
        """Decide at once."""
        if not self.up:
            return None
        self.drain()
        rows = holding(self.rows, request.at)
        self.learn(self.settings.file.with_rows(rows).names())
        facts = self.settings.facts(self.plans.with_rows(rows), self.counters)
        (answer,), additions = answer_all([request], facts, {})
        self._add(additions)
        return answer

    def drain(self) -> dict[CounterKey, int]:
        """Do what no caller waits for; return the counters."""
        while True:
            try:
                item = self.queue.get_nowait()
            except Empty:
                return self.counters
            if isinstance(item, Episode):
                self.episodes.append(item)
            elif isinstance(item, Addition):
                self.bookings += item.bookings
                for charge in item.charges:
                    self._add({charge.key: charge.amount})

    def _add(self, additions: dict[CounterKey, int]) -> None:
        for key, amount in additions.items():
            self.counters[key] = max(0, self.counters.get(key, 0) + amount)
        self.counters = {key: used for key, used in self.counters.items() if used}
