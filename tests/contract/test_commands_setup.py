"""`sendlimit db init` with the rights of an admin, and what `check` says of missing rights."""

import re
import stat
import subprocess
from pathlib import Path

import pytest

from support.command_samples import Commands
from support.rig.mariadb import PrivateMariaDB

_CONFIG = """
[milter]
socket = "unix:{folder}/milter.sock"
[store]
url = "{url}"
{more}
"""


class Setup:
    """Commands on a database that does not exist yet, and an admin's address."""

    def __init__(
        self, server: PrivateMariaDB, folder: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Take the server and the name of database and user."""
        self.server = server
        self.folder = folder
        self.name = name
        self.admin = ("--admin-url", f"mariadb://root@localhost?unix_socket={server.socket}")
        self.password_file = folder / "password"
        self.commands = Commands(folder / "sendlimit.toml", capsys)
        self.configure(f"mariadb://{name}@localhost/{name}?unix_socket={server.socket}")

    def configure(self, url: str, more: str = "") -> None:
        """Write the configuration."""
        self.commands.config.write_text(_CONFIG.format(folder=self.folder, url=url, more=more))
        self.commands.config.chmod(0o600)

    def keep(self, password: str) -> None:
        """Do with the password as 'db init' says."""
        self.password_file.touch(0o600)
        self.password_file.write_text(f"{password}\n")
        text = self.commands.config.read_text()
        self.commands.config.write_text(f'{text}\npassword_file = "{self.password_file}"\n')

    def grants(self, host: str = "localhost") -> str:
        """Return the user's rights on databases."""
        rows = self.server.query("SHOW GRANTS FOR %s@%s", (self.name, host))
        return "\n".join(row[0] for row in rows[1:])

    def run_as_admin(self, sql: str) -> None:
        """Run SQL with the mariadb program, which stops at the first error."""
        subprocess.run(
            [
                "mariadb",
                "--no-defaults",
                "--skip-ssl",
                f"--socket={self.server.socket}",
                "--user=root",
            ],
            input=sql,
            text=True,
            check=True,
            timeout=60,
        )


@pytest.fixture
def setup(mariadb: PrivateMariaDB, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Setup:
    """A name with "_", which is a wildcard in a GRANT, for the database and its user."""
    name = f"send_{len(mariadb.query('SHOW DATABASES'))}_limit"
    return Setup(mariadb, tmp_path, name, capsys)


@pytest.mark.mariadb
def test_init_as_admin(setup: Setup) -> None:
    """With --admin-url: database, user with a made-up password, least grants and tables."""
    assert setup.commands("db", "init", *setup.admin) == 0
    password = setup.commands.stdout.strip()
    assert re.fullmatch(r"[\w-]{32}", password)
    assert "shown this once" in setup.commands.stderr
    assert password not in setup.commands.stderr
    name = setup.name.replace("_", "\\_")
    assert setup.grants() == (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.* TO `{setup.name}`@`localhost`"
    )
    setup.keep(password)
    found = {line["layer"]: line["state"] for line in check(setup)}
    assert found | {"limits": "", "socket": ""} == {
        "file": "ok", "database": "ok", "schema": "ok", "rights": "ok", "limits": "", "socket": "",
    }  # fmt: skip


def check(setup: Setup) -> list[dict[str, str]]:
    """Return what 'check' finds; without a daemon it fails."""
    assert setup.commands("check", "--json") == 1
    return list(setup.commands.printed_json())


@pytest.mark.mariadb
def test_init_as_admin_again(setup: Setup) -> None:
    """Running it again makes no new password and changes nothing."""
    assert setup.commands("db", "init", *setup.admin) == 0
    password = setup.commands.stdout.strip()
    before = setup.grants()
    assert setup.commands("db", "init", *setup.admin) == 0
    assert setup.commands.stdout == ""
    assert "keeps its password" in setup.commands.stderr
    setup.keep(password)
    assert setup.commands("db", "init", *setup.admin) == 0
    assert "can log in and has the rights it needs" in setup.commands.stderr
    assert setup.grants() == before
    assert setup.commands("db", "upgrade", *setup.admin) == 0


@pytest.mark.mariadb
def test_init_with_password_file(setup: Setup) -> None:
    """A password file that is there is used; nothing is shown. A wrong one later is noticed."""
    setup.keep('it\'s \\ "secret" %s')
    assert setup.commands("db", "init", *setup.admin) == 0
    assert setup.commands.stdout == ""
    assert setup.commands("db", "status") == 0
    setup.password_file.write_text("another\n")
    assert setup.commands("db", "init", *setup.admin) == 1
    assert "Access denied" in setup.commands.stderr
    assert "SET PASSWORD FOR" in setup.commands.stderr


@pytest.mark.mariadb
def test_init_over_tcp(setup: Setup) -> None:
    """With a list of hosts on the loopback the user may come from each form of it."""
    port = setup.server.port
    setup.configure(f"mariadb://{setup.name}@127.0.0.1:1,127.0.0.1:{port}/{setup.name}")
    setup.keep("secret")
    assert setup.commands("db", "init", *setup.admin) == 0
    assert setup.grants("127.0.0.1").endswith("@`127.0.0.1`")
    assert setup.commands("db", "status") == 0


@pytest.mark.mariadb
def test_client_host(setup: Setup) -> None:
    """--client-host says from where the daemon connects."""
    setup.configure(f"mariadb://{setup.name}@db.example.org/{setup.name}")
    assert setup.commands("db", "init", *setup.admin, "--client-host", "192.0.2.%") == 0
    assert setup.grants("192.0.2.%").endswith("@`192.0.2.%`")


@pytest.mark.mariadb
def test_printed_sql(setup: Setup) -> None:
    """What --print prints does the same when an admin's client runs it."""
    assert setup.commands("db", "init", "--print") == 0
    printed = setup.commands.stdout
    password = re.search(r"IDENTIFIED BY '([\w-]{32})'", printed)
    assert password is not None
    setup.run_as_admin(printed)
    setup.keep(password[1])
    assert setup.commands("db", "status") == 0
    assert setup.commands("db", "init", "--print") == 0
    assert password[0] in setup.commands.stdout


@pytest.mark.mariadb
@pytest.mark.parametrize("advice", ["--admin-url", "--print"])
def test_init_that_stopped_half_way(setup: Setup, advice: str) -> None:
    """A user who may make tables but no views: what 'db init' then advises brings it to its end."""
    setup.server.query(f"CREATE DATABASE {setup.name}")
    setup.server.query(f"CREATE USER '{setup.name}'@'localhost' IDENTIFIED BY 'secret'")
    granted = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER"
    setup.server.query(f"GRANT {granted} ON `{setup.name}`.* TO '{setup.name}'@'localhost'")
    setup.keep("secret")

    assert setup.commands("db", "init") == 1
    assert "CREATE VIEW command denied" in setup.commands.stderr
    assert advice in setup.commands.stderr
    if advice == "--admin-url":
        assert setup.commands("db", "init", *setup.admin) == 0
    else:
        assert setup.commands("db", "init", "--print") == 0
        setup.run_as_admin(setup.commands.stdout)
    assert setup.commands("db", "status") == 0


@pytest.mark.mariadb
def test_missing_rights(setup: Setup) -> None:
    """'check' names each right that is missing, by table."""
    setup.keep("secret")
    assert setup.commands("db", "init", *setup.admin) == 0
    name = setup.name.replace("_", "\\_")
    setup.server.query(f"REVOKE DELETE ON `{name}`.* FROM '{setup.name}'@'localhost'")
    (rights,) = (line for line in check(setup) if line["layer"] == "rights")
    assert rights["state"] == "error"
    assert "DELETE on er_counter" in rights["message"]
    assert "SELECT" not in rights["message"]


@pytest.mark.mariadb
def test_init_without_rights(setup: Setup) -> None:
    """Without --admin-url and without a user, the error says how to get both."""
    assert setup.commands("db", "init") == 1
    assert "--admin-url" in setup.commands.stderr
    assert "--print" in setup.commands.stderr


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--admin-url", "sqlite:///x"), 2, "is not 'mariadb://USER@HOST'"),
        (("--admin-url", "mariadb://localhost"), 2, "has no user"),
        (("--admin-url", "mariadb://root@127.0.0.1:1"), 1, "admin root@127.0.0.1:1"),
    ],
)
def test_wrong_admin(setup: Setup, words: tuple[str, ...], code: int, sentence: str) -> None:
    """An admin's address that is wrong or not answered is a sentence."""
    assert setup.commands("db", "init", *words) == code
    assert sentence in setup.commands.stderr


