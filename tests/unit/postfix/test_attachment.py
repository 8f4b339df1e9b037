"""What attach and detach plan, from values alone: no Postfix is read."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix import master_cf
from sendlimit.postfix.attachment import (
    BackupEntry,
    ConfigPlan,
    FileChange,
    plan_attach,
    plan_detach,
)
from sendlimit.postfix.chain import render_entry
from sendlimit.postfix.main_cf import COMMENT, parameters
from sendlimit.postfix.services import Role, role_of
from sendlimit.postfix.snapshot import SmtpdService, Snapshot, TextFile
from support.postfix_samples import snapshot_of

_SOCKET = "unix:/var/spool/postfix/sendlimit/milter.sock"
_ENTRY = render_entry("unix:sendlimit/milter.sock")
_MAIN = Path("/etc/postfix/main.cf")
_MASTER = Path("/etc/postfix/master.cf")
_CUSTOM = Path("/usr/local/ispconfig/custom")
_EFFECTIVE = {
    "milter_mail_macros": "i {auth_authen}",
    "receive_override_options": "",
    "smtpd_milter_maps": "",
    "smtpd_milters": "",
    "smtpd_proxy_filter": "",
    "smtpd_sasl_auth_enable": "no",
}


def _snapshot(main: str, master: str, *, ispconfig: str | bool = False, **facts: Any) -> Snapshot:  # noqa: ANN401 - any field
    """Make a Snapshot from settings without references; what master.cf says wins."""
    values = {parameter.name: parameter.value for parameter in parameters(main)}
    services = []
    for text in master_cf.services(master):
        options = {option.name: option.value for option in text.options}
        effective = _EFFECTIVE | values | options
        services.append(
            SmtpdService(
                key=text.key,
                is_chrooted=True,
                options=options,
                effective={name: effective[name] for name in _EFFECTIVE},
            )
        )
    custom = ispconfig if isinstance(ispconfig, str) else None
    snapshot = replace(
        snapshot_of(*services),
        smtpd_milters=values.get("smtpd_milters", ""),
        main_chain=values.get("smtpd_milters", ""),
        non_smtpd_chain=values.get("non_smtpd_milters", ""),
        main_cf=TextFile(path=_MAIN, text=main),
        master_cf=TextFile(path=_MASTER, text=master),
        ispconfig_custom=None if ispconfig is False else TextFile(path=_CUSTOM, text=custom),
    )
    return replace(snapshot, **facts)


def _attached(plan: ConfigPlan, path: Path) -> str:
    (change,) = [change for change in plan.changes if change.path == path]
    return change.after or ""


def _own_parameters(plan: ConfigPlan) -> dict[str, str]:
    return {
        parameter.name: parameter.value
        for parameter in parameters(_attached(plan, _MAIN))
        if parameter.name.startswith("sendlimit_")
    }


_AUTH = "smtpd_sasl_auth_enable = yes\n"
_SMTP = "smtp inet n - y - - smtpd\n"


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
    ],
)
def test_role(key: str, own: Mapping[str, str], options: dict[str, str], role: Role) -> None:
    """A service that offers AUTH is limited, unless it takes mail back from a filter here."""
    effective = {
        **_EFFECTIVE,
        "smtpd_sasl_auth_enable": own.get("auth", "no"),
        "receive_override_options": own.get("options", ""),
    }
    effective |= {name: value for name, value in options.items() if name in effective}

    assert role is role_of(
        SmtpdService(key=key, is_chrooted=True, options=options, effective=effective)
    )


@pytest.mark.parametrize(
    ("main", "chain"),
    [
        pytest.param("", _ENTRY, id="none"),
        pytest.param("smtpd_milters = inet:a:1\n", f"inet:a:1 {_ENTRY}", id="plain"),
        pytest.param("smtpd_milters = a,\n  b,\n", f"a, b, {_ENTRY}", id="folded"),
        pytest.param(
            "smtpd_milters = { inet:a:1, default_action=accept }\n",
            f"{{ inet:a:1, default_action=accept }} {_ENTRY}",
            id="braces",
        ),
    ],
)
def test_existing_milters_come_first(main: str, chain: str) -> None:
    """Milters of main.cf stay in front, in both syntaxes; sendlimit is last."""
    plan = plan_attach(_snapshot(_AUTH + main, _SMTP), _SOCKET)

    assert _own_parameters(plan) == {"sendlimit_milters": chain}
    assert _attached(plan, _MASTER) == f"{_SMTP}  -o smtpd_milters=$sendlimit_milters\n"


def test_every_service_that_offers_auth() -> None:
    """Every service with AUTH gets the option, the others stay as they are."""
    master = (
        "smtp inet n - y - - smtpd\n"
        "submission inet n - y - - smtpd\n\t-o smtpd_sasl_auth_enable=yes\n# next\n"
        "465 inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes\n"
        "pickup unix n - y 60 1 pickup\n"
    )

    plan = plan_attach(_snapshot("", master), _SOCKET)

    assert _attached(plan, _MASTER) == (
        "smtp inet n - y - - smtpd\n"
        "submission inet n - y - - smtpd\n\t-o smtpd_sasl_auth_enable=yes\n"
        "\t-o smtpd_milters=$sendlimit_milters\n# next\n"
        "465 inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes\n"
        "  -o smtpd_milters=$sendlimit_milters\n"
        "pickup unix n - y 60 1 pickup\n"
    )


@pytest.mark.parametrize(
    ("option", "chain"),
    [
        ("-o smtpd_milters=inet:b:2", f"inet:b:2 {_ENTRY}"),
        ("-o smtpd_milters=", _ENTRY),
        (
            "-o { smtpd_milters = { inet:b:2, default_action=accept } }",
            f"{{ inet:b:2, default_action=accept }} {_ENTRY}",
        ),
    ],
)
def test_service_with_milters_of_its_own(option: str, chain: str) -> None:
    """A service's own -o smtpd_milters stays in master.cf and in front of sendlimit."""
    master = f"{_SMTP}submission inet n - y - - smtpd\n  {option}\n"

    plan = plan_attach(_snapshot(f"{_AUTH}smtpd_milters = inet:a:1\n", master), _SOCKET)

    assert _own_parameters(plan) == {
        "sendlimit_milters": f"inet:a:1 {_ENTRY}",
        "sendlimit_milters_submission_inet": chain,
    }
    assert _attached(plan, _MASTER) == (
        f"{_SMTP}  -o smtpd_milters=$sendlimit_milters\n"
        f"submission inet n - y - - smtpd\n  {option}\n"
        "  -o smtpd_milters=$sendlimit_milters_submission_inet\n"
    )


