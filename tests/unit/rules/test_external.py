"""Which transports can be named as local: rule R18."""

import pytest

from sendlimit.rules.external import LOCAL_TRANSPORTS, read_transport


@pytest.mark.parametrize("name", [*LOCAL_TRANSPORTS, "dovecot", "my_lmtp-2.new"])
def test_names_of_transports(name: str) -> None:
    """What stands first in a line of master.cf is a transport."""
    assert read_transport(name) == name


@pytest.mark.parametrize(
    "text", ["", "lmtp:unix:x", "local virtual", "a,b", "[10.0.0.9]", "a/inet"]
)
def test_what_is_no_transport(text: str) -> None:
    """A next hop, a list or nothing is none, and the error says what is."""
    with pytest.raises(ValueError, match=r"first word of a line in master\.cf"):
        read_transport(text)
