"""Attach and detach on files, with Postfix's own programs; no Postfix is started."""

import fcntl
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix import files
from sendlimit.postfix.apply import apply_attach
from sendlimit.postfix.attachment import ConfigPlan, FileChange, plan_attach
from sendlimit.postfix.backup import Backup
from sendlimit.postfix.chain import render_entry
from sendlimit.postfix.commands import PostfixCommands, run
from sendlimit.postfix.snapshot import read_snapshot
from support.postfix_samples import (
    AMAVIS,
    AUTH,
    ISPCONFIG_MAIN,
    RSPAMD,
    Instance,
    debian_main_cf,
    debian_master_cf,
    make_instance,
)

pytestmark = [pytest.mark.postfix, pytest.mark.usefixtures("aged_files")]

_ENTRY = render_entry("unix:sendlimit/milter.sock")

_CONFIGURATIONS = {
    "debian": (debian_main_cf() + AUTH, debian_master_cf(), False),
    "debian-without-newline": (debian_main_cf() + AUTH.rstrip(), debian_master_cf(), False),
    "plain-milters": (f"{AUTH}smtpd_milters = inet:a:1,\n  inet:b:2\n", debian_master_cf(), False),
    "milters-in-braces": (
        f"{AUTH}smtpd_milters = {{ inet:a:1, default_action=accept }}, unix:b\n",
        debian_master_cf(),
        False,
    ),
    "milters-of-a-service": (
        f"{AUTH}smtpd_milters = inet:a:1\n",
        debian_master_cf().replace(
            "  -o smtpd_sasl_auth_enable=yes\n",
            "  -o smtpd_sasl_auth_enable=yes -o { smtpd_milters = { unix:c, default_action=accept }"
            " inet:d:4 }\n",
        ),
        False,
    ),
    "ispconfig-rspamd": (ISPCONFIG_MAIN + RSPAMD, debian_master_cf(), True),
    "ispconfig-amavis": (ISPCONFIG_MAIN, debian_master_cf() + AMAVIS, True),
}

_SERVICES = ("smtp/inet", "submission/inet", "submissions/inet")


@pytest.fixture(params=_CONFIGURATIONS)
def instance(request: pytest.FixtureRequest, folder: Path) -> Instance:
    """Each kind of configuration in turn."""
    main, master, ispconfig = _CONFIGURATIONS[request.param]
    return make_instance(folder, main, master, ispconfig=ispconfig)


@pytest.fixture
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out `postfix check`, which takes seconds: it runs for each kind of configuration."""
    monkeypatch.setattr(PostfixCommands, "check", lambda _commands: None)


@pytest.fixture
def debian(folder: Path, _unchecked: None) -> Instance:
    """Debian's configuration with SASL."""
    main, master, ispconfig = _CONFIGURATIONS["debian"]
    return make_instance(folder, main, master, ispconfig=ispconfig)


@pytest.fixture
def rspamd(folder: Path, _unchecked: None) -> Instance:
    """ISPConfig's configuration with rspamd."""
    main, master, ispconfig = _CONFIGURATIONS["ispconfig-rspamd"]
    return make_instance(folder, main, master, ispconfig=ispconfig)