def test_names_that_would_collide() -> None:
    """Two services whose names differ in signs only get parameters of their own."""
    master = "".join(
        f"{name} inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_milters={chain}\n"
        for name, chain in (("127.0.0.1:2525", "a"), ("127-0-0-1:2525", "b"))
    )

    plan = plan_attach(_snapshot("", master), _SOCKET)

    assert _own_parameters(plan) == {
        "sendlimit_milters_127_0_0_1_2525_inet": f"a {_ENTRY}",
        "sendlimit_milters_127_0_0_1_2525_inet_2": f"b {_ENTRY}",
    }


def _after(plan: ConfigPlan, snapshot: Snapshot) -> Snapshot:
    """Read again what a plan has written."""
    texts = {change.path: change.after for change in plan.changes}
    custom = snapshot.ispconfig_custom
    main = texts.get(_MAIN, snapshot.main_cf.text) or ""
    master = texts.get(_MASTER, snapshot.master_cf.text) or ""
    ispconfig = texts.get(_CUSTOM, custom.text) or "" if custom else False
    return _snapshot(main, master, ispconfig=ispconfig)


@pytest.mark.parametrize("ispconfig", [False, True], ids=["plain", "ispconfig"])
def test_attach_twice(ispconfig: bool) -> None:  # noqa: FBT001 - a parameter
    """A second attach has nothing to change."""
    master = f"{_SMTP}submission inet n - y - - smtpd -o smtpd_milters=inet:b:2\n"
    snapshot = _snapshot(f"{_AUTH}smtpd_milters = inet:a:1\n", master, ispconfig=ispconfig)

    again = plan_attach(_after(plan_attach(snapshot, _SOCKET), snapshot), _SOCKET)

    assert again.changes == ()


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(("a:1", "a:9"), id="other-milter"),
        pytest.param((_AUTH, f"{_AUTH}sendlimit_milters_gone_inet = x\n"), id="left-over"),
        pytest.param(("command_timeout=10s", "command_timeout=99s"), id="other-timeout"),
    ],
)
def test_attach_again_after_a_change(later: tuple[str, str]) -> None:
    """What has changed since is brought up to date, with each setting there once."""
    snapshot = _snapshot(f"{_AUTH}smtpd_milters = inet:a:1\n", _SMTP)
    attached = _after(plan_attach(snapshot, _SOCKET), snapshot)
    main = (attached.main_cf.text or "").replace(*later, 1)
    changed = _snapshot(main, attached.master_cf.text or "")

    plan = plan_attach(changed, _SOCKET)

    front = "inet:a:9" if later[1] == "a:9" else "inet:a:1"
    assert [change.path for change in plan.changes] == [_MAIN]
    assert _own_parameters(plan) == {"sendlimit_milters": f"{front} {_ENTRY}"}
    assert _attached(plan, _MAIN).count("sendlimit_milters") == 1
    assert _attached(plan, _MAIN).count(COMMENT) == 1
    assert plan.changes[0].is_reload_due


