"""Whatever keeps Postfix from really asking sendlimit is found, with its remedy."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.postfix.commands import PostfixCommands
from sendlimit.postfix.finding import Finding
from sendlimit.postfix.findings import find_faults, is_attached, service_statuses
from sendlimit.postfix.services import Role
from support.postfix_samples import (
    AMAVIS,
    AUTH,
    Instance,
    debian_master_cf,
    make_instance,
    snapshot_from,
)

pytestmark = [pytest.mark.postfix, pytest.mark.usefixtures("aged_files")]


@pytest.fixture
def attached(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """Debian's configuration with amavis' ports, attached."""
    monkeypatch.setattr(PostfixCommands, "check", lambda _commands: None)
    main = f"{AUTH}smtpd_milters = inet:localhost:11332\n"
    instance = make_instance(folder, main, debian_master_cf() + AMAVIS, ispconfig=False)
    instance.attach()
    assert _without_filter(instance.faults()) == []
    return instance


def _without_filter(faults: tuple[Finding, ...]) -> list[Finding]:
    """Leave out what is said about amavis' ports, which are there all the time."""
    return [fault for fault in faults if fault.code != "re-entry"]


def _edit_main(old: str, new: str) -> Callable[[Instance], None]:
    def edit(instance: Instance) -> None:
        text = instance.main_cf.read_text()
        assert old in text
        instance.main_cf.write_text(text.replace(old, new))

    return edit


def _option(service: str, option: str) -> Callable[[Instance], None]:
    def edit(instance: Instance) -> None:
        instance.postconf("-P", f"{service}/{option}")

    return edit


def _service_line(line: str) -> Callable[[Instance], None]:
    def edit(instance: Instance) -> None:
        with (instance.main_cf.parent / "master.cf").open("a") as file:
            file.write(f"{line}\n")

    return edit


def _set(setting: str) -> Callable[[Instance], None]:
    def edit(instance: Instance) -> None:
        instance.postconf("-e", setting)

    return edit


@pytest.mark.parametrize(
    ("breakage", "code", "severity", "subject", "remedy"),
    [
        pytest.param(
            _option("submission/inet", "smtpd_milters=inet:localhost:11332"),
            "not-attached",
            "error",
            "submission/inet",
            "sendlimit postfix attach --config-directory ",
            id="entry-removed-from-a-service",
        ),
        pytest.param(
            _edit_main("unix:sendlimit/milter.sock", "inet:127.0.0.1:10040"),
            "other-socket",
            "error",
            "smtp/inet",
            "sendlimit postfix attach",
            id="other-socket",
        ),
        pytest.param(
            _edit_main("content_timeout=10s }", "content_timeout=10s } inet:late:1"),
            "not-last",
            "error",
            "smtp/inet",
            "sendlimit postfix attach",
            id="milter-after-us",
        ),
        pytest.param(
            _edit_main("inet:localhost:11332 {", "unix:sendlimit/milter.sock {"),
            "twice",
            "error",
            "smtp/inet",
            "take sendlimit's socket out of smtpd_milters",
            id="twice",
        ),
        pytest.param(
            _edit_main("default_action=accept, ", ""),
            "options",
            "error",
            "smtp/inet",
            "sendlimit postfix attach",
            id="default-action",
        ),
        pytest.param(
            _edit_main("command_timeout=10s", "command_timeout=30s"),
            "options",
            "warning",
            "smtp/inet",
            "sendlimit postfix attach",
            id="timeout",
        ),
        pytest.param(
            _edit_main("unix:sendlimit/", "unix:/queue/sendlimit/"),
            "other-socket",
            "error",
            "smtp/inet",
            "sendlimit postfix attach",
            id="path-outside-of-the-queue",
        ),
        pytest.param(
            _set("milter_mail_macros=i {mail_addr}"),
            "macros",
            "error",
            "smtp/inet",
            "-e 'milter_mail_macros = i {mail_addr} {auth_authen}' && postfix -c ",
            id="macros",
        ),
        pytest.param(
            _option("submission/inet", "milter_mail_macros=i"),
            "macros",
            "error",
            "submission/inet",
            "take milter_mail_macros out of the service's -o options",
            id="macros-of-a-service",
        ),
        pytest.param(
            _option("submission/inet", "smtpd_proxy_filter=127.0.0.1:10024"),
            "proxy-filter",
            "error",
            "submission/inet",
            "use content_filter or a milter",
            id="proxy-filter",
        ),
        pytest.param(
            _set("smtpd_milter_maps=cidr:/x"),
            "milter-maps",
            "warning",
            "smtp/inet",
            "see that no client that logs in is found there",
            id="milter-maps",
        ),
        pytest.param(
            _set("smtpd_milter_maps=static:DISABLE"),
            "milter-maps",
            "error",
            "smtp/inet",
            "see that no client that logs in is found there",
            id="milter-maps-of-all",
        ),
        pytest.param(
            _set("smtpd_milter_maps=static:{inet:other:1}"),
            "milter-maps",
            "error",
            "smtp/inet",
            "see that no client that logs in is found there",
            id="other-milters-for-all",
        ),
        pytest.param(
            _set("smtpd_milter_maps=cidr:{ {10.0.0.0/8 inet:a:1} {0.0.0.0/0 DISABLE} }"),
            "milter-maps",
            "error",
            "smtp/inet",
            "see that no client that logs in is found there",
            id="milter-maps-of-all-addresses",
        ),
        pytest.param(
            _set("smtpd_milter_maps=static:{unix:sendlimit/milter.sock}"),
            "milter-maps",
            "warning",
            "smtp/inet",
            "see that no client that logs in is found there",
            id="milter-maps-with-sendlimit",
        ),
        pytest.param(
            _service_line("2587 inet n - y - - smtpd -v -c /etc/postfix-out"),
            "bypass",
            "error",
            "2587/inet",
            "sendlimit postfix status --config-directory /etc/postfix-out",
            id="another-configuration",
        ),
        pytest.param(
            _service_line("2587 inet n - y - - smtpd -o { syslog_name = a -c b } -c/etc/pf2"),
            "bypass",
            "error",
            "2587/inet",
            "--config-directory /etc/pf2",
            id="another-configuration-in-one-word",
        ),
        pytest.param(
            _option("submission/inet", "receive_override_options=no_milters"),
            "bypass",
            "error",
            "submission/inet",
            "take no_milters or the empty smtpd_milters out",
            id="no_milters",
        ),
        pytest.param(
            _set("multi_instance_directories=/etc/postfix-out"),
            "instances",
            "warning",
            "config",
            "for each of them, with --config-directory",
            id="instances",
        ),
        pytest.param(
            _set("smtpd_milters=inet:new:1"),
            "outdated",
            "warning",
            "main.cf",
            "sendlimit postfix attach",
            id="milters-changed",
        ),
        pytest.param(
            _set("receive_override_options=no_milters"),
            "refused",
            "error",
            "config",
            "do as the message says",
            id="no_milters-everywhere",
        ),
    ],
)
def test_breakage(  # noqa: PLR0913, PLR0917 - one table
    attached: Instance,
    breakage: Callable[[Instance], None],
    code: str,
    severity: str,
    subject: str,
    remedy: str,
) -> None:
    """Each breakage is found, for the service it is about, with what mends it."""
    breakage(attached)

    found = [fault for fault in attached.faults() if fault.code == code]

    assert found[0].severity == severity
    assert any(fault.subject.endswith(subject) for fault in found)
    assert remedy in found[0].remedy
    assert found[0].why


