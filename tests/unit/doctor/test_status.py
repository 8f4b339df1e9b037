"""What `sendlimit status` reads, with parts that are away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sendlimit.config import Config
from sendlimit.counting.daemon_status import write_status
from sendlimit.doctor.status import Status, read_status
from sendlimit.errors import StoreUnavailable
from sendlimit.store.connection import Connection
from support.counting_samples import NOON, key_of
from support.daemon_status_samples import STATUS
from support.doubles.milter import scripted_milter
from support.real_stores import insert_counter, open_tables

_LIMITS = {"global": {"messages_per_day": 999}, "mailbox": {"messages_per_day": 100}}


def _status(folder: Path, socket: str, tables: Connection | None) -> Status:
    config = Config.model_validate(
        {
            "milter": {"socket": socket},
            "state_dir": str(folder),
            "calendar": {"timezone": "UTC"},
            "limits": _LIMITS,
            "notify": {"warn_at_percent": 50, "mail_owner": True},
        }
    )

    @contextmanager
    def connect() -> Iterator[Connection]:
        if tables is None:
            raise StoreUnavailable("gone")
        yield tables

    return read_status(config, connect, NOON, config_directory=folder)


def test_what_answers_is_read(folder: Path, tmp_path: Path) -> None:
    """A daemon that answers is no problem; counts and limits are those of the running periods."""
    tables = open_tables(f"sqlite:///{tmp_path}/sendlimit.db")
    insert_counter(tables, key_of("global.messages_per_day", "*", NOON), 500)
    insert_counter(tables, key_of("mailbox.messages_per_day", "a@b.org", NOON), 50)
    insert_counter(tables, key_of("mailbox.messages_per_day", "a@b.org", NOON - 86400), 99)
    write_status(folder, replace(STATUS, at=NOON))
    with scripted_milter(folder / "s"):
        found = _status(folder, f"unix:{folder}/s", tables)
    tables.close()

    assert found.daemon_answers
    assert found.daemon == f"unix:{folder}/s: the daemon answers"
    assert found.counted is not None
    assert (found.counted.server_used, found.counted.server_max) == (500, 999)
    assert [(near.subject, near.used) for near in found.counted.near] == [
        ("*", 500),
        ("a@b.org", 50),
    ]
    assert found.counted.last_refusal is None
    assert [problem[:40] for problem in found.problems] == [f"there is no {folder}/main.cf"[:40]]


def test_everything_is_away(folder: Path) -> None:
    """Without daemon, Postfix and database the file's limits are known, and each is a problem."""
    found = _status(folder, f"unix:{folder}/s", None)

    assert (found.daemon_answers, found.attached, found.counted) == (False, None, None)
    assert found.in_force.startswith("enforce: mail is refused beyond 999 messages per day")
    assert len(found.problems) == 3
    assert found.problems[0] == (
        f"no daemon listens there (unix:{folder}/s): systemctl start sendlimit"
    )
    assert found.problems[2] == "gone"


def test_daemon_that_does_not_decide(folder: Path) -> None:
    """A daemon that answers and decides nothing is a problem, in the words of the doctor."""
    write_status(folder, replace(STATUS, at=NOON, state="stuck", error="a lock"))
    with scripted_milter(folder / "s"):
        found = _status(folder, f"unix:{folder}/s", None)

    assert found.daemon_answers
    assert found.problems[0].startswith(
        "nothing is decided, a transaction of it does not end: a lock"
    )
