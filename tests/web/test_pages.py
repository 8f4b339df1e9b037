"""The pages in a real browser: what one sees, with and without scripts, and that nothing gets in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from selenium.webdriver.common.by import By

from support.rig.browser import Chromium
from support.rig.counters import Counters
from support.rig.web import Web

_EVIL = "<script>document.title='evil'</script>@example.org"
_SENDER = '"><img src=x onerror="document.title=\'evil\'">@example.net'
_PAGES = (
    "/",
    f"/subject/{quote(_EVIL, safe='')}",
    f"/refusals?subject={quote(_EVIL, safe='')}",
    "/subject/alice@example.org",
    "/subject/example.org",
    "/subject/global",
    "/limits",
    "/suspended",
    "/refusals",
    "/changes",
    "/find?name=m",
    "/nothing",
)


@pytest.fixture(scope="module", autouse=True)
def what_is_counted(pages: Web, pages_store: Counters) -> None:
    """Mailboxes, refusals, limits and findings, some with script in every text that is foreign."""
    over = pages.admin_socket
    day = pages.ask("GET", "/v1/usage/global", over=over).json["limits"][0]["period_start"]
    start = day.replace("T", " ").removesuffix("Z")

    def insert(table: str, columns: str, *values: object) -> None:
        marks = ", ".join(["%s"] * len(values))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - constants
        pages_store.query(statement, *values)

    key = "scope, subject, unit, `window`, period_start"
    for number, name in enumerate(
        [_EVIL, "alice@example.org", *(f"m{n}@example.org" for n in range(30))]
    ):
        insert(
            "er_counter", f"{key}, used", "mailbox", name, "messages", "day", start, 100 - number
        )
    insert("er_counter", f"{key}, used", "global", "*", "messages", "day", start, 980)
    insert(
        "er_refusal",
        f"{key}, `limit`, first_at, last_at, attempts, last_client_addr, last_sender, last_mailbox",
        "mailbox", _EVIL, "messages", "day", start, 100, start, start, 7, _EVIL, _SENDER, _EVIL,
    )  # fmt: skip
    insert(
        "er_finding",
        "`check`, code, subject, level, text",
        "last",
        "not-last",
        _EVIL,
        "error",
        _EVIL,
    )
    for target in (_EVIL, "alice@example.org"):
        subject = target.replace("/", "%2F").replace("<", "%3C").replace(">", "%3E")
        path = f"/v1/limits/{subject}/mailbox.messages_per_day"
        answer = pages.ask("PUT", path, {"max": 10**15, "reason": _EVIL, "by": _EVIL}, over=over)
        assert answer.status == 200
        path = f"/v1/suspensions/{subject}"
        assert pages.ask("PUT", path, {"reason": _EVIL, "by": _EVIL}, over=over).status == 200


@pytest.fixture
def admin(browser: Chromium, pages: Web) -> Iterator[Chromium]:
    """The browser with carol logged in."""
    browser.log_in(pages.url, "carol")
    yield browser
    assert browser.driver.title != "evil"


@pytest.mark.parametrize(
    "look",
    [
        {},
        {"dark": True},
        {"phone": True, "dark": True},
        {"phone": True, "language": "de"},
        {"language": "de"},
    ],
    ids=str,
)
def test_every_page(admin: Chromium, pages: Web, look: dict[str, bool]) -> None:
    """In every look axe-core finds nothing serious, nothing is blocked, no script of a name runs."""
    admin.show(**look)  # type: ignore[arg-type]
    for target in _PAGES:
        admin.driver.get(pages.url + target)
        assert admin.faults_of_access() == [], target
        assert not admin.is_wider_than_the_window(), target
        assert admin.driver.title.endswith("· sendlimit")
        assert [line for line in admin.console() if "404 (Not Found)" not in line] == []


def test_log_in_page(browser: Chromium, pages: Web) -> None:
    """The log-in is as open to everybody; a wrong password is told there."""
    browser.driver.get(f"{pages.url}/login")
    assert browser.faults_of_access() == []
    browser.log_in(pages.url, "carol", "not hers, not hers")
    assert "User name or password is wrong." in browser.text()
    assert browser.faults_of_access() == []


def test_without_scripts(browser: Chromium, pages: Web) -> None:
    """A limit is set and taken back, counts are reset, one is suspended and released, without scripts."""
    browser.show(scripts=False)
    browser.log_in(pages.url, "carol")
    browser.type("find", "m7@example.org")
    browser.submit(".find button")
    assert "m7@example.org" in browser.text("h1")
    browser.type("max", "1500")
    browser.type("reason", "newsletter")
    browser.submit("button.main")
    assert "The limit is set" in browser.text(".notice.ok")
    assert "1,500" in browser.text("table")
    browser.submit(".overrides button")
    assert "The limit is taken back" in browser.text(".notice.ok")
    browser.driver.find_elements(By.CSS_SELECTOR, "details summary")[-1].click()
    browser.submit("form[action$='/reset'] button")
    assert "The running counts are 0 now" in browser.text(".notice.ok")
    browser.driver.find_elements(By.CSS_SELECTOR, "details summary")[-2].click()
    browser.submit("form[action$='/suspend'] button")
    assert "Suspended until it is released" in browser.text(".notice.bad")
    browser.driver.get(f"{pages.url}/suspended")
    assert "m7@example.org" in browser.text("table")
    browser.submit("form[action='/subject/m7@example.org/release'] button")
    assert "It is released" in browser.text(".notice.ok")


def test_overview_refreshes_itself(admin: Chromium, pages: Web, pages_store: Counters) -> None:
    """With scripts the overview shows new numbers without being loaded again."""
    admin.driver.get(f"{pages.url}/")
    script = "document.querySelector('main').dataset.marked = 'yes'; setInterval(refresh, 200)"
    admin.driver.execute_script(script)
    pages_store.query(
        "UPDATE er_counter SET used = used + 1 WHERE scope = 'global' AND `window` = 'day'"
    )
    admin.wait_for(lambda: "981 of 999" in admin.text())
    assert admin.driver.find_element(By.TAG_NAME, "main").get_attribute("data-marked") == "yes"
    assert admin.console() == []


def test_after_the_log_out(admin: Chromium, pages: Web) -> None:
    """Neither the way back nor the old cookie shows anything after the log-out."""
    admin.driver.get(f"{pages.url}/limits")
    cookie = admin.driver.get_cookie("sendlimit_session")
    assert cookie
    assert cookie["httpOnly"]
    assert admin.driver.execute_script("return document.cookie") == ""
    admin.submit(".log-out button")
    admin.driver.back()
    assert "Log in" in admin.text("h1")
    admin.driver.add_cookie({"name": "sendlimit_session", "value": cookie["value"]})
    admin.driver.get(f"{pages.url}/limits")
    assert "Log in" in admin.text("h1")
    assert cookie["value"] not in pages.process.log_text()


def test_another_site(admin: Chromium, pages: Web) -> None:
    """A form that another site sends with the admin's browser changes nothing."""
    before = pages.ask("GET", "/v1/changes", over=pages.admin_socket).json["changes"][0]["id"]
    target = f"{pages.url}/subject/alice@example.org/reset"
    admin.driver.get(
        f"data:text/html,<form id=f method=post action='{target}'><input name=form_token value=x></form>"
    )
    admin.driver.execute_script("document.getElementById('f').submit()")
    admin.wait_for(lambda: "did not work" in admin.text("h1") or "Log in" in admin.text("h1"))
    after = pages.ask("GET", "/v1/changes", over=pages.admin_socket).json["changes"][0]["id"]
    assert after == before


