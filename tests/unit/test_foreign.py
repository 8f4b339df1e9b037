"""Reading another program's database: what goes wrong is one of our errors."""

import pytest

from sendlimit.errors import StoreUnavailable
from sendlimit.store import foreign
from sendlimit.store.location import parse_url


def test_password_method_that_needs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where MySQL wants a method that PyMySQL can't do over TCP, the socket is the way out."""

    def refuses(*_: object, **__: object) -> None:
        raise RuntimeError("'cryptography' package is required for caching_sha2_password")

    monkeypatch.setattr(foreign, "open_mariadb", refuses)
    with pytest.raises(
        StoreUnavailable, match=r"caching_sha2_password; connect through its socket"
    ):
        foreign.read_table(parse_url("mysql://a@db.example.org/guard"), "secret", "ratelimits")
