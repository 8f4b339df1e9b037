"""Ways to send without a login are found, and nothing else is taken for one."""

from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.doctor.bypasses import exempt, networks, remote_networks, smtp_user, webmail
from sendlimit.postfix.snapshot import SmtpdService
from sendlimit.rules.client import read_network
from support.postfix_samples import snapshot_of

TRUSTING = "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"


def service(
    key: str, mynetworks: str, restrictions: str = TRUSTING, options: str = ""
) -> SmtpdService:
    """An smtpd service that offers AUTH."""
    effective = {
        "mynetworks": mynetworks,
        "receive_override_options": options,
        "smtpd_relay_restrictions": restrictions,
        "smtpd_sasl_auth_enable": "yes",
    }
    return SmtpdService(key=key, is_chrooted=True, options={}, effective=effective)


@pytest.mark.parametrize(
    ("mynetworks", "expected"),
    [
        ("127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", []),
        ("127.0.0.1, [::1]", []),
        ("", []),
        ("127.0.0.0/8 192.0.2.0/24", ["192.0.2.0/24"]),
        ("127.0.0.0/8 !192.0.2.1 192.0.2.0/24", ["192.0.2.0/24"]),
        ("0.0.0.0/0", ["0.0.0.0/0"]),
        (
            "[2001:db8::]/64 hash:/etc/postfix/networks",
            ["[2001:db8::]/64", "hash:/etc/postfix/networks"],
        ),
    ],
)
def test_strangers(mynetworks: str, expected: list[str]) -> None:
    """Loopback in every spelling is this host; networks, and tables that may hold some, are not."""
    assert remote_networks(mynetworks) == expected


def test_networks() -> None:
    """Services with the same foreign networks are one finding; those that trust no network are none."""
    snapshot = snapshot_of(
        service("smtp/inet", "127.0.0.0/8 192.0.2.0/24"),
        service("submission/inet", "127.0.0.0/8 192.0.2.0/24"),
        service("smtps/inet", "192.0.2.0/24", "permit_sasl_authenticated, reject"),
        service("127.0.0.1:10027/inet", "192.0.2.0/24", options="no_milters"),
    )

    check = networks(replace(snapshot, is_chosen=True))

    (finding,) = check.findings
    assert finding.subject == "smtp/inet, submission/inet"
    assert "192.0.2.0/24" in finding.problem
    assert finding.remedy.endswith("&& postfix -c /etc/postfix reload")


def test_written_in_capitals() -> None:
    """Postfix reads the names of restrictions in any case."""
    (finding,) = networks(snapshot_of(service("smtp/inet", "0.0.0.0/0", TRUSTING.upper()))).findings
    assert (finding.code, finding.subject) == ("open-network", "smtp/inet")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("relay_domains", "static:ALL"),
        ("virtual_mailbox_domains", "example.org, static:{any thing}"),
        ("mydestination", "regexp:{ { /.*/ x } }"),
        ("relay_domains", "pcre:{{/^/ x}}"),
    ],
)
def test_every_domain_is_its_own(name: str, value: str) -> None:
    """Who may send to this server's domains may send to all where every domain is one of them."""
    one = service("smtp/inet", "127.0.0.0/8")
    (finding,) = networks(
        snapshot_of(replace(one, effective={**one.effective, name: value}))
    ).findings

    assert finding.code == "open-relay"
    assert finding.problem.endswith(f"lets them: {name}")


def test_no_strangers() -> None:
    """Debian's default, loopback, is fine."""
    assert networks(snapshot_of(service("smtp/inet", "127.0.0.0/8"))).findings == ()


@pytest.mark.parametrize(
    "permit",
    ["permit_tls_clientcerts", "permit_tls_all_clientcerts", "check_client_access hash:/x"],
)
def test_relay(permit: str) -> None:
    """What else lets others relay is named, whatever a table says; behind the end it is nothing."""
    before = service("smtp/inet", "127.0.0.0/8", f"{permit}, {TRUSTING}")
    behind = service("submission/inet", "127.0.0.0/8", f"{TRUSTING}, {permit}")

    (finding,) = networks(snapshot_of(before, behind)).findings

    assert (finding.code, finding.subject) == ("open-relay", "smtp/inet")
    assert permit.partition(" ")[0] in finding.problem


@pytest.mark.parametrize(
    ("php", "expected"),
    [
        ("<?php\n$config['smtp_user'] = '%u';\n", "%u"),
        ("<?php\n$config[\"smtp_user\"]='';\n", ""),
        ("<?php\n// $config['smtp_user'] = '%u';\n# $config['smtp_user'] = '%u';\n", None),
        ("<?php\n/* $config['smtp_user'] = '%u';\n*/ $config['smtp_pass'] = '%p';", None),
        ("<?php\n$config['smtp_user'] = '';\n$config['smtp_user'] = '%u';", "%u"),
        ("<?php\n$rcmail_config['smtp_user'] = \"%u\"; // the login", "%u"),
    ],
)
def test_smtp_user(php: str, expected: str | None) -> None:
    """The last assignment that is no comment is what Roundcube uses."""
    assert smtp_user(php) == expected


def test_webmail(tmp_path: Path) -> None:
    """A Roundcube that does not log in is found; its own defaults count; without one all is well."""
    path = tmp_path / "config.inc.php"
    assert webmail([path]).message.startswith("no Roundcube")

    path.write_text("<?php\n$config['smtp_host'] = 'localhost:25';\n")
    (finding,) = webmail([path, tmp_path / "none"]).findings
    assert (finding.code, finding.subject) == ("webmail-login", str(path))

    (tmp_path / "defaults.inc.php").write_text("<?php\n$config['smtp_user'] = '%u';\n")
    assert webmail([path]).message == "Roundcube logs in"


@pytest.mark.parametrize(
    ("clients", "expected"),
    [
        ([], []),
        (["192.0.2.0/24"], []),
        (["127.0.0.0/8"], ["127.0.0.1"]),
        (["::/0"], ["2001:db8::5", "::1"]),
        (["198.51.100.0/24"], ["198.51.100.4"]),
        (["203.0.113.9"], ["203.0.113.9"]),
    ],
)
def test_exempt(clients: list[str], expected: list[str]) -> None:
    """An exempt client that is this host, or a proxy that Postfix knows, is a warning."""
    one = service("smtp/inet", "127.0.0.0/8")
    proxies = {
        "smtpd_authorized_xclient_hosts": "198.51.100.4, [2001:db8::5] !192.0.2.1",
        "proxy_interfaces": "203.0.113.9",
    }
    snapshot = snapshot_of(replace(one, effective={**one.effective, **proxies}))

    check = exempt(snapshot, [read_network(text) for text in clients])

    assert [finding.subject for finding in check.findings] == expected
    assert not check.has_errors