@pytest.mark.parametrize(
    "breakage",
    [
        _option("submission/inet", "smtpd_milters=inet:localhost:11332"),
        _edit_main("unix:sendlimit/milter.sock", "inet:127.0.0.1:10040"),
        _edit_main("content_timeout=10s }", "content_timeout=10s } inet:late:1"),
        _edit_main("default_action=accept, ", ""),
        _set("smtpd_milters=inet:new:1"),
    ],
    ids=["removed", "other-socket", "not-last", "options", "outdated"],
)
def test_remedy_mends(attached: Instance, breakage: Callable[[Instance], None]) -> None:
    """Where the remedy is to attach again, that mends it."""
    breakage(attached)

    attached.attach()

    assert _without_filter(attached.faults()) == []


def test_remedy_of_the_default_postfix(attached: Instance) -> None:
    """Commands for the default Postfix name no directory."""
    attached.postconf("-e", "smtpd_milters=inet:new:1")

    faults = find_faults(replace(attached.snapshot(), is_chosen=False), attached.socket)
    (fault,) = _without_filter(faults)

    assert isinstance(fault, Finding)
    assert fault.remedy == "sendlimit postfix attach"


def test_socket_that_chrooted_services_cannot_reach(attached: Instance) -> None:
    """An absolute path in the chain of a chrooted service is found, though it is our socket."""
    path = attached.socket.removeprefix("unix:")
    text = attached.main_cf.read_text()
    attached.main_cf.write_text(text.replace("unix:sendlimit/milter.sock", f"unix:{path}"))

    assert "chroot" in {fault.code for fault in attached.faults()}


def test_statuses(attached: Instance) -> None:
    """Each smtpd service is listed with its milters and sendlimit's place among them."""
    statuses = service_statuses(attached.snapshot(), attached.socket)

    assert [(status.key, status.role, status.position) for status in statuses] == [
        ("smtp/inet", Role.LIMITED, 2),
        ("submission/inet", Role.LIMITED, 2),
        ("submissions/inet", Role.LIMITED, 2),
        ("127.0.0.1:10025/inet", Role.RE_ENTRY, 0),
        ("127.0.0.1:10027/inet", Role.RE_ENTRY, 0),
    ]
    assert statuses[0].chain == ("inet:localhost:11332", "unix:sendlimit/milter.sock")
    assert is_attached(statuses)
    assert not is_attached(statuses[3:])


def test_logins_by_xclient() -> None:
    """A service without AUTH that XCLIENT can bring logins to is asked for like the others."""
    master = "2525 inet n - y - - smtpd\n  -o smtpd_authorized_xclient_hosts=127.0.0.1\n"

    faults = find_faults(snapshot_from("", master), "inet:1@127.0.0.1")

    assert [fault.code for fault in faults] == ["not-attached"]
    assert "XCLIENT" in faults[0].problem