@pytest.mark.mariadb
def test_admin_password_file(setup: Setup) -> None:
    """The admin's password is read from a file that only its owner can read."""
    setup.server.query("CREATE USER IF NOT EXISTS dba@localhost IDENTIFIED BY 'topsecret'")
    setup.server.query("GRANT ALL ON *.* TO dba@localhost WITH GRANT OPTION")
    file = setup.folder / "dba"
    file.write_text("topsecret\n")
    words = (
        "--admin-url", f"mariadb://dba@localhost?unix_socket={setup.server.socket}",
        "--admin-password-file", str(file),
    )  # fmt: skip
    file.chmod(0o644)
    assert setup.commands("db", "init", *words) == 1
    assert "every local user can read" in setup.commands.stderr
    file.chmod(0o600)
    assert setup.commands("db", "init", *words) == 0


def test_sqlite_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLite's file is made with mode 0660 and the owner of its directory."""
    commands = Commands(tmp_path / "sendlimit.toml", capsys)
    path = tmp_path / "sendlimit.db"
    commands.config.write_text(_CONFIG.format(folder=tmp_path, url=f"sqlite://{path}", more=""))
    assert commands("db", "init") == 0
    status = path.stat()
    assert stat.S_IMODE(status.st_mode) == 0o660
    assert (status.st_uid, status.st_gid) == (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    commands.config.write_text(
        _CONFIG.format(folder=tmp_path, url=f"sqlite://{tmp_path}/none/sendlimit.db", more="")
    )
    assert commands("db", "init") == 1
    assert "can't be made: No such file or directory" in commands.stderr
    assert commands("db", "init", "--print") == 0
    assert "CREATE TABLE er_counter" in commands.stdout
