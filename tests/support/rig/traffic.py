"""Steady mail over Postfix while something is broken, and the proof that no client noticed."""

import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from support.rig.counters import Counters
from support.rig.process import wait_for
from support.rig.smtp import ConnectionLostError, Reply, SmtpClient

_PAUSE_S = 0.02  # between two mails of a client: the machine has other things to do
_MAILS_A_SESSION = 10
_ENDINGS = ("sent", "sent", "sent", "reset", "sent", "hung up")
_PATIENCE_S = 60
ELSEWHERE = ("one@example.com", "two@example.com")
"""The recipients of every mail."""


class Traffic:
    """Clients that send mails of one mailbox until told to stop, and give some of them up.

    Attributes:
        accepted: mails whose end was answered with 250.
        errors: replies that were not 2xx or 3xx, and lost connections.
        longest_wait_s: for an answer to MAIL or to the end of a mail.
        stalls_s: the longest time that the machine itself took for a short wait and a write.
    """

    def __init__(self, port: int, login: str, *, clients: int = 6) -> None:
        """Describe the traffic; nothing is sent."""
        self.accepted = 0
        self.errors: Counter[str] = Counter()
        self.longest_wait_s = 0.0
        self.stalls_s = 0.0
        self.clients = clients
        self._port = port
        self._login = login
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(clients)]
        self._threads.append(threading.Thread(target=self._probe))

    def __enter__(self) -> Self:
        """Start sending, wait for the first mails."""
        for thread in self._threads:
            thread.start()
        try:
            self.wait_for_more(5)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Let the clients end the mails they are at."""
        self.stop()

    def stop(self) -> None:
        """Let the clients end the mails they are at."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, number: int = 20) -> None:
        """Wait until so many further mails are accepted."""
        goal = self.accepted + number
        wait_for(
            lambda: self.accepted >= goal,
            _PATIENCE_S,
            f"{number} more mails",
            lambda: f"{self.accepted} accepted, errors: {self.errors}",
        )

    def _send(self) -> None:
        endings = itertools.cycle(_ENDINGS)
        while not self._stop.is_set():
            try:
                with SmtpClient(self._port, self._login) as client:
                    for _ in range(_MAILS_A_SESSION):
                        ending = next(endings)
                        self._one_mail(client, ending)
                        if self._stop.wait(_PAUSE_S) or ending == "hung up":
                            break
                    else:
                        client.quit()
            except (ConnectionLostError, OSError) as lost:
                with self._lock:
                    self.errors[f"lost: {str(lost)[-300:]}"] += 1

    def _one_mail(self, client: SmtpClient, ending: str) -> None:
        if not self._timed(lambda: client.mail("me@example.org")).is_ok:
            return
        for recipient in ELSEWHERE:
            self._noted(client.rcpt(recipient))
        if ending == "reset":
            self._noted(client.rset())
        elif ending == "sent" and self._timed(client.data).is_ok:
            with self._lock:
                self.accepted += 1

    def _timed(self, ask: Callable[[], Reply]) -> Reply:
        started = time.monotonic()
        reply = self._noted(ask())
        waited_s = time.monotonic() - started
        with self._lock:
            self.longest_wait_s = max(self.longest_wait_s, waited_s)
        return reply

    def _noted(self, reply: Reply) -> Reply:
        if not reply.is_ok:
            with self._lock:
                self.errors[f"{reply.stage}: {reply.code} {reply.enhanced} {reply.text}"] += 1
        return reply

    def _probe(self) -> None:
        """Measure how long the machine takes for what a mail server can't do without."""
        file = Path(f"/tmp/sendlimit-probe-{os.getpid()}-{id(self)}")  # noqa: S108 - removed below
        with file.open("wb") as probe:
            file.unlink()
            while not self._stop.is_set():
                started = time.monotonic()
                probe.write(b"x" * 1000)
                probe.flush()
                os.fsync(probe.fileno())
                time.sleep(0.01)
                self.stalls_s = max(self.stalls_s, time.monotonic() - started)


@contextmanager
def unnoticed(
    port: int, login: str, store: Counters, *, decision_timeout_s: float = 2.0
) -> Iterator[Traffic]:
    """Send mails while the block breaks something and mends it again; prove three facts.

    No client sees an error. No mail waits longer than decision_timeout_s and a second (and what
    the machine itself stalls). Afterwards what is counted equals what was accepted, to the mail.

    Args:
        port: of Postfix.
        login: a mailbox that has sent nothing yet and has no limit.
        store: what counts; it answers again when the block is left.
        decision_timeout_s: of the daemon.
    """
    with Traffic(port, login) as traffic:
        yield traffic
        traffic.wait_for_more()
    unharmed(traffic, decision_timeout_s)
    counted_exactly(traffic, login, store)


def unharmed(traffic: Traffic, decision_timeout_s: float) -> None:
    """Prove that no client saw an error and that no mail waited too long."""
    assert traffic.errors == {}
    assert traffic.longest_wait_s < decision_timeout_s + 1 + traffic.stalls_s


def counted_exactly(traffic: Traffic, login: str, store: Counters) -> None:
    """Prove that what is counted equals what was accepted, to the mail and to the recipient."""
    domain = login.partition("@")[2]
    recipients = traffic.accepted * len(ELSEWHERE)
    store.wait_until_used(login, traffic.accepted)
    store.wait_until_used(login, recipients, unit="recipients")
    store.wait_until_used(domain, traffic.accepted)
    store.wait_until_used("*", traffic.accepted)
    store.wait_until_used("*", traffic.accepted, window="ever")
