"""Attach and detach on files, with Postfix's own programs; no Postfix is started."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix.apply import apply_attach
from sendlimit.postfix.attachment import ConfigPlan, plan_attach
from sendlimit.postfix.chain import render_entry
from sendlimit.postfix.commands import PostfixCommands
from sendlimit.postfix.private_folder import opened
from sendlimit.postfix.snapshot import read_snapshot
from support.postfix_samples import (
    AUTH,
    CONFIGURATIONS,
    RSPAMD,
    Instance,
    debian_master_cf,
    make_instance,
)

pytestmark = [pytest.mark.postfix, pytest.mark.usefixtures("aged_files")]

_ENTRY = render_entry("unix:sendlimit/milter.sock")


_SERVICES = ("smtp/inet", "submission/inet", "submissions/inet")


@pytest.fixture(params=CONFIGURATIONS)
def instance(request: pytest.FixtureRequest, folder: Path) -> Instance:
    """Each kind of configuration in turn."""
    main, master, ispconfig = CONFIGURATIONS[request.param]
    return make_instance(folder, main, master, ispconfig=ispconfig)


def test_attach_and_detach(instance: Instance) -> None:
    """Postfix puts sendlimit last everywhere; detach leaves bytes, modes and owners as before."""
    instance.main_cf.chmod(0o640)
    os.chown(instance.master_cf, 65534, 65534)
    before = instance.content()
    chains = instance.chains()

    instance.attach()

    left_to_the_admin = {"re-entry"}  # amavis' ports of ISPConfig offer AUTH, as all others do
    assert {fault.code for fault in instance.faults()} <= left_to_the_admin
    for service, chain in instance.chains().items():
        is_limited = not service.startswith("127.0.0.1:")
        assert chain == (f"{chains[service]} {_ENTRY}".strip() if is_limited else chains[service])
    assert plan_attach(instance.snapshot(), instance.socket).changes == ()
    attached = instance.content()
    assert {name: facts[1:] for name, facts in before.items()}.items() <= {
        name: facts[1:] for name, facts in attached.items()
    }.items()

    assert instance.detach() == ()
    assert instance.content() == before


def test_services_of_debian(debian: Instance) -> None:
    """On Debian's files the three ports are limited."""
    assert tuple(debian.chains()) == _SERVICES


def test_ispconfig_writes_its_milters_again(rspamd: Instance) -> None:
    """What ISPConfig does at updates leaves sendlimit in, and detach takes out only sendlimit."""
    untouched = rspamd.main_cf.read_text()
    rspamd.attach()

    rspamd.postconf("-e", "smtpd_milters=inet:localhost:11332")
    for line in rspamd.ispconfig_custom.read_text().splitlines():
        rspamd.postconf("-e", line)

    assert rspamd.faults() == ()
    assert set(rspamd.chains().values()) == {f"inet:localhost:11332 {_ENTRY}"}

    # The admin switches to amavis: ISPConfig takes its milters out.
    rspamd.postconf("-X", "smtpd_milters", "non_smtpd_milters")

    assert rspamd.faults() == ()
    assert set(rspamd.chains().values()) == {_ENTRY}
    assert re.search("main.cf: changed since attach", rspamd.detach()[0])
    assert rspamd.main_cf.read_text() == untouched.replace(RSPAMD, "")


def test_attach_after_the_milters_changed(debian: Instance) -> None:
    """Elsewhere attach run again follows a new smtpd_milters; detach keeps what others wrote."""
    before = debian.main_cf.read_text()
    debian.attach()
    debian.postconf("-e", "smtpd_milters=inet:localhost:11332")
    assert [finding.code for finding in debian.faults()] == ["outdated"]

    debian.attach()

    assert debian.faults() == ()
    assert set(debian.chains().values()) == {f"inet:localhost:11332 {_ENTRY}"}
    assert debian.detach() == ()
    assert debian.main_cf.read_text() == before + "smtpd_milters = inet:localhost:11332\n"


