"""The table [reply]."""

import pytest
from pydantic import ValidationError

from sendlimit.rules.reply import DEFAULT_TEXTS
from support.config_samples import config_of


def test_texts_that_are_not_set_have_defaults() -> None:
    """`sendlimit config` shows the default texts."""
    reply = config_of("").reply

    assert (reply.mailbox, reply.domain) == (DEFAULT_TEXTS["mailbox"], DEFAULT_TEXTS["domain"])
    assert (reply.global_, reply.message) == (DEFAULT_TEXTS["global"], DEFAULT_TEXTS["message"])


def test_a_domains_text_does_not_set_the_others() -> None:
    """A domain with a mailbox text of its own keeps the general ones for the rest."""
    wording = config_of('reply.global = "Server"\nreply.for."x.de".mailbox = "Grenze"').wording()

    assert wording.by_domain["x.de"] == {"mailbox": "Grenze"}
    assert wording.texts == {"global": "Server"}


@pytest.mark.parametrize(
    "text",
    [
        'reply.for."x.de".code = 450',
        "reply.code = 399",
        "reply.code = 500",
        'reply.enhanced_status = "4.7"',
        'reply.at = "data"',
    ],
)
def test_what_is_refused(text: str) -> None:
    """A permanent or malformed refusal is an error."""
    with pytest.raises(ValidationError):
        config_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "reply.code = 421",
    ],
)
def test_what_is_allowed(text: str) -> None:
    """Every temporary code can be set."""
    config_of(text)