def test_override_that_is_not_the_last() -> None:
    """An -o smtpd_milters that was written after ours gets in front of sendlimit."""
    master = f"{_SMTP}  -o smtpd_milters=$sendlimit_milters\n  -o smtpd_milters=inet:b:2\n"

    plan = plan_attach(_snapshot(_AUTH, master), _SOCKET)

    assert _attached(plan, _MASTER) == (
        f"{_SMTP}  -o smtpd_milters=inet:b:2\n  -o smtpd_milters=$sendlimit_milters_smtp_inet\n"
    )


def test_service_without_auth_any_more() -> None:
    """A service that no longer offers AUTH loses its option."""
    master = f"{_SMTP}  -o smtpd_sasl_auth_enable=no\n  -o smtpd_milters=$sendlimit_milters\n"
    other = "submission inet n - y - - smtpd\n"

    plan = plan_attach(_snapshot(_AUTH, master + other), _SOCKET)

    assert _attached(plan, _MASTER) == (
        f"{_SMTP}  -o smtpd_sasl_auth_enable=no\n{other}  -o smtpd_milters=$sendlimit_milters\n"
    )


_RSPAMD = "smtpd_milters = inet:localhost:11332\nnon_smtpd_milters = inet:localhost:11332\n"


@pytest.mark.parametrize("milters", [_RSPAMD, ""], ids=["rspamd", "amavis"])
def test_ispconfig(milters: str) -> None:
    """On ISPConfig the chain follows its non_smtpd_milters, and its updater is told of it."""
    snapshot = _snapshot(_AUTH + milters, _SMTP, ispconfig="a = b")

    plan = plan_attach(snapshot, _SOCKET)

    assert _own_parameters(plan) == {"sendlimit_milters": f"$non_smtpd_milters {_ENTRY}"}
    assert _attached(plan, _CUSTOM) == f"a = b\nsendlimit_milters = $non_smtpd_milters {_ENTRY}\n"
    assert [change.path for change in plan.changes] == [_CUSTOM, _MAIN, _MASTER]
    assert plan.notes == ()


@pytest.mark.parametrize(
    "non_smtpd",
    [
        pytest.param("", id="differs"),
        pytest.param("non_smtpd_milters = $smtpd_milters\n", id="refers-back"),
        pytest.param("non_smtpd_milters = ${x}\nx = $(smtpd_milters)\n", id="refers-back-by-x"),
    ],
)
def test_ispconfig_with_milters_of_the_admin(non_smtpd: str) -> None:
    """Where non_smtpd_milters can't stand for smtpd_milters, the chain is copied, and said so."""
    snapshot = _snapshot(f"{_AUTH}smtpd_milters = inet:a:1\n{non_smtpd}", _SMTP, ispconfig=True)
    same = replace(snapshot, non_smtpd_chain="inet:a:1" if non_smtpd else "")

    plan = plan_attach(same, _SOCKET)

    assert _own_parameters(plan) == {"sendlimit_milters": f"inet:a:1 {_ENTRY}"}
    assert "can't stand for smtpd_milters" in plan.notes[0]


def test_services_left_out_are_named() -> None:
    """The admin reads which services with AUTH are not attached, and why."""
    master = f"{_SMTP}127.0.0.1:10025 inet n - n - - smtpd -o smtpd_milters=\n"

    plan = plan_attach(_snapshot(_AUTH, master), _SOCKET)

    assert plan.notes == ("127.0.0.1:10025/inet is left out: re-entry",)


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
            {"main": f"{_AUTH}receive_override_options = no_milters\n"},
            "milters are switched off on every service.*take no_milters out",
            id="no_milters",
        ),
        pytest.param({"master": _SMTP * 2}, "smtp/inet is there twice", id="twice"),
    ],
)
def test_refusals(facts: dict[str, str], message: str) -> None:
    """What is not understood is refused with file, setting and remedy."""
    texts = {"main": _AUTH, "master": _SMTP} | {
        name: value for name, value in facts.items() if name in {"main", "master"}
    }
    others = {name: value for name, value in facts.items() if name not in texts}

    with pytest.raises(PostfixError, match=message):
        plan_attach(_snapshot(texts["main"], texts["master"], **others), _SOCKET)