def test_new_service(debian: Instance) -> None:
    """A service that the admin adds later is found by status, and attached by attach."""
    debian.attach()
    with debian.master_cf.open("a") as file:
        file.write("2525 inet n - y - - smtpd\n")

    assert [(found.code, found.subject) for found in debian.faults()] == [
        ("not-attached", "2525/inet")
    ]

    debian.attach()
    assert debian.faults() == ()
    debian.detach()
    assert debian.master_cf.read_text() == debian_master_cf() + "2525 inet n - y - - smtpd\n"


def test_recipe_done_by_hand(rspamd: Instance) -> None:
    """The recipe typed by hand with postconf is taken for what it is."""
    rspamd.postconf("-e", f"sendlimit_milters=$non_smtpd_milters {_ENTRY}")
    for service in _SERVICES:
        rspamd.postconf("-P", f"{service}/smtpd_milters=$sendlimit_milters")

    (change,) = plan_attach(rspamd.snapshot(), rspamd.socket).changes

    assert change.path == rspamd.ispconfig_custom
    rspamd.detach()
    assert set(rspamd.chains().values()) == {"inet:localhost:11332"}
    assert "_milters" not in rspamd.main_cf.read_text().replace(RSPAMD, "")
    assert "milters" not in rspamd.master_cf.read_text()


