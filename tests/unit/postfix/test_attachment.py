"""What attach and detach plan, from values alone: no Postfix is read."""

from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix.attachment import (
    BackupEntry,
    ConfigPlan,
    FileChange,
    plan_attach,
    plan_detach,
)
from sendlimit.postfix.chain import render_entry
from sendlimit.postfix.main_cf import COMMENT, parameters
from sendlimit.postfix.snapshot import Snapshot, TextFile
from support.postfix_samples import AUTH, ISPCONFIG_CUSTOM, MAIN_CF, MASTER_CF, snapshot_from

_SOCKET = "unix:/var/spool/postfix/sendlimit/milter.sock"
_ENTRY = render_entry("unix:sendlimit/milter.sock")


def _attached(plan: ConfigPlan, path: Path) -> str:
    (change,) = [change for change in plan.changes if change.path == path]
    return change.after or ""


def _own_parameters(plan: ConfigPlan) -> dict[str, str]:
    return {
        parameter.name: parameter.value
        for parameter in parameters(_attached(plan, MAIN_CF))
        if parameter.name.startswith("sendlimit_")
    }


_SMTP = "smtp inet n - y - - smtpd\n"


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
    plan = plan_attach(snapshot_from(AUTH + main, _SMTP), _SOCKET)

    assert _own_parameters(plan) == {"sendlimit_milters": chain}
    assert _attached(plan, MASTER_CF) == f"{_SMTP}  -o smtpd_milters=$sendlimit_milters\n"


def test_every_service_that_offers_auth() -> None:
    """Every service with AUTH gets the option, the others stay as they are."""
    master = (
        "smtp inet n - y - - smtpd\n"
        "submission inet n - y - - smtpd\n\t-o smtpd_sasl_auth_enable=yes\n# next\n"
        "465 inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes\n"
        "pickup unix n - y 60 1 pickup\n"
    )

    plan = plan_attach(snapshot_from("", master), _SOCKET)

    assert _attached(plan, MASTER_CF) == (
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

    plan = plan_attach(snapshot_from(f"{AUTH}smtpd_milters = inet:a:1\n", master), _SOCKET)

    assert _own_parameters(plan) == {
        "sendlimit_milters": f"inet:a:1 {_ENTRY}",
        "sendlimit_milters_submission_inet": chain,
    }
    assert _attached(plan, MASTER_CF) == (
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

    plan = plan_attach(snapshot_from("", master), _SOCKET)

    assert _own_parameters(plan) == {
        "sendlimit_milters_127_0_0_1_2525_inet": f"a {_ENTRY}",
        "sendlimit_milters_127_0_0_1_2525_inet_2": f"b {_ENTRY}",
    }


def _after(plan: ConfigPlan, snapshot: Snapshot) -> Snapshot:
    """Read again what a plan has written."""
    texts = {change.path: change.after for change in plan.changes}
    custom = snapshot.ispconfig_custom
    main = texts.get(MAIN_CF, snapshot.main_cf.text) or ""
    master = texts.get(MASTER_CF, snapshot.master_cf.text) or ""
    ispconfig = texts.get(ISPCONFIG_CUSTOM, custom.text) or "" if custom else False
    return snapshot_from(main, master, ispconfig=ispconfig)


@pytest.mark.parametrize("ispconfig", [False, True], ids=["plain", "ispconfig"])
def test_attach_twice(ispconfig: bool) -> None:  # noqa: FBT001 - a parameter
    """A second attach has nothing to change."""
    master = f"{_SMTP}submission inet n - y - - smtpd -o smtpd_milters=inet:b:2\n"
    snapshot = snapshot_from(f"{AUTH}smtpd_milters = inet:a:1\n", master, ispconfig=ispconfig)

    again = plan_attach(_after(plan_attach(snapshot, _SOCKET), snapshot), _SOCKET)

    assert again.changes == ()


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(("a:1", "a:9"), id="other-milter"),
        pytest.param((AUTH, f"{AUTH}sendlimit_milters_gone_inet = x\n"), id="left-over"),
        pytest.param(("command_timeout=10s", "command_timeout=99s"), id="other-timeout"),
    ],
)
def test_attach_again_after_a_change(later: tuple[str, str]) -> None:
    """What has changed since is brought up to date, with each setting there once."""
    snapshot = snapshot_from(f"{AUTH}smtpd_milters = inet:a:1\n", _SMTP)
    attached = _after(plan_attach(snapshot, _SOCKET), snapshot)
    main = (attached.main_cf.text or "").replace(*later, 1)
    changed = snapshot_from(main, attached.master_cf.text or "")

    plan = plan_attach(changed, _SOCKET)

    front = "inet:a:9" if later[1] == "a:9" else "inet:a:1"
    assert [change.path for change in plan.changes] == [MAIN_CF]
    assert _own_parameters(plan) == {"sendlimit_milters": f"{front} {_ENTRY}"}
    assert _attached(plan, MAIN_CF).count("sendlimit_milters") == 1
    assert _attached(plan, MAIN_CF).count(COMMENT) == 1
    assert plan.changes[0].is_reload_due