def test_two_admins(admin: Chromium, pages: Web) -> None:
    """Who sets a limit that was changed since the page was opened is told so, and nothing is set."""
    path = "/v1/limits/m1@example.org/mailbox.messages_per_day"
    admin.driver.get(f"{pages.url}/subject/m1@example.org")
    answer = pages.ask("PUT", path, {"max": 5, "by": "another"}, over=pages.admin_socket)
    assert answer.status == 200
    admin.type("max", "6")
    admin.submit("button.main")
    assert "Another one has changed this limit meanwhile" in admin.text()
    now = pages.ask("GET", "/v1/limits?subject=m1@example.org", over=pages.admin_socket).json
    assert [row["max"] for row in now["limits"]] == [5]
    admin.submit("button.main")
    assert "The limit is set" in admin.text(".notice.ok")


def test_time_zones(admin: Chromium, pages: Web) -> None:
    """Times are those of the calendar, typed and shown, wherever the browser is."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    with admin.in_time_zone("Pacific/Auckland"):
        admin.driver.get(f"{pages.url}/subject/m2@example.org")
        assert "Times in UTC" in admin.text("footer")
        admin.type("max", "7")
        script = "document.getElementById('until').value = arguments[0]"
        admin.driver.execute_script(script, f"{tomorrow}T18:05")
        admin.submit("button.main")
        assert "18:05" in admin.text(".overrides")
    found = pages.ask("GET", "/v1/limits?subject=m2@example.org", over=pages.admin_socket).json
    assert [row["until"] for row in found["limits"]] == [f"{tomorrow}T18:05:00Z"]


def test_thousands(admin: Chromium, pages: Web, pages_store: Counters) -> None:
    """Thousands of limits are pages of 50, found by a part of a name; the last page has an end."""
    names = [f"z{number:04}@many.example" for number in range(3000)]
    values = ", ".join(["(%s, 'mailbox', 'messages', 'day', 5)"] * len(names))
    columns = "subject, scope, unit, `window`, max"
    insert = f"INSERT INTO er_limit ({columns}) VALUES {values}"  # noqa: S608 - constants
    pages_store.query(insert, *names)
    try:
        admin.driver.get(f"{pages.url}/limits?text=many.example")
        assert len(admin.driver.find_elements(By.CSS_SELECTOR, "tbody tr")) == 50
        assert not admin.is_wider_than_the_window()
        admin.submit("a[rel=next]")
        assert "z0050@many.example" in admin.text("tbody tr")
        admin.driver.get(f"{pages.url}/limits?text=many.example&after=z2990@many.example")
        assert len(admin.driver.find_elements(By.CSS_SELECTOR, "tbody tr")) == 10
        assert admin.driver.find_elements(By.CSS_SELECTOR, "a[rel=next]") == []
    finally:
        pages_store.query("DELETE FROM er_limit WHERE subject LIKE '%%@many.example'")


def test_thousands_of_names(admin: Chromium, pages: Web, pages_store: Counters) -> None:
    """Of thousands of mailboxes that begin alike 50 are listed, and that there are more is said."""
    key = "scope, subject, unit, `window`, period_start, used"
    names = [f"y{number:04}@many.example" for number in range(3000)]
    values = ", ".join(["('mailbox', %s, 'messages', 'day', '2026-01-01 00:00:00', 1)"] * 3000)
    pages_store.query(f"INSERT INTO er_counter ({key}) VALUES {values}", *names)  # noqa: S608 - constants
    try:
        admin.driver.get(f"{pages.url}/find?name=y")
        assert len(admin.driver.find_elements(By.CSS_SELECTOR, ".names li")) == 50
        assert "There are more" in admin.text(".hint")
        admin.driver.get(f"{pages.url}/find?name=y299")
        assert len(admin.driver.find_elements(By.CSS_SELECTOR, ".names li")) == 10
        assert not admin.has(".hint")
    finally:
        pages_store.query("DELETE FROM er_counter WHERE subject LIKE '%%@many.example'")


def test_the_highest_limit(admin: Chromium, pages: Web) -> None:
    """A limit of 10^15 is set and shown; one more is refused in words, and what was typed stays."""
    admin.driver.get(f"{pages.url}/subject/m3@example.org")
    admin.type("max", str(10**15))
    admin.submit("button.main")
    assert "The limit is set" in admin.text(".notice.ok")
    assert "1,000,000,000,000,000" in admin.text("table")
    assert "limit 1,000,000,000,000,000, far above" in admin.driver.page_source
    assert not admin.is_wider_than_the_window()
    admin.type("max", str(10**15 + 1))
    admin.submit("button.main")
    assert "from 0 to 10^15" in admin.text(".notice.bad")
    value = admin.driver.find_element(By.ID, "max").get_attribute("value")
    assert value == str(10**15 + 1)
    found = pages.ask("GET", "/v1/limits?subject=m3@example.org", over=pages.admin_socket).json
    assert [row["max"] for row in found["limits"]] == [10**15]


def test_database_away(admin: Chromium, pages: Web, pages_store: Counters) -> None:
    """When the tables are gone, the page says so in words."""
    pages_store.query("ALTER TABLE er_web_session RENAME TO er_web_gone")
    try:
        admin.driver.get(f"{pages.url}/")
        assert "The database does not answer. Mail is not affected" in admin.text()
        assert admin.faults_of_access() == []
    finally:
        pages_store.query("ALTER TABLE er_web_gone RENAME TO er_web_session")
