"""What lets a client relay without a login is found, and nothing else is taken for it."""

import pytest

from sendlimit.postfix.restrictions import is_for_trusted_only, permits_without_login
from sendlimit.postfix.snapshot import SmtpdService

RELAY, RECIPIENT = "smtpd_relay_restrictions", "smtpd_recipient_restrictions"
DEBIAN = "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"


def service(**lists: str) -> SmtpdService:
    """An smtpd service with these restriction lists."""
    return SmtpdService(key="smtp/inet", is_chrooted=True, options={}, effective=lists)


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({RELAY: DEBIAN}, ()),
        ({RELAY: f"permit_tls_clientcerts, {DEBIAN}"}, ("permit_tls_clientcerts",)),
        ({RELAY: f"permit_tls_all_clientcerts,{DEBIAN}"}, ("permit_tls_all_clientcerts",)),
        ({RELAY: f"Check_Client_Access hash:/x {DEBIAN}"}, ("check_client_access",)),
        (
            {
                RELAY: f"check_client_access inline:{{ {{ 192.0.2.1 = OK }}, {{ b = reject }} }} {DEBIAN}"
            },
            ("check_client_access",),
        ),
        (
            {RELAY: f"check_policy_service {{ inet:h:1, timeout=1s }}, {DEBIAN}"},
            ("check_policy_service",),
        ),
        ({RELAY: f"admins_own_class, {DEBIAN}"}, ("admins_own_class",)),
        ({RELAY: f"{DEBIAN}, permit_tls_clientcerts"}, ()),
        ({RELAY: "permit_sasl_authenticated, permit"}, ("permit",)),
        ({RELAY: f"permit_mynetworks, permit, {DEBIAN}"}, ("permit",)),
        ({RELAY: f"warn_if_reject reject, permit_mx_backup, {DEBIAN}"}, ("permit_mx_backup",)),
        ({RELAY: f"reject_rbl_client list.example.org, sleep 1, {DEBIAN}"}, ()),
        ({RELAY: f"permit_auth_destination, permit_inet_interfaces, {DEBIAN}"}, ()),
        ({RELAY: DEBIAN, RECIPIENT: "check_client_access hash:/x, reject"}, ()),
        (
            {RELAY: "", RECIPIENT: "check_client_access hash:/x, reject_unauth_destination"},
            ("check_client_access",),
        ),
        (
            {
                RELAY: f"permit_tls_clientcerts, {DEBIAN}",
                "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
            },
            (),
        ),
        (
            {
                RELAY: f"permit_tls_clientcerts, check_helo_access hash:/x, {DEBIAN}",
                RECIPIENT: "permit_tls_clientcerts, reject",
            },
            ("permit_tls_clientcerts",),
        ),
        ({}, ("permit",)),
    ],
)
def test_permits(lists: dict[str, str], expected: tuple[str, ...]) -> None:
    """Only what stands before a list's end counts, and the list that lets the fewest pass decides."""
    assert permits_without_login(service(**lists), ["permit_mynetworks"]) == expected


def test_networks() -> None:
    """Networks count unless the caller knows that no other host is in it."""
    assert permits_without_login(service(**{RELAY: DEBIAN})) == ("permit_mynetworks",)


@pytest.mark.parametrize(
    ("recipient", "is_closed"),
    [
        ("permit_mynetworks,reject", True),
        ("permit_mynetworks, permit_sasl_authenticated, reject", False),
        ("check_client_access hash:/x, reject", False),
        ("permit_mynetworks", False),
        ("", False),
    ],
)
def test_trusted_only(recipient: str, *, is_closed: bool) -> None:
    """Where all but mynetworks is refused, a login opens nothing."""
    assert is_for_trusted_only(service(**{RELAY: DEBIAN, RECIPIENT: recipient})) is is_closed
