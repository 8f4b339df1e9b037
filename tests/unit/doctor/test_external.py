"""What makes mail for this server external is found: rule R18."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from sendlimit.doctor.external import external
from sendlimit.postfix.snapshot import SmtpdService, Snapshot
from sendlimit.rules.external import LOCAL_TRANSPORTS
from support.postfix_samples import snapshot_of

_DEFAULT = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"


def _postfix(macros: str, options: Mapping[str, str] | None = None, **transports: str) -> Snapshot:
    service = SmtpdService(
        key="submission/inet",
        is_chrooted=True,
        options=options or {},
        effective={
            "milter_rcpt_macros": macros,
            "receive_override_options": "",
            "smtpd_sasl_auth_enable": "yes",
        },
    )
    return replace(snapshot_of(service), mailbox_transports=transports)


def _found(snapshot: Snapshot) -> list[tuple[str, str, str, str]]:
    findings = external(snapshot, LOCAL_TRANSPORTS).findings
    return [(one.code, one.severity, one.subject, one.remedy) for one in findings]


def test_as_postfix_is() -> None:
    """Postfix's own list of macros and its own transports are right."""
    own = _postfix(
        _DEFAULT,
        local_transport="local:mail.example.org",
        virtual_transport="lmtp:unix:private/dovecot-lmtp",
    )
    check = external(own, LOCAL_TRANSPORTS)
    assert (check.name, check.findings) == ("external", ())
    assert check.message


@pytest.mark.parametrize(
    ("macros", "remedy"),
    [("i {rcpt_addr}", "i {rcpt_addr} {rcpt_mailer}"), ("", "{rcpt_mailer}")],
)
def test_macro_is_missing(macros: str, remedy: str) -> None:
    """It is asked for, which costs time."""
    command = f"postconf -e 'milter_rcpt_macros = {remedy}' && postfix reload"
    assert _found(_postfix(macros)) == [("rcpt-macros", "warning", "submission/inet", command)]


def test_macros_of_the_service() -> None:
    """What stands in master.cf is to be taken out there."""
    ((_, _, _, remedy),) = _found(_postfix("", options={"milter_rcpt_macros": ""}))
    assert "-o options in master.cf" in remedy


def test_a_service_without_logins() -> None:
    """Its mail is not counted, so what it says of recipients does not matter."""
    snapshot = _postfix("")
    (service,) = snapshot.services
    quiet = replace(service, effective={**service.effective, "smtpd_sasl_auth_enable": "no"})
    assert _found(replace(snapshot, services=(quiet,))) == []


def test_mailboxes_that_would_be_external() -> None:
    """A transport of mailboxes that is not in the list is a warning that says the whole list."""
    found = _found(_postfix(_DEFAULT, local_transport="maildrop", virtual_transport="dovecot:"))
    assert [one[:3] for one in found] == [
        ("local-transports", "warning", "local_transport"),
        ("local-transports", "warning", "virtual_transport"),
    ]
    assert '["local", "virtual", "lmtp", "maildrop"], systemctl reload' in found[0][3]
