"""Overview, limits, refusals, changes, find."""

import pytest

from sendlimit.rules.limit import Scope
from sendlimit.rules.override import Override
from sendlimit.rules.window import Window
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.findings import KeptFinding, keep_findings
from sendlimit.store.hours import keep_hour
from sendlimit.store.overrides import set_override
from support.command_samples import episode
from support.counting_samples import ALICES_DAY, BERLIN, DAILY, NOON, setting
from support.pages_client import Browser
from support.real_stores import insert_counter, insert_episode

_TODAY = ALICES_DAY._replace(period_start=BERLIN.period(ALICES_DAY.window, NOON).start)
_EVIL = "<script>alert(1)</script>@x.org"
_BY = Author("carol", "page", NOON)


def test_empty(admin: Browser) -> None:
    """On a fresh server every page has words for nothing."""
    for target in ("/", "/limits", "/refusals", "/changes", "/find?name=x", "/subject/global"):
        assert admin.get(target).status == 200, target
    admin.get("/")
    assert "The doctor has not looked yet" in admin.text


def test_overview(admin: Browser, tables: Connection) -> None:
    """What the server has sent against its limit, who sent most, refusals, what the doctor found."""
    insert_counter(tables, _TODAY._replace(scope=Scope.GLOBAL, subject="*"), 423)
    keep_hour(tables, _TODAY.period_start, BERLIN.period(Window.HOUR, NOON - 7200).start, 406)
    insert_counter(tables, _TODAY, 80)
    insert_episode(tables, episode(_TODAY, last_at=NOON - 60))
    finding = KeptFinding("attached", "twice", "smtps", "error", "is attached twice", NOON - 60)
    keep_findings(tables, [finding], NOON)
    admin.get("/")
    for text in (
        "423 of 999",
        'href="/subject/alice@example.org"',
        'class="meter high"',
        "3 times since",
        "is attached twice",
        "17, in all 423",
    ):
        assert text in admin.text


def test_hostile_names(admin: Browser, tables: Connection) -> None:
    """Script in addresses, senders, reasons and findings stays text on every page."""
    insert_counter(tables, _TODAY._replace(subject=_EVIL), 80)
    insert_episode(tables, episode(_TODAY._replace(subject=_EVIL), last_at=NOON, mailbox=_EVIL))
    tables.execute("UPDATE er_refusal SET last_sender = %s", ['"><img src=x onerror=alert(1)>'])
    set_override(tables, Override(setting(_EVIL, DAILY, 5), _EVIL, _EVIL, NOON), _BY)
    keep_findings(tables, [KeptFinding("attached", "twice", _EVIL, "error", _EVIL, NOON)], NOON)
    for target in (
        "/",
        "/limits",
        "/refusals",
        "/changes",
        "/find?name=%3Cs",
        "/limits?text=<script>",
    ):
        admin.get(target)
        assert "<script>alert" not in admin.text, target
        assert "<img" not in admin.text, target
    admin.get("/limits")
    assert "&lt;script&gt;" in admin.text


def test_limits(admin: Browser, tables: Connection) -> None:
    """All in pages, those about to end first, and a search that takes signs as they are."""
    for number in range(120):
        row = Override(setting(f"m{number:03}_%@x.org", DAILY, number), "", "root", NOON)
        set_override(tables, row, _BY)
    set_override(tables, Override(setting("z@x.org", DAILY, 9, NOON + 3600), "", "root", NOON), _BY)
    admin.get("/limits")
    assert "Boosts that end within 7 days" in admin.text
    assert "z@x.org" in admin.text
    found = admin.text.count("<tr>") - 2
    while 'rel="next"' in admin.text:
        target = admin.text.split('" rel="next"')[0].rpartition('href="')[2].replace("&amp;", "&")
        admin.get(target)
        found += admin.text.count("<tr>") - 1
    assert found == 122

    admin.get("/limits?text=M007_%25")
    assert admin.text.count("<tr>") == 2
    admin.get("/limits?text=_7")
    assert "There are none." in admin.text


def test_refusals_in_pages(admin: Browser, tables: Connection) -> None:
    """Thousands of refusals are pages; of one subject only its own."""
    for number in range(60):
        key = _TODAY._replace(subject=f"m{number}@x.org")
        insert_episode(tables, episode(key, last_at=NOON, mailbox=f"m{number}@x.org"))
    admin.get("/refusals")
    assert admin.text.count("<tr>") == 51
    target = admin.text.split('" rel="next"')[0].rpartition('href="')[2].replace("&amp;", "&")
    admin.get(target)
    assert admin.text.count("<tr>") == 11
    admin.get("/refusals?since=7d&subject=m7@x.org")
    assert admin.text.count("<tr>") == 2


def test_changes(admin: Browser, tables: Connection) -> None:
    """Who changed what, the last first, in pages."""
    for number in range(60):
        row = Override(setting(f"m{number}@x.org", DAILY, number), "", "root", NOON)
        set_override(tables, row, _BY)
    admin.get("/changes")
    assert admin.text.index("m59@x.org") < admin.text.index("m50@x.org")
    target = admin.text.split('" rel="next"')[0].rpartition('href="')[2]
    admin.get(target)
    assert admin.text.count("<tr>") == 11


@pytest.mark.parametrize(
    "target",
    [
        "/refusals?since=x",
        "/refusals?before=x",
        "/refusals?subject=*@x.org",
        "/changes?before=x",
        "/changes?before=" + "9" * 30,
    ],
)
def test_refused(admin: Browser, target: str) -> None:
    """What can't be read is a page that says so."""
    assert admin.get(target).status == 422
    assert "This can&#39;t be set" in admin.text


def test_find(admin: Browser, tables: Connection) -> None:
    """A name that is there, or the only one that begins so, is gone to; else they are listed."""
    for name in ("alice@x.org", "albert@x.org", "bob@x.org"):
        insert_counter(tables, _TODAY._replace(subject=name), 1)
    assert admin.get("/find?name=%20Alice@x.org").headers["location"] == "/subject/alice@x.org"
    assert admin.get("/find?name=bo").headers["location"] == "/subject/bob@x.org"
    assert admin.get("/find?name=new@x.org").headers["location"] == "/subject/new@x.org"
    assert admin.get("/find?name=").headers["location"] == "/"
    admin.get("/find?name=al")
    assert admin.text.count("@x.org</a>") == 2
    admin.get("/find?name=zz")
    assert "Nothing that was counted begins with" in admin.text
