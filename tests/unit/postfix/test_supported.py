"""Configurations that attach refuses."""

from dataclasses import replace

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix.supported import refuse_unless_supported
from support.postfix_samples import AUTH, snapshot_from

_SMTP = "smtp inet n - y - - smtpd\n"


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        pytest.param({"version": "2.11.3"}, "Postfix 2.11.3, but .* 3.0 or newer", id="old"),
        pytest.param({"version": "unknown"}, "3.0 or newer", id="odd-version"),
        pytest.param(
            {"multi_instance_directories": "/etc/postfix-out"},
            "main.cf: multi_instance_directories = /etc/postfix-out.*--config-directory",
            id="instances",
        ),
        pytest.param({"main": "", "master": _SMTP}, "no smtpd service offers AUTH", id="no-auth"),
        pytest.param(
            {"main": f"{AUTH}receive_override_options = no_milters\n"},
            "milters are switched off on every service.*: smtp/inet: take no_milters out",
            id="no_milters",
        ),
        pytest.param(
            {"master": "127.0.0.1:2525 inet n - y - - smtpd\n  -o smtpd_milters=\n"},
            "switched off on every service that can have logins: 127.0.0.1:2525/inet:",
            id="empty-milters",
        ),
        pytest.param({"master": _SMTP * 2}, "smtp/inet is there twice", id="twice"),
    ],
)
def test_refusals(facts: dict[str, str], message: str) -> None:
    """What is not understood is refused with file, setting and remedy."""
    texts = {"main": AUTH, "master": _SMTP} | {
        name: value for name, value in facts.items() if name in {"main", "master"}
    }
    others = {name: value for name, value in facts.items() if name not in texts}

    with pytest.raises(PostfixError, match=message):
        refuse_unless_supported(snapshot_from(texts["main"], texts["master"], **others))


def test_instance_that_was_chosen() -> None:
    """With --config-directory one of several instances can be attached."""
    snapshot = snapshot_from(AUTH, _SMTP, multi_instance_directories="/x", is_chosen=True)

    refuse_unless_supported(snapshot)


def test_text_that_postfix_reads_in_another_way() -> None:
    """A service whose options we read differently than Postfix is refused."""
    snapshot = snapshot_from(AUTH, _SMTP)
    (service,) = snapshot.services
    odd = replace(service, options={"smtpd_milters": "inet:x"})

    with pytest.raises(PostfixError, match="options of smtp/inet are written in a way"):
        refuse_unless_supported(replace(snapshot, services=(odd,)))
