"""The base class of those who want to know what happens."""

from sendlimit.counting.events import Events
from sendlimit.errors import StoreUnavailable
from sendlimit.rules.decision import Decision
from support.counting_samples import ALICE, usage_of


def test_a_receiver_overrides_what_it_needs() -> None:
    """A receiver of one event can be given all of them."""

    class Faults(Events):
        where = ""

        def fault(self, where: str, /) -> None:
            self.where = where

    faults = Faults()
    faults.decided(ALICE, Decision(), 0.1)
    faults.undecided(accepted=True, seconds=2)
    faults.uncounted(exempt=True)
    faults.refused(ALICE, usage_of("mailbox.messages_per_day", 3, 3))
    faults.opened()
    faults.ended()
    faults.store_down(StoreUnavailable())
    faults.store_back(1)
    faults.mode_changed("memory")
    faults.batch_done(1, 0.1)
    faults.batch_retried(StoreUnavailable())
    faults.journal_unreadable(ValueError())
    faults.notice_done("mail", "sent")
    faults.fault("eom")

    assert faults.where == "eom"