def test_override_that_is_not_the_last() -> None:
    """An -o smtpd_milters that was written after ours gets in front of sendlimit."""
    master = f"{_SMTP}  -o smtpd_milters=$sendlimit_milters\n  -o smtpd_milters=inet:b:2\n"

    plan = plan_attach(snapshot_from(AUTH, master), _SOCKET)

    assert _attached(plan, MASTER_CF) == (
        f"{_SMTP}  -o smtpd_milters=inet:b:2\n  -o smtpd_milters=$sendlimit_milters_smtp_inet\n"
    )


def test_service_without_auth_any_more() -> None:
    """A service that no longer offers AUTH loses its option."""
    master = f"{_SMTP}  -o smtpd_sasl_auth_enable=no\n  -o smtpd_milters=$sendlimit_milters\n"
    other = "submission inet n - y - - smtpd\n"

    plan = plan_attach(snapshot_from(AUTH, master + other), _SOCKET)

    assert _attached(plan, MASTER_CF) == (
        f"{_SMTP}  -o smtpd_sasl_auth_enable=no\n{other}  -o smtpd_milters=$sendlimit_milters\n"
    )


_RSPAMD = "smtpd_milters = inet:localhost:11332\nnon_smtpd_milters = inet:localhost:11332\n"


@pytest.mark.parametrize("milters", [_RSPAMD, ""], ids=["rspamd", "amavis"])
def test_ispconfig(milters: str) -> None:
    """On ISPConfig the chain follows its non_smtpd_milters, and its updater is told of it."""
    snapshot = snapshot_from(AUTH + milters, _SMTP, ispconfig="a = b")

    plan = plan_attach(snapshot, _SOCKET)

    assert _own_parameters(plan) == {"sendlimit_milters": f"$non_smtpd_milters {_ENTRY}"}
    assert (
        _attached(plan, ISPCONFIG_CUSTOM)
        == f"a = b\nsendlimit_milters = $non_smtpd_milters {_ENTRY}\n"
    )
    assert [change.path for change in plan.changes] == [ISPCONFIG_CUSTOM, MAIN_CF, MASTER_CF]
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
    snapshot = snapshot_from(f"{AUTH}smtpd_milters = inet:a:1\n{non_smtpd}", _SMTP, ispconfig=True)
    same = replace(snapshot, non_smtpd_chain="inet:a:1" if non_smtpd else "")

    plan = plan_attach(same, _SOCKET)

    assert _own_parameters(plan) == {"sendlimit_milters": f"inet:a:1 {_ENTRY}"}
    assert "can't stand for smtpd_milters" in plan.notes[0]


def test_services_left_out_are_named() -> None:
    """The admin reads which services with AUTH are not attached, and why."""
    master = f"{_SMTP}127.0.0.1:10025 inet n - n - - smtpd -o smtpd_milters=\n"

    plan = plan_attach(snapshot_from(AUTH, master), _SOCKET)

    assert plan.notes == ("127.0.0.1:10025/inet is left out: re-entry",)


