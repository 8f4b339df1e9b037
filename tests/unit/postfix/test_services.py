"""What a smtpd service is for sendlimit, and which settings are sendlimit's."""

from collections.abc import Mapping

import pytest

from sendlimit.postfix.services import Role, is_own_parameter, is_own_reference, login_ways, role_of
from sendlimit.postfix.snapshot import SmtpdService
from support.postfix_samples import EFFECTIVE


@pytest.mark.parametrize(
    ("key", "own", "options", "role"),
    [
        pytest.param("smtp/inet", {}, {}, Role.NO_AUTH, id="no-auth"),
        pytest.param("smtp/inet", {"auth": "yes"}, {}, Role.LIMITED, id="from-main.cf"),
        pytest.param("smtp/inet", {"auth": "YES"}, {}, Role.LIMITED, id="capitals"),
        pytest.param("smtpd/pass", {"auth": "yes"}, {}, Role.LIMITED, id="behind-postscreen"),
        pytest.param(
            "2525/inet", {}, {"smtpd_sasl_auth_enable": "yes"}, Role.LIMITED, id="other-port"
        ),
        pytest.param("10.0.0.1:2525/inet", {"auth": "yes"}, {}, Role.LIMITED, id="other-address"),
        pytest.param("127.0.0.1:2525/inet", {"auth": "yes"}, {}, Role.LIMITED, id="local-webmail"),
        pytest.param(
            "submission/inet",
            {},
            {"smtpd_sasl_auth_enable": "yes", "smtpd_milters": ""},
            Role.LIMITED,
            id="submission-without-milters",
        ),
        pytest.param(
            "smtp/inet", {"auth": "yes"}, {"smtpd_milters": ""}, Role.LIMITED, id="25-no-milters"
        ),
        pytest.param(
            "127.0.0.1:10025/inet",
            {"auth": "yes"},
            {"smtpd_milters": ""},
            Role.RE_ENTRY,
            id="re-entry-without-milters",
        ),
        pytest.param(
            "127.0.0.1:10025/inet",
            {"auth": "yes"},
            {"content_filter": ""},
            Role.RE_ENTRY,
            id="re-entry-of-amavis",
        ),
        pytest.param(
            "[::1]:10027/inet",
            {"auth": "yes", "options": "no_header_body_checks,no_milters"},
            {},
            Role.RE_ENTRY,
            id="re-entry-no_milters",
        ),
        pytest.param(
            "127.0.0.1:10025/inet",
            {"auth": "no"},
            {"content_filter": ""},
            Role.NO_AUTH,
            id="re-entry-without-auth",
        ),
        pytest.param(
            "10025/inet", {"auth": "yes"}, {"smtpd_milters": ""}, Role.BYPASS, id="open-re-entry"
        ),
        pytest.param(
            "submission/inet",
            {"auth": "yes", "options": "no_milters"},
            {},
            Role.BYPASS,
            id="submission-no_milters",
        ),
        pytest.param(
            "127.0.0.1:587/inet",
            {"auth": "yes"},
            {"content_filter": ""},
            Role.LIMITED,
            id="submission-on-loopback",
        ),
        pytest.param("smtp/inet", {"xclient": "192.0.2.7"}, {}, Role.LIMITED, id="xclient"),
        pytest.param(
            "127.0.0.1:2525/inet",
            {},
            {"smtpd_authorized_xclient_hosts": "127.0.0.1", "smtpd_milters": ""},
            Role.LIMITED,
            id="xclient-without-milters",
        ),
        pytest.param(
            "127.0.0.1:10025/inet",
            {"xclient": "127.0.0.1"},
            {"smtpd_milters": ""},
            Role.RE_ENTRY,
            id="re-entry-with-xclient",
        ),
        pytest.param(
            "10025/inet",
            {"xclient": "127.0.0.1", "options": "no_milters"},
            {},
            Role.BYPASS,
            id="xclient-no_milters",
        ),
    ],
)
def test_role(key: str, own: Mapping[str, str], options: dict[str, str], role: Role) -> None:
    """A service that can have logins is limited, unless it takes mail back from a filter here."""
    effective = {
        **EFFECTIVE,
        "smtpd_sasl_auth_enable": own.get("auth", "no"),
        "smtpd_authorized_xclient_hosts": own.get("xclient", ""),
        "receive_override_options": own.get("options", ""),
    }
    effective |= {name: value for name, value in options.items() if name in effective}

    assert role is role_of(
        SmtpdService(key=key, is_chrooted=True, options=options, effective=effective)
    )


@pytest.mark.parametrize(
    ("auth", "xclient", "ways"),
    [
        ("no", "", ()),
        ("Yes", "", ("AUTH",)),
        ("no", "192.0.2.7", ("XCLIENT",)),
        ("yes", "static:all", ("AUTH", "XCLIENT")),
    ],
)
def test_login_ways(auth: str, xclient: str, ways: tuple[str, ...]) -> None:
    """{auth_authen} comes by AUTH, and by XCLIENT also where AUTH is off."""
    own = {"smtpd_sasl_auth_enable": auth, "smtpd_authorized_xclient_hosts": xclient}

    assert ways == login_ways(
        SmtpdService(key="smtp/inet", is_chrooted=True, options={}, effective={**EFFECTIVE, **own})
    )


@pytest.mark.parametrize(
    ("defaults", "ways"),
    [
        ("auth_authen=nobody@example.org", ("milter_macro_defaults",)),
        ("{j}=x, {auth_authen} = nobody", ("milter_macro_defaults",)),
        ("{ auth_authen = nobody }", ("milter_macro_defaults",)),
        ("auth_authen=", ()),
        ("my_auth_authen=x, auth_type=x", ()),
    ],
)
def test_login_by_default(defaults: str, ways: tuple[str, ...]) -> None:
    """Postfix may have a login for mail without one: it is counted, so the service is to be limited."""
    effective = {**EFFECTIVE, "milter_macro_defaults": defaults}
    service = SmtpdService(key="smtp/inet", is_chrooted=True, options={}, effective=effective)

    assert login_ways(service) == ways
    assert (role_of(service) is Role.LIMITED) is bool(ways)


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("sendlimit_milters", True),
        ("sendlimit_milters_smtp_inet", True),
        ("sendlimit_miltersx", False),
        ("smtpd_milters", False),
    ],
)
def test_own_parameter(name: str, *, is_own: bool) -> None:
    """A parameter of main.cf is sendlimit's by its name."""
    assert is_own_parameter(name) is is_own


@pytest.mark.parametrize(
    ("value", "is_own"),
    [
        ("$sendlimit_milters", True),
        (" ${sendlimit_milters_smtp_inet} ", True),
        ("$(sendlimit_milters)", True),
        ("inet:a:1 $sendlimit_milters", False),
        ("$sendlimiter", False),
        ("", False),
    ],
)
def test_own_reference(value: str, *, is_own: bool) -> None:
    """A value of smtpd_milters is sendlimit's when it is a reference and nothing else."""
    assert is_own_reference(value) is is_own
