"""The pages and the API beside a daemon under load: `script/bench --web`."""

import contextlib
import http.client
import json
import os
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
from bench.sampling import Sample, progress, rate, take
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import private_folder
from support.rig.process import running as in_order
from support.rig.web import PASSWORD, Web

CONNECTIONS = 50
REQUESTS_PER_S = 50
_ASKERS = 8
SECONDS = 4
_OK, _LATE = 200, 503
_LATE_MAX = 100
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


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        mailboxes: how many; at least as many as there are refusals and limits.
        days: of history, in each of which each mailbox has sent.
        rounds: with and without requests to the API.
    """

    mailboxes: int
    days: int
    rounds: int


WHOLE = Size(mailboxes=100_000, days=90, rounds=7)
QUICK = Size(mailboxes=10_000, days=10, rounds=1)


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
        size: how much was measured.
        pages, calls: by name.
        resident_bytes: of the web process, after all of them.
        alone, beside: the daemon without, and with, 50 requests a second to the API.
        asked_per_s: requests that were answered with 200 meanwhile.
        minutes: that the run took.
    """

    size: Size
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
def _asking(connect: Callable[[], _Client], size: Size, answered: list[float]) -> Iterator[None]:
    """Ask for the usage of one mailbox after the other, REQUESTS_PER_S, beside what is measured.

    Several ask in turn, as panels do: one whose answer takes long does not keep the others.

    Raises:
        ConnectionError: an answer was wrong, or none came in time.
    """
    is_over = threading.Event()
    wrong: list[Exception] = []
    begun = time.monotonic()

    def ask(first: int) -> None:
        client = connect()
        number = first
        while not is_over.wait(max(0.0, begun + number / REQUESTS_PER_S - time.monotonic())):
            number += _ASKERS
            mailbox = number * 997 % size.mailboxes
            name = f"mbox{mailbox:06}@dom{mailbox % _DOMAINS:03}.test"
            answered.append(client.ask(f"/v1/usage/{name}"))

    def noting(first: int) -> None:
        try:
            ask(first)
        except (OSError, http.client.HTTPException) as error:
            wrong.append(error)

    threads = [threading.Thread(target=noting, args=[first]) for first in range(_ASKERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if wrong:
        raise ConnectionError(f"beside the load: {wrong[0]}") from wrong[0]


def _beside(
    contender: Contender, connect: Callable[[], _Client], size: Size
) -> tuple[list[Sample], list[Sample], float]:
    """Measure the daemon without and with requests in turn; return also how many were answered a second."""
    alone: list[Sample] = []
    beside: list[Sample] = []
    answered: list[float] = []
    asked_s = 0.0

    def sample(seed: int) -> Sample:
        return take(
            contender, seconds=SECONDS, connections=CONNECTIONS, mailboxes=size.mailboxes, seed=seed
        )

    for round_ in range(size.rounds):
        alone.append(sample(round_ + 1))
        begun = time.monotonic()
        with _asking(connect, size, answered):
            beside.append(sample(round_ + 1))
        asked_s += time.monotonic() - begun
        progress(f"rate alone {rate(alone[-1]):.0f}/s, beside the API {rate(beside[-1]):.0f}/s")
    return alone, beside, len(answered) / asked_s


def _unit_nice() -> int:
    """Return the niceness that the systemd unit gives the web process."""
    unit = Path(__file__).parents[1] / "systemd" / "sendlimit-web.service"
    return int(re.findall(r"^Nice=(\d+)$", unit.read_text(encoding="utf-8"), re.MULTILINE)[0])


def _filled(server: PrivateMariaDB, folder: Path, size: Size) -> Database:
    """Return a database with mailboxes and their history."""
    where = own.database(server, "web")
    with own.sendlimit_on_mariadb(folder / "tables", server, where, name="tables"):
        pass  # it has made the tables
    server.query(_COUNTERS, (_DOMAINS, size.mailboxes, size.days), database=where.name)
    server.query(_REFUSALS, (_DOMAINS, _DOMAINS), database=where.name)
    server.query(_LIMITS, (_DOMAINS,), database=where.name)
    server.query("ANALYZE TABLE er_counter", database=where.name)
    progress(f"filled: {size.mailboxes} mailboxes, {size.days} days each")
    return where


def measure(size: Size) -> WebResults:
    """Start everything, measure, end everything."""
    begun_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(private_folder("bench-web"))
        server = stack.enter_context(own.mariadb(folder / "mariadb"))
        where = _filled(server, folder, size)
        contender = stack.enter_context(
            own.sendlimit_on_mariadb(folder / "daemon", server, where, name=own.ON_MARIADB)
        )
        (folder / "web").mkdir()
        web = Web(folder / "web", {"store": where.store_settings, "calendar": {"timezone": "UTC"}})
        web.add_user("carol")
        secret = web.token("panel", "admin")
        stack.enter_context(in_order(web))
        os.setpriority(os.PRIO_PROCESS, web.process.pid, _unit_nice())
        browser = _Client(web.port, _logged_in(web))

        def program() -> _Client:
            return _Client(web.port, {"Authorization": f"Bearer {secret}"})

        pids = (web.process.pid, server.process.pid)
        pages = _all(browser, _PAGES, pids, size)
        calls = _all(program(), _CALLS, pids, size)
        resident_bytes = footprint(web.process.pid).resident_bytes
        # Waits until all is counted: with tables that are not in memory that takes longer than the CPU is busy.
        take(contender, seconds=1, connections=CONNECTIONS, mailboxes=size.mailboxes)
        alone, beside, asked_per_s = _beside(contender, program, size)
        minutes = (time.monotonic() - begun_s) / 60
        return WebResults(size, pages, calls, resident_bytes, alone, beside, asked_per_s, minutes)


def _timing(
    client: _Client, pids: Sequence[int], count: int, ask: Callable[[int], float]
) -> Timing:
    """Ask so often, each time for another mailbox; the first answer does not count."""
    ask(0)
    late, cpu = client.late, sum(map(cpu_s, pids))
    took = [ask(number + 1) for number in range(count)]
    cpu_ms = (sum(map(cpu_s, pids)) - cpu) * 1000 / count
    return Timing(statistics.median(took), max(took), cpu_ms, client.late - late)


def _all(
    client: _Client, targets: dict[str, tuple[str, int]], pids: Sequence[int], size: Size
) -> dict[str, Timing]:
    found = {}
    for name, (target, count) in targets.items():

        def ask(number: int, name: str = name, target: str = target) -> float:
            mailbox = number * 997 % size.mailboxes
            body = _SUBJECTS if name.startswith("POST") else None
            return client.ask(target.format(number=mailbox, domain=mailbox % _DOMAINS), body)

        found[name] = _timing(client, pids, count, ask)
        progress(f"{name}: {found[name].median:.0f} ms, {found[name].cpu:.0f} ms CPU")
    return found
