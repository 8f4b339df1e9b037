"""store.url, taken apart."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.store.location import TLS, Host, MariaDBLocation, SQLiteLocation, TLSLevel, parse_url


@pytest.mark.parametrize(
    ("url", "location"),
    [
        pytest.param(
            "mariadb://sendlimit@localhost/sendlimit?unix_socket=/run/mysqld/mysqld.sock",
            MariaDBLocation("sendlimit", "sendlimit", (Host("localhost", 3306),), "/run/mysqld/mysqld.sock"),
            id="unix socket",
        ),
        pytest.param(
            "mariadb://u@db1:3306,db2,db3:3308/limits",
            MariaDBLocation("u", "limits", (Host("db1", 3306), Host("db2", 3306), Host("db3", 3308))),
            id="three hosts in order",
        ),
        pytest.param(
            "mysql://u@[2001:db8::1]:3307,192.0.2.1/mail-limits",
            MariaDBLocation("u", "mail-limits", (Host("2001:db8::1", 3307), Host("192.0.2.1", 3306))),
            id="IPv6",
        ),
        pytest.param(
            "mariadb://u%40x:p%40ss%2Fw%25@h/d",
            MariaDBLocation("u@x", "d", (Host("h", 3306),), password="p@ss/w%"),
            id="encoded user and password",
        ),
        pytest.param(
            "mariadb://u:@h/d", MariaDBLocation("u", "d", (Host("h", 3306),), password=""), id="empty password"
        ),
        pytest.param(
            "mariadb://u@h/d?tls=required",
            MariaDBLocation("u", "d", (Host("h", 3306),), tls=TLS(TLSLevel.REQUIRED)),
            id="TLS with whoever answers",
        ),
        pytest.param(
            "mariadb://u@h/d?tls=verify-ca&tls_ca=/ca&tls_cert=/cert&tls_key=/key",
            MariaDBLocation("u", "d", (Host("h", 3306),), tls=TLS(TLSLevel.VERIFY_CA, "/ca", "/cert", "/key")),
            id="TLS with all files",
        ),
        pytest.param(
            "mariadb://u@h/d?tls_ca=/ca",
            MariaDBLocation("u", "d", (Host("h", 3306),), tls=TLS(TLSLevel.VERIFY_IDENTITY, "/ca")),
            id="a file alone means the strictest level",
        ),
        pytest.param("mariadb://u@h/d?tls=off", MariaDBLocation("u", "d", (Host("h", 3306),)), id="no TLS"),
        pytest.param("sqlite:///var/lib/s.db", SQLiteLocation("/var/lib/s.db"), id="SQLite"),
        pytest.param("sqlite:////var/lib/s.db", SQLiteLocation("/var/lib/s.db"), id="SQLite, four slashes"),
        pytest.param("sqlite:///a%20b.db", SQLiteLocation("/a b.db"), id="SQLite, encoded blank"),
    ],
)  # fmt: skip
def test_url(url: str, location: MariaDBLocation | SQLiteLocation) -> None:
    """A url names user, hosts in order, database and socket, or a file."""
    assert location == parse_url(url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        pytest.param("", r"is not 'mariadb://", id="empty"),
        pytest.param("postgresql://u@h/d", r"is not 'mariadb://", id="another database"),
        pytest.param("mariadb://u:p@ss@h/d", r"has more than one '@'; write .* '%40'", id="@ in a password"),
        pytest.param("mariadb://u@h", r"is not 'mariadb://", id="no database"),
        pytest.param("mariadb://u@h/", r"is not 'mariadb://", id="empty database"),
        pytest.param("mariadb://h/d", r"has no user", id="no user"),
        pytest.param("mariadb://@h/d", r"has no user", id="empty user"),
        pytest.param("mariadb://u@h/d;drop", r"has a database name with other characters", id="odd database"),
        pytest.param("mariadb://u@/d", r"has a host '' that is not NAME", id="no host"),
        pytest.param("mariadb://u@h1,,h2/d", r"has a host '' that is not NAME", id="empty host"),
        pytest.param("mariadb://u@h:0/d", r"has a host 'h:0'", id="port 0"),
        pytest.param("mariadb://u@h:65536/d", r"has a host 'h:65536'", id="port too big"),
        pytest.param("mariadb://u@h:x/d", r"has a host 'h:x'", id="port no number"),
        pytest.param("mariadb://u@h/d?socket=/x", r"has an unknown option 'socket'; allowed: 'tls', 'unix_socket'", id="option"),
        pytest.param("mariadb://u@h/d?unix_socket=x", r"has a unix_socket that is not an absolute path", id="relative socket"),
        pytest.param("mariadb://u@h/d?tls=on", r"has a tls that is none of 'off', 'required', 'verify-ca', 'verify-identity'", id="level of TLS"),
        pytest.param("mariadb://u@h/d?tls_ca=ca.pem", r"has a tls_ca that is not an absolute path", id="relative CA"),
        pytest.param("mariadb://u@h/d?tls=off&tls_ca=/ca", r"has tls=off and files for TLS", id="CA without TLS"),
        pytest.param("mariadb://u@h/d?tls=required&tls_ca=/ca", r"has a tls_ca, which only 'verify-ca' and", id="CA that is not looked at"),
        pytest.param("mariadb://u@h/d?tls_key=/key", r"has a tls_key without its tls_cert", id="key without certificate"),
        pytest.param("mariadb://u@h/d?unix_socket=/s&tls=required", r"has a unix_socket and TLS", id="TLS on a unix socket"),
        pytest.param("sqlite://s.db", r"is not 'sqlite:///' followed by an absolute path", id="SQLite, relative"),
        pytest.param("sqlite:///", r"is not 'sqlite:///' followed by an absolute path", id="SQLite, no file"),
    ],
)  # fmt: skip
def test_wrong_url(url: str, problem: str) -> None:
    """A wrong url is refused with what is allowed."""
    with pytest.raises(ValueError, match=problem):
        parse_url(url)


def test_location_is_named_without_its_password() -> None:
    """Log lines and errors name user, host and database."""
    assert str(parse_url("mariadb://u:secret@h1,[::1]:3307/d")) == "mariadb u@h1:3306,[::1]:3307/d"
    assert str(parse_url("mariadb://u@h/d?unix_socket=/s")) == "mariadb u@/s/d"
    assert str(parse_url("sqlite:///s.db")) == "sqlite /s.db"


@given(
    st.text("ABC@:/?%,[]", min_size=1, max_size=12),
    st.sampled_from(["h/d", "h:x/d", "/d", "h/d?x=y", "h"]),
)
def test_password_never_shows_in_an_error(odd: str, rest: str) -> None:
    """Whatever characters a password has that should have been encoded: no part of it is shown."""
    try:
        parse_url(f"mariadb://user:{odd}@{rest}")
    except ValueError as error:
        # The sentences of location.py have none of these but in the names of what is allowed.
        told = re.sub(r"USER|HOST|PORT|DATABASE|PATH|NAME|ADDRESS", "", str(error))
        assert not re.search("[ABC]", told)


@pytest.mark.parametrize(
    ("name", "is_loopback"),
    [("localhost", True), ("::1", True), ("db1", False), ("127.0.0.9", False)],
)
def test_loopback(name: str, *, is_loopback: bool) -> None:
    """Only the usual names of this host are taken for it."""
    assert Host(name, 3306).is_loopback is is_loopback
