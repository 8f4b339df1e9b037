"""A daemon behind Postfix on a store that is about to be broken."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.traffic import Traffic, unnoticed

DECISION_TIMEOUT_S = 2.0
"""Of the daemons that the fault tests run: the default."""


@dataclass(frozen=True)
class Scene:
    """A daemon behind Postfix, with the store it counts in.

    Attributes:
        daemon: counts messages and recipients of every mailbox, no limit is ever reached.
        store: empty at the beginning.
        port: of Postfix, where `login` can send.
    """

    daemon: Sendlimit
    store: Counters
    port: int
    login: str

    def unnoticed(self) -> AbstractContextManager[Traffic]:
        """Send mails while the block breaks something; prove that no client noticed."""
        return unnoticed(self.port, self.login, self.store, decision_timeout_s=DECISION_TIMEOUT_S)


Staged = Callable[[Counters], AbstractContextManager[Scene]]