def test_socket_outside_of_the_chroot() -> None:
    """A socket that a chrooted smtpd can't reach is refused, with the one to set."""
    with pytest.raises(PostfixError, match=r"chrooted.*/var/spool/postfix/sendlimit/milter.sock"):
        plan_attach(snapshot_from(AUTH, _SMTP), "unix:/run/sendlimit/milter.sock")


def test_detach_gives_back_what_was_there() -> None:
    """Files as attach left them become what they were, byte for byte."""
    snapshot = snapshot_from(AUTH.rstrip("\n"), _SMTP, ispconfig=True)
    attach = plan_attach(snapshot, _SOCKET)
    recorded = {
        change.path: BackupEntry(without_sendlimit=change.before, attached=change.after)
        for change in attach.changes
    }

    plan = plan_detach(_after(attach, snapshot), recorded)

    assert {change.path: change.after for change in plan.changes} == {
        MASTER_CF: _SMTP,
        MAIN_CF: AUTH.rstrip("\n"),
        ISPCONFIG_CUSTOM: None,
    }
    assert [change.path for change in plan.changes if change.is_reload_due] == [MASTER_CF]
    assert plan.notes == ()


def test_detach_from_changed_files() -> None:
    """From files that were changed since, or without a backup, only our settings go."""
    snapshot = snapshot_from(AUTH, _SMTP, ispconfig=True)
    attach = plan_attach(snapshot, _SOCKET)
    recorded = {
        change.path: BackupEntry(without_sendlimit=change.before, attached=change.after)
        for change in attach.changes
        if change.path != MASTER_CF
    }
    attached = _after(attach, snapshot)
    changed = replace(
        attached,
        main_cf=TextFile(path=MAIN_CF, text=f"{attached.main_cf.text}added = later\n"),
        ispconfig_custom=TextFile(
            path=ISPCONFIG_CUSTOM, text=f"\n{_attached(attach, ISPCONFIG_CUSTOM)}"
        ),
    )

    plan = plan_detach(changed, recorded)

    assert {change.path: change.after for change in plan.changes} == {
        MASTER_CF: _SMTP,
        MAIN_CF: f"{AUTH}added = later\n",
        ISPCONFIG_CUSTOM: "\n",
    }
    assert [note.split(",")[0] for note in plan.notes] == [
        f"{MASTER_CF}: no backup of it",
        f"{MAIN_CF}: changed since attach",
        f"{ISPCONFIG_CUSTOM}: changed since attach",
    ]


def test_detach_where_nothing_is() -> None:
    """Detach has nothing to do where attach has not been, whatever the backup says."""
    recorded = {MAIN_CF: BackupEntry(without_sendlimit="x", attached=AUTH)}

    assert plan_detach(snapshot_from(AUTH, _SMTP), recorded).changes == ()


def test_changes_remember_what_others_wrote() -> None:
    """A change carries the file's text without us, also when we are in it already."""
    snapshot = snapshot_from(AUTH, _SMTP)
    attached = _after(plan_attach(snapshot, _SOCKET), snapshot)
    main = f"{attached.main_cf.text}smtpd_milters = inet:a:1\n"

    (change,) = plan_attach(snapshot_from(main, attached.master_cf.text or ""), _SOCKET).changes

    assert isinstance(change, FileChange)
    assert change.without_sendlimit == f"{AUTH}smtpd_milters = inet:a:1\n"


def test_unified_diff() -> None:
    """A change is shown with its file, the lines around it, and a newline that is missing."""
    change = FileChange(path=MAIN_CF, before="a\n\tb", after="a\nc\n", without_sendlimit=None)

    assert change.unified_diff() == [
        f"--- {MAIN_CF}",
        f"+++ {MAIN_CF}",
        "@@ -1,2 +1,2 @@",
        " a",
        "-       b",
        "\\ No newline at end of file",
        "+c",
    ]
    assert replace(change, before=None).unified_diff()[0] == "--- /dev/null"
    assert replace(change, after=None).unified_diff()[1] == "+++ /dev/null"
