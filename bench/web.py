"""The pages and the API beside a daemon under load: `script/bench --web`."""

import contextlib
import http.client
import json
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from bench import own
from bench.contender import Contender
from bench.footprint import cpu_s, footprint
from bench.sampling import Sample, progress, rate, ratio, settle, take
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import private_folder
from support.rig.process import running as in_order
from support.rig.web import PASSWORD, Web

MAILBOXES = 100_000
DAYS = 90
CONNECTIONS = 50
REQUESTS_PER_S = 50
ROUNDS = 7
SECONDS = 4
_OK, _LATE = 200, 503
_LATE_MAX = 100
_KEPT = 0.95
_DOMAINS = 100  # as the load generator spreads its mailboxes

# Each mailbox has sent something on each day; refusals of the last hours, and overrides.
_MAILBOX = "CONCAT('mbox', LPAD(box.seq, 6, '0'), '@dom', LPAD(box.seq MOD %s, 3, '0'), '.test')"
_COUNTERS = f"""
INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)
SELECT 'mailbox', {_MAILBOX}, 'messages', 'day', UTC_DATE() - INTERVAL day.seq DAY,
       1 + (box.seq * 7919 + day.seq * 31) MOD 60
  FROM seq_0_to_999999 box JOIN seq_0_to_400 day WHERE box.seq < %s AND day.seq < %s"""  # noqa: S608 - constants
_REFUSALS = f"""
INSERT INTO er_refusal (scope, subject, unit, `window`, period_start, `limit`, first_at, last_at,
       attempts, last_client_addr, last_sender, last_mailbox)
SELECT 'mailbox', {_MAILBOX}, 'messages', 'day', UTC_DATE(), 1000, UTC_TIMESTAMP() - INTERVAL
       box.seq SECOND, UTC_TIMESTAMP() - INTERVAL box.seq SECOND, 3, '192.0.2.1', 'a@x.test', {_MAILBOX}
  FROM seq_0_to_4999 box"""  # noqa: S608 - constants
_LIMITS = f"""
INSERT INTO er_limit (subject, scope, unit, `window`, max)
SELECT {_MAILBOX}, 'mailbox', 'messages', 'day', 1000 FROM seq_0_to_999 box"""  # noqa: S608 - constants
_PAGES = {
    "overview": ("/", 20),
    "mailbox": ("/subject/mbox{number:06}@dom{domain:03}.test", 30),
    "domain": ("/subject/dom{domain:03}.test", 10),
    "server": ("/subject/global", 10),
    "limits": ("/limits", 10),
    "suspended": ("/suspended", 10),
    "refusals, 30 days": ("/refusals?since=30d", 10),
    "changes": ("/changes", 10),
    "find": ("/find?name=mbox0{domain:03}", 10),
}
_CALLS = {
    "GET /v1/usage/MAILBOX": ("/v1/usage/mbox{number:06}@dom{domain:03}.test", 30),
    "POST /v1/usage, 500 mailboxes": ("/v1/usage", 10),
    "GET /v1/overview": ("/v1/overview", 10),
    "GET /v1/top": ("/v1/top", 10),
    "GET /v1/history/MAILBOX, 400 days": (
        "/v1/history/mbox{number:06}@dom{domain:03}.test?days=400",
        10,
    ),
}
_SUBJECTS = {"subjects": [f"mbox{number:06}@dom{number % 100:03}.test" for number in range(500)]}


class Timing(NamedTuple):
    """What answers took, in ms.

    Attributes:
        median, longest: from the request to the end of the answer.
        cpu: processor time of the web process and the database, of one answer.
        late: how many requests were answered 503 first.
    """

    median: float
    longest: float
    cpu: float
    late: int


class WebResults(NamedTuple):
    """What was measured.

    Attributes:
        pages, calls: by name.
        resident_bytes: of the web process, after all of them.
        alone, beside: the daemon without, and with, 50 requests a second to the API.
        asked_per_s: requests that were answered with 200 meanwhile.
        minutes: that the run took.
    """

    pages: dict[str, Timing]
    calls: dict[str, Timing]
    resident_bytes: int
    alone: list[Sample]
    beside: list[Sample]
    asked_per_s: float
    minutes: float


