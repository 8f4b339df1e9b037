"""What happens to the next message, in words."""

from sendlimit.config import Config
from sendlimit.reports.context import ReportContext
from sendlimit.reports.usage import usage_report
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.suspensions import suspend
from sendlimit.web.pages.verdict import verdict
from sendlimit.web.pages.words import Words
from support.counting_samples import ALICE, ALICES_DAY, NOON, UTC
from support.real_stores import insert_counter

_WORDS = Words("en", UTC)


def _context(**tables: object) -> ReportContext:
    document = {"calendar": {"timezone": "UTC"}, "limits": {"mailbox": {"messages_per_day": 100}}}
    return ReportContext.of(Config.model_validate(document | tables))


def _verdict(tables: Connection, context: ReportContext, used: int) -> tuple[str, str]:
    if used:
        insert_counter(tables, ALICES_DAY, used)
    who = context.subject(ALICE.mailbox, tables)
    found = verdict(_WORDS, usage_report(context, tables, who, NOON), NOON)
    return found.level, " ".join(found.sentences)


def test_verdict_unknown(tables: Connection) -> None:
    """A name that was never counted may be mistyped."""
    level, text = _verdict(tables, _context(), 0)
    assert level == "note"
    assert "Is the name right?" in text


def test_verdict_refused(tables: Connection) -> None:
    """Which limit is used up, and when it starts again."""
    level, text = _verdict(tables, _context(), 100)
    assert level == "bad"
    assert "the limit “Messages a day of the mailbox” is used up" in text
    assert "23 Nov 2026, 00:00, in 12 h 0 min" in text


def test_verdict_of_a_limit_of_0(tables: Connection) -> None:
    """Where nothing may be sent, no time is named at which that ends."""
    nothing = _context(limits={"mailbox": {"messages_per_day": 0}})
    assert _verdict(tables, nothing, 1) == (
        "bad",
        "Nothing may be sent: the limit “Messages a day of the mailbox” is 0.",
    )


def test_verdict_while_observing(tables: Connection) -> None:
    """In mode observe the mail passes, and that is said."""
    level, text = _verdict(tables, _context(mode="observe"), 100)
    assert (level, "only observes" in text) == ("note", True)


def test_verdict_exempt(tables: Connection) -> None:
    """Exempt mail passes whatever was counted."""
    level, text = _verdict(tables, _context(identity={"exempt": [ALICE.mailbox]}), 100)
    assert (level, text.startswith("Exempt")) == ("note", True)


def test_verdict_suspended(tables: Connection) -> None:
    """Suspended until when; while observing that its mail passes all the same."""
    suspend(tables, "example.org", NOON + 60, "", Author("root", "command", NOON))
    assert _verdict(tables, _context(), 1) == (
        "bad",
        "Suspended until 12:01: the next message is refused.",
    )
    level, text = _verdict(tables, _context(mode="observe"), 0)
    assert (level, text.startswith("Suspended until 12:01, but")) == ("note", True)
