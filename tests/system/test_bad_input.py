"""Hostile logins and reverse paths: the limit holds, the log and the answers stay clean."""

import pytest

from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.milter_client import MilterClient

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

LIMIT = 3
SETTINGS = {"limits": {"mailbox": {"messages_per_day": LIMIT, "recipients_per_day": 500}}}
MAX_REPLY = 990

LOGINS = {
    "single quote": "o'brien@example.org",
    "double quotes": 'say "hi"@example.org',
    "SQL": "x'; DROP TABLE er_counter; -- @example.org",
    "spaces": "two words@example.org",
    "blank at the end": "blank@example.org ",
    "percent": "100%@example.org",
    "format": "%s%n{used}{0}@example.org",
    "backslash": "back\\slash@example.org",
    "backslash at the end": "end@example.org\\",
    "tab": "tab\there@example.org",
    "line break": "line\r\nbreak@example.org",
    "controls": "\x01\x1b[31m\x7f@example.org",
    "sanitised byte": "b?d@example.org",
    "question marks": "???",
    "no domain": "nodomain",
    "no local part": "@example.org",
    "empty domain": "nobody@",
    "two domains": "a@b@example.org",
    "300 characters": "a" * 300 + "@example.org",
    "300 characters of domain": "a@" + "d" * 300 + ".org",
    "300 letters of four bytes": "\N{GRINNING FACE}" * 300,
    "umlaut": "j\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen@example.org",
    "letter that grows in lower case": "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}@example.org",
    "direction mark": "\N{RIGHT-TO-LEFT OVERRIDE}evil@example.org",
    "one character": "x",
    "the server's own subject": "*",
}

SENDERS: dict[str, str | bytes] = {
    "null": "<>",
    "without brackets": "a@example.net",
    "nothing": "",
    "long": "<" + "x" * 2000 + "@example.net>",
    "quoted": '<"a b\\"c"@example.net>',
    "route": "<@relay.example:a@example.net>",
    "not UTF-8": b"<\xff\xfe@example.net>",
    "controls": "<\x1b[2J\r\nfake-line mailbox=x@example.net>",
    "format": "<%s{used}@example.net>",
    "quotes": "<'\"; DROP TABLE er_refusal; -- @example.net>",
}


class TestLogin:
    """What an attacker can choose as a login."""

    @pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
    def test_limit_holds(self, milter: MilterClient, daemon: Sendlimit, login: str) -> None:
        """Three mails pass, the fourth is refused in one clean line; the log has clean lines."""
        answers = [milter.send_mail(login) for _ in range(LIMIT + 1)]

        assert [answer.kind for answer in answers] == ["continue"] * LIMIT + ["reply"]
        text = answers[-1].text
        assert text.startswith("450 4.7.1 ")
        assert text.isprintable()
        assert len(text.encode()) <= MAX_REPLY
        assert all(line.isprintable() for line in daemon.lines())
        assert not daemon.lines("^Traceback|fault|^ERROR")

    def test_counted_apart(self, milter: MilterClient, shared_store: Counters) -> None:
        """Logins that only look alike are counted apart; case and blanks around make no difference."""
        alike = ["strasse@alike.example", "stra\N{LATIN SMALL LETTER SHARP S}e@alike.example",
                 "str\N{LATIN SMALL LETTER A WITH ACUTE}sse@alike.example"]  # fmt: skip
        for login in [*alike, "STRASSE@Alike.Example", " strasse@alike.example "]:
            assert milter.send_mail(login).kind == "continue"

        for login, number in zip(alike, [3, 1, 1], strict=True):
            shared_store.wait_until_used(login, number)

    def test_long_logins_apart(self, milter: MilterClient) -> None:
        """Two long logins that differ at their end only have a limit each."""
        for login in ("l" * 300 + "1@example.org", "l" * 300 + "2@example.org"):
            kinds = [milter.send_mail(login).kind for _ in range(LIMIT + 1)]
            assert kinds == ["continue"] * LIMIT + ["reply"]

    def test_not_utf8(self, milter: MilterClient, daemon: Sendlimit) -> None:
        """A login that is no text, which Postfix never sends, is let through and reported."""
        assert milter.mail(b"\xff\xfe@example.org").kind == "accept"
        assert daemon.wait_for_lines("accepted-on-failure mailbox=.* reason=.*UTF-8")

    def test_empty(self, milter: MilterClient, shared_store: Counters) -> None:
        """An empty login is none: accepted, not counted."""
        before = shared_store.used()

        assert milter.mail("").kind == "accept"
        assert shared_store.used() == before


class TestSender:
    """What an attacker can choose as a reverse path."""

    @pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
    def test_limit_holds(
        self, milter: MilterClient, daemon: Sendlimit, domain: FreshDomain, sender: str | bytes
    ) -> None:
        """The login's limit holds; the refusal is logged in one clean line and recorded."""
        kinds = []
        for _ in range(LIMIT + 1):
            kinds.append(milter.mail(domain.alice, sender).kind)
            if kinds[-1] == "continue":
                milter.rcpt()
                milter.end()

        assert kinds == ["continue"] * LIMIT + ["reply"]
        (line,) = daemon.wait_for_lines(f"^INFO refused mailbox={domain.alice} ")
        assert line.isprintable()
        assert not daemon.lines("^fake-line|Traceback|fault")