def test_default_postfix(debian: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --config-directory the Postfix that postconf reads is meant, with its ISPConfig."""
    monkeypatch.setenv("MAIL_CONFIG", str(debian.config_directory))
    monkeypatch.setattr("sendlimit.postfix.snapshot.ISPCONFIG", debian.ispconfig)
    (debian.ispconfig / "server").mkdir(parents=True)

    snapshot = read_snapshot()

    assert snapshot.config_directory == debian.config_directory
    assert not snapshot.is_chosen
    assert snapshot.ispconfig_custom is not None
    assert read_snapshot(debian.config_directory).ispconfig_custom is not None


def test_symbolic_link(debian: Instance) -> None:
    """A main.cf that is a link stays one; the file that it names is changed."""
    real = debian.main_cf.rename(debian.state_dir / "main.cf")
    debian.main_cf.symlink_to(real)

    debian.attach()

    assert debian.main_cf.is_symlink()
    assert "sendlimit_milters" in real.read_text()


def test_bytes_that_are_no_text(debian: Instance) -> None:
    """Comments in an old character set survive attach and detach."""
    debian.main_cf.write_bytes(b"# Gr\xfc\xdfe\x0c\x85\r\n" + debian.main_cf.read_bytes())
    before = debian.main_cf.read_bytes()

    debian.attach()
    assert debian.main_cf.read_bytes().startswith(before)
    debian.detach()

    assert debian.main_cf.read_bytes() == before


class TestSafety:
    """When something goes wrong, everything stays or becomes as it was."""

    def test_socket_there_already(self, debian: Instance) -> None:
        """A chain that names sendlimit by hand is refused: mail would be counted twice."""
        debian.postconf("-e", "smtpd_milters=unix:sendlimit/milter.sock")
        before = debian.content()

        with pytest.raises(PostfixError, match=r"nothing was changed.*asks sendlimit 2 times"):
            debian.attach()

        assert debian.content() == before

    def test_check_fails_before(self, folder: Path) -> None:
        """A Postfix that is broken already is not touched, and its complaint is passed on."""
        instance = make_instance(folder, AUTH, debian_master_cf(), ispconfig=False)
        instance.postconf("-e", "mail_owner=nobody-there")
        before = instance.content()

        with pytest.raises(PostfixError, match=r"check' fails: .*nobody-there"):
            instance.attach()

        assert instance.content() == before

    def test_file_that_postfix_cannot_read(self, debian: Instance) -> None:
        """A master.cf that Postfix can't read is refused with its line."""
        with debian.master_cf.open("a") as file:
            file.write("submission inet\n")

        with pytest.raises(PostfixError, match=r"can't read .*: line \d+: bad field count"):
            debian.attach()

    def test_outcome_that_postfix_cannot_read(self, debian: Instance) -> None:
        """A plan is tried on a copy first; when Postfix can't read that, nothing is changed."""
        snapshot = debian.snapshot()
        plan = plan_attach(snapshot, debian.socket)
        broken = ConfigPlan(
            changes=(*plan.changes[:1], replace(plan.changes[1], after="smtp inet\n")), notes=()
        )
        before = debian.content()

        with pytest.raises(PostfixError, match=r"nothing was changed.*bad field count"):
            apply_attach(snapshot, broken, debian.socket, debian.state_dir)

        assert debian.content() == before

    def test_change_meanwhile(self, rspamd: Instance) -> None:
        """When the second file is changed after the plan, the first is put back."""
        snapshot = rspamd.snapshot()
        plan = plan_attach(snapshot, rspamd.socket)
        with rspamd.master_cf.open("a") as file:
            file.write("# new\n")
        before = rspamd.content()

        with pytest.raises(
            PostfixError, match=r"master.cf was changed by somebody.*as it was before"
        ):
            apply_attach(snapshot, plan, rspamd.socket, rspamd.state_dir)

        assert rspamd.content() == before

    def test_check_fails_after(self, debian: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        """When `postfix check` complains about the outcome, it is undone byte for byte."""
        checks = iter([None, PostfixError("'postfix check' fails: x")])

        def check(_commands: PostfixCommands) -> None:
            outcome = next(checks)
            if outcome:
                raise outcome

        monkeypatch.setattr(PostfixCommands, "check", check)
        before = debian.content()

        with pytest.raises(PostfixError, match="fails: x; everything is as it was before"):
            debian.attach()

        assert debian.content() == before

    def test_interrupted(self, rspamd: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C in the middle undoes what was done so far."""

        def interrupted(_commands: PostfixCommands) -> bool:
            raise KeyboardInterrupt

        monkeypatch.setattr(PostfixCommands, "is_running", interrupted)
        before = rspamd.content()

        with pytest.raises(KeyboardInterrupt):
            rspamd.attach()

        assert rspamd.content() == before

    def test_reload_fails(self, debian: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        """When Postfix can't be told, files are put back and it is told again."""
        reloads: list[str] = []

        def reload(_commands: PostfixCommands) -> None:
            reloads.append(debian.master_cf.read_text())
            if len(reloads) == 1:
                raise PostfixError("reload fails: x")

        monkeypatch.setattr(PostfixCommands, "is_running", lambda _commands: True)
        monkeypatch.setattr(PostfixCommands, "reload", reload)
        before = debian.content()

        with pytest.raises(PostfixError, match="reload fails: x; everything is as it was"):
            debian.attach()

        assert debian.content() == before
        assert ["sendlimit" in text for text in reloads] == [True, False]

    def test_nothing_is_left_of_a_failed_undo_unsaid(
        self, debian: Instance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When a file can't be put back, the message names it."""

        def reload(_commands: PostfixCommands) -> None:
            with debian.main_cf.open("a") as file:
                file.write("# somebody\n")
            raise PostfixError("reload fails")

        monkeypatch.setattr(PostfixCommands, "is_running", lambda _commands: True)
        monkeypatch.setattr(PostfixCommands, "reload", reload)

        with pytest.raises(PostfixError, match=r"main.cf was changed by somebody.*; reload fails$"):
            debian.attach()

    def test_other_user(self, debian: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only root may attach."""
        monkeypatch.setattr(os, "geteuid", lambda: 1000)

        with pytest.raises(PostfixError, match="only root may change"):
            debian.attach()

    def test_two_at_once(self, debian: Instance) -> None:
        """A second attach at the same time is refused."""
        with (
            opened(debian.state_dir / "postfix-backup", make=True) as folder,
            folder.locked("x"),
            pytest.raises(PostfixError, match="runs already"),
        ):
            debian.attach()