class _Client:
    """One connection to the port that asks again and again.

    Attributes:
        late: how many answers were 503, and asked for again.
    """

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.late = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = headers

    def ask(self, target: str, body: object = None) -> float:
        """Return how many ms an answer took; one that is late is asked for again.

        Raises:
            ConnectionError: it is neither.
        """
        method = "GET" if body is None else "POST"
        text = None if body is None else json.dumps(body)
        headers = {
            **self._headers,
            **({} if body is None else {"Content-Type": "application/json"}),
        }
        begun = time.perf_counter()
        self._connection.request(method, target, text, headers)
        answer = self._connection.getresponse()
        answer.read()
        took = (time.perf_counter() - begun) * 1000
        if answer.status == _LATE:
            self.late += 1
            if self.late > _LATE_MAX:
                raise ConnectionError(f"{target}: {_LATE_MAX} answers did not come within a second")
            return self.ask(target, body)
        if answer.status != _OK:
            raise ConnectionError(f"{target}: {answer.status}")
        return took


def _logged_in(web: Web) -> dict[str, str]:
    """Return the headers of a browser after the log-in."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    connection.request("GET", "/login")
    answer = connection.getresponse()
    form = str(answer.getheader("set-cookie")).partition(";")[0]
    token = re.findall(r'name="form_token" value="(.*?)"', answer.read().decode())[0]
    fields = {"form_token": token, "next": "/", "name": "carol", "password": PASSWORD}
    headers = {"Cookie": form, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login", urlencode(fields), headers)
    answer = connection.getresponse()
    answer.read()
    session = str(answer.getheader("set-cookie")).partition(";")[0]
    return {"Cookie": f"{form}; {session}"}


@contextlib.contextmanager
def _asking(client: _Client, answered: list[float]) -> Iterator[None]:
    """Ask for the usage of one mailbox after the other, REQUESTS_PER_S, beside what is measured."""
    is_over = threading.Event()

    def ask() -> None:
        begun = time.monotonic()
        number = 0
        while not is_over.wait(max(0.0, begun + number / REQUESTS_PER_S - time.monotonic())):
            number += 1
            name = f"mbox{number * 997 % MAILBOXES:06}@dom{number * 997 % 100:03}.test"
            answered.append(client.ask(f"/v1/usage/{name}"))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _beside(contender: Contender, client: _Client) -> tuple[list[Sample], list[Sample], float]:
    """Measure the daemon without and with requests in turn; return also how many were answered a second."""
    alone: list[Sample] = []
    beside: list[Sample] = []
    answered: list[float] = []
    asked_s = 0.0

    def sample(seed: int) -> Sample:
        return take(
            contender, seconds=SECONDS, connections=CONNECTIONS, mailboxes=MAILBOXES, seed=seed
        )

    for round_ in range(ROUNDS):
        alone.append(sample(round_ + 1))
        begun = time.monotonic()
        with _asking(client, answered):
            beside.append(sample(round_ + 1))
        asked_s += time.monotonic() - begun
        progress(f"rate alone {rate(alone[-1]):.0f}/s, beside the API {rate(beside[-1]):.0f}/s")
    return alone, beside, len(answered) / asked_s


def _filled(server: PrivateMariaDB, folder: Path) -> Database:
    """Return a database with MAILBOXES mailboxes and DAYS days of history."""
    where = own.database(server, "web")
    with own.sendlimit_on_mariadb(folder / "tables", server, where, name="tables"):
        pass  # it has made the tables
    server.query(_COUNTERS, (_DOMAINS, MAILBOXES, DAYS), database=where.name)
    server.query(_REFUSALS, (_DOMAINS, _DOMAINS), database=where.name)
    server.query(_LIMITS, (_DOMAINS,), database=where.name)
    server.query("ANALYZE TABLE er_counter", database=where.name)
    progress(f"filled: {MAILBOXES} mailboxes, {DAYS} days each")
    return where


def measure() -> WebResults:
    """Start everything, measure, end everything."""
    begun_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(private_folder("bench-web"))
        server = stack.enter_context(own.mariadb(folder / "mariadb"))
        where = _filled(server, folder)
        contender = stack.enter_context(
            own.sendlimit_on_mariadb(folder / "daemon", server, where, name=own.ON_MARIADB)
        )
        (folder / "web").mkdir()
        web = Web(folder / "web", {"store": where.store_settings, "calendar": {"timezone": "UTC"}})
        web.add_user("carol")
        secret = web.token("panel", "admin")
        stack.enter_context(in_order(web))
        browser = _Client(web.port, _logged_in(web))
        program = _Client(web.port, {"Authorization": f"Bearer {secret}"})
        pids = (web.process.pid, server.process.pid)
        pages = _all(browser, _PAGES, pids)
        calls = _all(program, _CALLS, pids)
        resident_bytes = footprint(web.process.pid).resident_bytes
        contender.run(seconds=1, connections=CONNECTIONS, mailboxes=MAILBOXES)
        settle(contender)
        alone, beside, asked_per_s = _beside(contender, program)
        minutes = (time.monotonic() - begun_s) / 60
        return WebResults(pages, calls, resident_bytes, alone, beside, asked_per_s, minutes)


def _timing(client: _Client, target: str, count: int, pids: Sequence[int], body: object) -> Timing:
    """Ask so often, each time for another mailbox; the first answer does not count."""

    def ask(number: int) -> float:
        names = {"number": number * 997 % MAILBOXES, "domain": number * 997 % _DOMAINS}
        return client.ask(target.format(**names), body)

    ask(0)
    late, cpu = client.late, sum(map(cpu_s, pids))
    took = [ask(number + 1) for number in range(count)]
    cpu_ms = (sum(map(cpu_s, pids)) - cpu) * 1000 / count
    return Timing(statistics.median(took), max(took), cpu_ms, client.late - late)


def _all(
    client: _Client, targets: dict[str, tuple[str, int]], pids: Sequence[int]
) -> dict[str, Timing]:
    found = {}
    for name, (target, count) in targets.items():
        body = _SUBJECTS if name.startswith("POST") else None
        found[name] = _timing(client, target, count, pids, body)
        progress(f"{name}: {found[name].median:.0f} ms, {found[name].cpu:.0f} ms CPU")
    return found


class Goal(NamedTuple):
    """What a figure should be."""

    text: str
    measured: str
    is_met: bool


def goals(results: WebResults) -> Sequence[Goal]:
    """Compare what was measured with what is wanted."""

    def at_most(text: str, figure: float, most: float, unit: str) -> Goal:
        return Goal(f"{text}: under {most:g} {unit}", f"{figure:.0f} {unit}", figure < most)

    kept = ratio(results.beside, results.alone, rate)
    resident_mb = results.resident_bytes / 1e6
    return (
        at_most("overview, median", results.pages["overview"].median, 200, "ms"),
        at_most("mailbox page, median", results.pages["mailbox"].median, 100, "ms"),
        at_most(
            "every other page, median",
            max(each.median for each in results.pages.values()),
            200,
            "ms",
        ),
        at_most("resident memory of the web process", resident_mb, 120, "MB"),
        Goal(
            f"{REQUESTS_PER_S} requests a second to the API take at most 5 % of the milter's rate",
            f"{kept:.2f} of it left",
            kept >= _KEPT,
        ),
    )


def render(results: WebResults, table: Callable[..., str]) -> str:
    """Write the report.

    Args:
        results: of measure().
        table: writes a table: header, rows.
    """
    timings = [
        (name, *(f"{figure:.0f}" for figure in timing))
        for name, timing in (*results.pages.items(), *results.calls.items())
    ]
    return "\n".join(
        (
            "# Benchmarks of the pages and the API\n",
            (
                "Written by `script/bench --web`; run it to get the numbers of your machine. MariaDB has the sizes"
                " of its default configuration; it, the daemon, the web process and the load generator share the"
                f" same processors. {MAILBOXES:,} mailboxes have {DAYS} days of history each, 5,000 a refusal,"
                f" 1,000 a limit of their own. The run took {results.minutes:.0f} minutes.\n"
            ),
            "## Goals\n",
            table(
                ["goal", "measured", "met"],
                [
                    (goal.text, goal.measured, "yes" if goal.is_met else "**no**")
                    for goal in goals(results)
                ],
            ),
            "## Time to an answer in ms\n",
            table(["", "median", "longest", "CPU, web and database", "503 first"], timings),
            "## The milter beside the API\n",
            (
                f"Decisions a second at {CONNECTIONS} connections, {ROUNDS} rounds in turn; the medians."
                f" {results.asked_per_s:.0f} requests a second were answered.\n"
            ),
            table(
                ["", "decisions/s", "every round"],
                [
                    (
                        name,
                        f"{statistics.median(map(rate, samples)):,.0f}",
                        ", ".join(f"{rate(each):,.0f}" for each in samples),
                    )
                    for name, samples in (
                        ("alone", results.alone),
                        ("beside the API", results.beside),
                    )
                ],
            ),
        )
    )