def test_attach_and_detach(instance: Instance) -> None:
    """Postfix puts sendlimit last everywhere; detach leaves bytes, modes and owners as before."""
    instance.main_cf.chmod(0o640)
    os.chown(instance.master_cf, 65534, 65534)
    before = instance.content()
    chains = instance.chains()

    instance.attach()

    assert instance.faults() == ()
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
        folder = debian.state_dir / "postfix-backup"
        folder.mkdir(mode=0o700)
        with (
            files.file_lock(folder / "lock", "x"),
            pytest.raises(PostfixError, match="runs already"),
        ):
            debian.attach()

    def test_no_postfix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without Postfix the admin is told to install it."""
        monkeypatch.setattr("sendlimit.postfix.commands._PATH", "/nowhere")

        with pytest.raises(PostfixError, match="no 'postconf' command: install Postfix first"):
            run("postconf")

    def test_no_configuration(self, folder: Path) -> None:
        """A directory without main.cf is named."""
        instance = make_instance(folder, "", "", ispconfig=False)
        instance.main_cf.unlink()

        with pytest.raises(PostfixError, match=r"there is no .*/main.cf"):
            instance.snapshot()


class TestBackup:
    """What Postfix's files were is kept, and only root can have a say in it."""

    def test_copies(self, debian: Instance) -> None:
        """The files as they were lie in state_dir, for root only; after detach as well."""
        before = debian.main_cf.read_bytes()
        debian.attach()
        backup = Backup(debian.state_dir, debian.config_directory)

        assert (backup.folder / "main.cf").read_bytes() == before
        assert backup.folder.stat().st_mode & 0o777 == 0o700
        debian.detach()
        (kept,) = backup.folder.parent.glob("*.detached")
        assert (kept / "main.cf").read_bytes() == before
        assert Backup(debian.state_dir, debian.config_directory).files == {}

    def test_folder_of_somebody_else(self, debian: Instance) -> None:
        """A backup that another user could have written is not trusted."""
        debian.attach()
        os.chown(debian.state_dir / "postfix-backup", 65534, 65534)

        with pytest.raises(PostfixError, match="not a folder that only root may write to"):
            debian.detach()

    def test_missing_state_dir(self, debian: Instance) -> None:
        """A state_dir that is missing is made."""
        debian.state_dir.rmdir()

        debian.attach()

        assert Backup(debian.state_dir, debian.config_directory).files

    def test_broken_record(self, debian: Instance) -> None:
        """A record that can't be read is named, with the way out."""
        debian.attach()
        backup = Backup(debian.state_dir, debian.config_directory)
        (backup.folder / "record.json").write_text("{")

        with pytest.raises(PostfixError, match=r"record.json can't be read.*move the folder"):
            debian.detach()


class TestFiles:
    """Single files are changed under Postfix's own lock."""

    @pytest.fixture
    def change(self, folder: Path) -> Iterator[FileChange]:
        """A change of one file."""
        path = folder / "main.cf"
        path.write_text("before\n")
        yield FileChange(
            path=path, before="before\n", after="after\n", without_sendlimit="before\n"
        )
        assert list(folder.iterdir()) in ([path], [])

    def test_waits_for_postconf(self, change: FileChange) -> None:
        """While another editor holds main.cf.tmp, we wait; then we see what it wrote."""
        new = change.path.with_name("main.cf.tmp")
        errors: list[PostfixError] = []

        def write() -> None:
            try:
                files.write_change(change)
            except PostfixError as exc:
                errors.append(exc)

        with new.open("w") as editor:
            fcntl.flock(editor, fcntl.LOCK_EX)
            thread = threading.Thread(target=write)
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            editor.write("theirs\n")
            editor.flush()
            new.rename(change.path)
        thread.join()

        assert "changed by somebody else" in str(errors[0])
        assert change.path.read_text() == "theirs\n"

    def test_editor_that_never_ends(
        self, change: FileChange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lock that is held for too long is reported."""
        monkeypatch.setattr(files, "_LOCK_WAIT_S", 0.1)
        new = change.path.with_name("main.cf.tmp")
        with new.open("w") as editor:
            fcntl.flock(editor, fcntl.LOCK_EX)

            with pytest.raises(PostfixError, match="stays locked"):
                files.write_change(change)
        new.unlink()

    def test_postconf_waits_for_us(self, change: FileChange) -> None:
        """`postconf -e` does not get between our reading and our writing."""
        change.path.write_text("compatibility_level = 3.6\n")
        with files._new_content(change.path):
            editor = subprocess.Popen(["postconf", "-c", change.path.parent, "-e", "x=y"])
            with pytest.raises(subprocess.TimeoutExpired):
                editor.wait(0.5)
        assert editor.wait(10) == 0
        assert change.path.read_text() == "compatibility_level = 3.6\nx = y\n"

    def test_left_over_of_a_crash(self, change: FileChange) -> None:
        """What a killed editor left in main.cf.tmp does not get into the file."""
        change.path.with_name("main.cf.tmp").write_text("long left over of somebody\n")

        files.write_change(change)

        assert change.path.read_text() == "after\n"

    def test_removed(self, change: FileChange) -> None:
        """A file that is to go goes."""
        files.write_change(replace(change, after=None))

        assert not change.path.exists()

    def test_folder_that_is_gone(self, change: FileChange) -> None:
        """An error of the system is told with the file's name."""
        gone = replace(change, path=change.path.parent / "gone" / "main.cf")

        with pytest.raises(PostfixError, match=r"gone/main.cf can't be changed: No such file"):
            files.write_change(gone)
