"""A new error and its end are told once, and what could not be looked at stays."""

from sendlimit.doctor.check import Check, found, passed
from sendlimit.doctor.keeping import compared, in_words
from sendlimit.postfix.finding import error, warning
from sendlimit.store.findings import Findings, KeptFinding

_NOW = 1000
_SENTENCES = ("it is wrong", "it matters", "mend it")


def _kept(check: str, code: str, subject: str, level: str = "error") -> KeptFinding:
    return KeptFinding(check, code, subject, level, "it is wrong; mend it", 10)


def test_new_error() -> None:
    """An error that was not there before has begun; a warning is kept, and told to no one."""
    checks = [
        found("daemon", error("daemon", "unix:/s", *_SENTENCES)),
        found("mode", warning("observe", "file", *_SENTENCES)),
        passed("clock", "as the database's"),
    ]

    run = compared(checks, Findings(None, []), _NOW)

    assert [one.check for one in run.found] == ["daemon", "mode"]
    assert run.found[0] == KeptFinding(
        "daemon", "daemon", "unix:/s", "error", "it is wrong; mend it", _NOW
    )
    assert run.began == run.found[:1]
    assert run.ended == []


def test_error_that_stays() -> None:
    """An error that was there before is told no second time; of another service it is another."""
    before = Findings(1, [_kept("attached", "not-attached", "smtp/inet")])
    stays = error("not-attached", "smtp/inet", *_SENTENCES)
    other = error("not-attached", "smtps/inet", *_SENTENCES)

    assert compared([found("attached", stays)], before, _NOW)[1:] == ([], [])
    assert [
        one.subject for one in compared([found("attached", stays, other)], before, _NOW).began
    ] == ["smtps/inet"]


def test_end() -> None:
    """An error has ended when its check is made and does not find it, or finds it to be less."""
    before = Findings(1, [_kept("options", "options", "smtp/inet"), _kept("clock", "clock", "db")])
    checks = [
        found("options", warning("options", "smtp/inet", *_SENTENCES)),
        passed("clock", "as the database's"),
    ]

    assert [one.check for one in compared(checks, before, _NOW).ended] == ["options", "clock"]


def test_what_was_not_looked_at_stays() -> None:
    """A check that could not be made neither ends nor loses what it found before."""
    before = Findings(1, [_kept("canary", "canary-kept", "unix:/s")])
    checks: list[Check] = [passed("clock", "as the database's")]

    run = compared(checks, before, _NOW)

    assert (run.found, run.began, run.ended) == (before.found, [], [])


def test_words() -> None:
    """A notice names checks, and what they are about."""
    errors = [_kept("attached", "not-attached", "smtp/inet"), _kept("mail", "no-mail", "mail")]

    assert in_words(errors) == "attached (smtp/inet), mail"
    assert in_words([]) == ""
