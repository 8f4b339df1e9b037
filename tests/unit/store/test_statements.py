"""The SQL of the ledger: only placeholders vary, and both databases have the same statements."""

import string

import pytest

from sendlimit.store import statements
from sendlimit.store.connection import Connection

PLAIN = {
    name: text
    for name, text in vars(statements).items()
    if name.isupper()
    and isinstance(text, str)
    and not name.startswith("_")
    and text.lstrip().startswith(("SELECT", "INSERT", "DELETE", "UPDATE"))
}
OF_SQLITE = {
    name: text for name, text in vars(statements.SQLite).items() if not name.startswith("_")
}


def _filled(text: str) -> str:
    """Fill in what is worked out from numbers: how many placeholders there are."""
    fields = {field for _, field, _, _ in string.Formatter().parse(text) if field}
    assert fields <= {"subjects", "ids", "rows", "greatest", "keys", "now"}
    words = dict.fromkeys(("subjects", "ids", "rows"), "%s")
    return text.format(**words, keys=statements.ONE_KEY, greatest="max", now="CURRENT_TIMESTAMP")


@pytest.mark.parametrize("name", [*(PLAIN | OF_SQLITE)])
def test_sqlite_understands_it(tables: Connection, name: str) -> None:
    """Each statement names tables and columns that there are."""
    text = _filled((PLAIN | OF_SQLITE)[name])
    tables.execute(f"EXPLAIN {text}", [None] * text.count("%s"))


def test_both_databases_have_the_statements() -> None:
    """What SQLite wants in its own words MariaDB has in its."""
    assert OF_SQLITE.keys() <= vars(statements.MariaDB).keys()


@pytest.mark.parametrize(
    "name",
    ["GIVE_BACK", "BATCH", "FENCE", "FLUSHED", "BEAT", "BEATS", "HAS_LEFT", "REPLAYED", "COUNTERS"],
)
def test_both_take_the_same_parameters(name: str) -> None:
    """The stores fill in the same values in the same order."""
    mariadb = getattr(statements.MariaDB, name)

    assert mariadb.count("%s") == OF_SQLITE[name].count("%s")