def test_instance_that_was_chosen() -> None:
    """With --config-directory one of several instances can be attached."""
    snapshot = _snapshot(_AUTH, _SMTP, multi_instance_directories="/x", is_chosen=True)

    assert plan_attach(snapshot, _SOCKET).changes


def test_text_that_postfix_reads_in_another_way() -> None:
    """A service whose options we read differently than Postfix is refused."""
    snapshot = _snapshot(_AUTH, _SMTP)
    (service,) = snapshot.services
    odd = replace(service, options={"smtpd_milters": "inet:x"})

    with pytest.raises(PostfixError, match="options of smtp/inet are written in a way"):
        plan_attach(replace(snapshot, services=(odd,)), _SOCKET)


def test_socket_outside_of_the_chroot() -> None:
    """A socket that a chrooted smtpd can't reach is refused, with the one to set."""
    with pytest.raises(PostfixError, match=r"chrooted.*/var/spool/postfix/sendlimit/milter.sock"):
        plan_attach(_snapshot(_AUTH, _SMTP), "unix:/run/sendlimit/milter.sock")


def test_detach_gives_back_what_was_there() -> None:
    """Files as attach left them become what they were, byte for byte."""
    snapshot = _snapshot(_AUTH.rstrip("\n"), _SMTP, ispconfig=True)
    attach = plan_attach(snapshot, _SOCKET)
    recorded = {
        change.path: BackupEntry(without_sendlimit=change.before, attached=change.after)
        for change in attach.changes
    }

    plan = plan_detach(_after(attach, snapshot), recorded)

    assert {change.path: change.after for change in plan.changes} == {
        _MASTER: _SMTP,
        _MAIN: _AUTH.rstrip("\n"),
        _CUSTOM: None,
    }
    assert [change.path for change in plan.changes if change.is_reload_due] == [_MASTER]
    assert plan.notes == ()


def test_detach_from_changed_files() -> None:
    """From files that were changed since, or without a backup, only our settings go."""
    snapshot = _snapshot(_AUTH, _SMTP, ispconfig=True)
    attach = plan_attach(snapshot, _SOCKET)
    recorded = {
        change.path: BackupEntry(without_sendlimit=change.before, attached=change.after)
        for change in attach.changes
        if change.path != _MASTER
    }
    attached = _after(attach, snapshot)
    changed = replace(
        attached,
        main_cf=TextFile(path=_MAIN, text=f"{attached.main_cf.text}added = later\n"),
        ispconfig_custom=TextFile(path=_CUSTOM, text=f"\n{_attached(attach, _CUSTOM)}"),
    )

    plan = plan_detach(changed, recorded)

    assert {change.path: change.after for change in plan.changes} == {
        _MASTER: _SMTP,
        _MAIN: f"{_AUTH}added = later\n",
        _CUSTOM: "\n",
    }
    assert [note.split(",")[0] for note in plan.notes] == [
        f"{_MASTER}: no backup of it",
        f"{_MAIN}: changed since attach",
        f"{_CUSTOM}: changed since attach",
    ]


def test_detach_where_nothing_is() -> None:
    """Detach has nothing to do where attach has not been, whatever the backup says."""
    recorded = {_MAIN: BackupEntry(without_sendlimit="x", attached=_AUTH)}

    assert plan_detach(_snapshot(_AUTH, _SMTP), recorded).changes == ()


def test_changes_remember_what_others_wrote() -> None:
    """A change carries the file's text without us, also when we are in it already."""
    snapshot = _snapshot(_AUTH, _SMTP)
    attached = _after(plan_attach(snapshot, _SOCKET), snapshot)
    main = f"{attached.main_cf.text}smtpd_milters = inet:a:1\n"

    (change,) = plan_attach(_snapshot(main, attached.master_cf.text or ""), _SOCKET).changes

    assert isinstance(change, FileChange)
    assert change.without_sendlimit == f"{_AUTH}smtpd_milters = inet:a:1\n"
