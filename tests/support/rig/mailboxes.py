"""Mailboxes that no other test uses, so that tests can share servers and a daemon."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from support.rig.dovecot import MAILBOXES, PASSWORD

_DOMAINS = 1000
_NAMES = ("alice", "bob", "carol")


@dataclass(frozen=True)
class FreshDomain:
    """A domain with three mailboxes that have not sent anything yet."""

    name: str

    @property
    def alice(self) -> str:
        """The first mailbox."""
        return f"alice@{self.name}"

    @property
    def bob(self) -> str:
        """The second mailbox."""
        return f"bob@{self.name}"

    @property
    def carol(self) -> str:
        """The third mailbox."""
        return f"carol@{self.name}"


def fresh_domains() -> Iterator[FreshDomain]:
    """Yield domains, each once; their mailboxes are in `known_mailboxes`."""
    return (FreshDomain(f"d{number}.example") for number in range(_DOMAINS))


def known_mailboxes() -> Mapping[str, str]:
    """Return passwords by login, for Dovecot: the rig's own mailboxes and the fresh ones."""
    fresh = {f"{name}@{domain.name}": PASSWORD for domain in fresh_domains() for name in _NAMES}
    return {**MAILBOXES, **fresh}
