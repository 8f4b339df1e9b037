"""Reading the spellings of logins from a file and from a database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.config.login_map import read_login_map
from sendlimit.errors import LoginMapError
from sendlimit.rules.login_map import LoginMap


def _read(folder: Path, **identity: str) -> LoginMap | None:
    store = {"url": f"sqlite://{folder}/s.db"}
    config = Config.model_validate({"store": store, "identity": identity})
    return read_login_map(config, folder / "sendlimit.toml")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with the logins of a panel."""
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE mail_user (login TEXT, email TEXT)")
        connection.execute(
            "INSERT INTO mail_user VALUES ('web1p1', 'alice@example.org'), (NULL, 'b@example.org'), ('c', '')"
        )
        connection.commit()
    return tmp_path


def test_none(tmp_path: Path) -> None:
    """Without either key each login is a mailbox of its own."""
    assert _read(tmp_path) is None


def test_file(tmp_path: Path) -> None:
    """A line is a spelling and its mailbox; comments and empty lines are left out."""
    file = tmp_path / "logins"
    file.write_text("# ours\n\nsales\talice@example.org\n  @old.example   @example.org  \n")
    found = _read(tmp_path, map_file=str(file))

    assert found is not None
    assert found.sender_of("Sales").mailbox == "alice@example.org"
    assert found.sender_of("bob@old.example").mailbox == "bob@example.org"


def test_query(database: Path) -> None:
    """The two columns of a query are spellings and mailboxes; rows that lack one are left out."""
    found = _read(database, map_query="SELECT login, email FROM mail_user")

    assert found is not None
    assert (len(found), found.sender_of("web1p1").mailbox) == (1, "alice@example.org")


def test_both(database: Path) -> None:
    """With a file and a query both count."""
    (database / "logins").write_text("sales web1p1\n")
    query = "SELECT login, email FROM mail_user"
    found = _read(database, map_query=query, map_file=f"{database}/logins")

    assert found is not None
    assert found.sender_of("sales").mailbox == "alice@example.org"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sales\n", r"/logins: line 1 is not LOGIN MAILBOX: 'sales'$"),
        ("# x\na b c\n", r"/logins: line 2 is not LOGIN MAILBOX: 'a b c'$"),
        ("a b\nb a\n", r"/logins: 'a' leads in a circle"),
        ("a \xff\n", r"/logins: is not UTF-8: invalid start byte at byte 2$"),
        ("a* b\n", r"/logins: 'a\*' has a wildcard"),
    ],
)
def test_broken_file(tmp_path: Path, text: str, problem: str) -> None:
    """A broken file is refused as a whole, with the place of the mistake."""
    (tmp_path / "logins").write_bytes(text.encode("latin-1"))
    with pytest.raises(LoginMapError, match=problem):
        _read(tmp_path, map_file=f"{tmp_path}/logins")


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(LoginMapError, match=r"/logins: No such file or directory$"):
        _read(tmp_path, map_file=f"{tmp_path}/logins")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT login, email FROM nowhere", r"identity\.map_query: .*no such table"),
        ("SELECT login FROM mail_user", r"identity\.map_query: must return two columns"),
        ("SELECT login FROM mail_user WHERE 0", r"identity\.map_query: must return two columns"),
        ("SELECT 'a', 'b' UNION SELECT 'b', 'a'", r"identity\.map_query: 'a' leads in a circle"),
        ("SELECT 'a', 'b' UNION SELECT 'a', 'c'", r"identity\.map_query: 'a' has two mailboxes"),
    ],
)
def test_broken_query(database: Path, query: str, problem: str) -> None:
    """A query that fails, or whose answer is no map, is refused."""
    with pytest.raises(LoginMapError, match=problem):
        _read(database, map_query=query)
