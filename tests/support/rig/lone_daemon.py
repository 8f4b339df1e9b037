"""A daemon on a milter socket of its own; alone on its database it decides from memory."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from subprocess import Popen
from typing import Any

from bench import load
from bench.load import LoadResult

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.milter_client import Answer, MilterClient
from support.rig.process import wait_for

MODE_CHANGES_S = 30
"""More than the 10 s after which a daemon believes that another has gone."""


class LoneDaemon(Sendlimit):
    """Sendlimit without Postfix.

    Attributes:
        socket: where it is asked.
    """

    def __init__(
        self,
        folder: Path,
        store: Mapping[str, object],
        limits: Mapping[str, Any],
        env: Mapping[str, str] | None = None,
        **tables: object,
    ) -> None:
        """Describe the daemon; nothing is started.

        Args:
            folder: for its files; its name may be no longer than a socket's path allows.
            store: the `[store]` table.
            limits: the `[limits]` table.
            env: variables set for it and for its commands.
            tables: further tables.
        """
        self.socket = folder / "milter.sock"
        tables = {"log": {"level": "info"}, **tables}
        settings = configuration(folder, self.socket, store, limits=limits, **tables)
        super().__init__(folder, settings, env)
        self._started_at = 0

    @property
    def mode(self) -> str:
        """How this start decides mail now: memory, shared, metered or undecided; "" at first."""
        found = re.findall(r"counting mode=(\w+)", self.process.log_text()[self._started_at :])
        return found[-1] if found else ""

    def start(self) -> None:
        """Start the daemon and wait until it takes connections on its milter socket."""
        self._started_at = len(self.process.log_text())
        super().start()

    def wait_for_mode(self, mode: str) -> None:
        """Wait until mail is decided so.

        Raises:
            TimeoutError: it is decided otherwise.
        """
        self.process.wait_until(lambda: self.mode == mode, MODE_CHANGES_S, f"mode {mode}")

    def send(self, login: str) -> Answer:
        """Send one mail on a connection of its own."""
        with MilterClient(self.socket) as client:
            return client.send_mail(login)

    def passes(self, login: str) -> bool:
        """Send one mail; tell whether it passed."""
        return self.send(login).kind == "continue"

    def send_from(self, logins: Iterable[str]) -> int:
        """Send a mail from each on one connection; return how many passed."""
        with MilterClient(self.socket) as client:
            return sum(client.send_mail(login).kind == "continue" for login in logins)

    def load(self, **values: float | str | bool) -> Popen[bytes]:
        """Start the load generator; bench.load.finish() takes its result."""
        return load.start(f"unix:{self.socket}", load.options(**values))

    def run_load(self, **values: Any) -> LoadResult:  # noqa: ANN401 - as bench.load.run has them
        """Run the load generator to its end."""
        return load.run(f"unix:{self.socket}", **values)

    @property
    def faults(self) -> list[str]:
        """Lines of the log that only an error in the program can have caused."""
        return self.lines("fault|Traceback|Error:")


def mailbox(number: int) -> str:
    """Name the load generator's mailbox, with `domains=1`."""
    return f"mbox{number:06}@dom000.test"


def wait_until_counted(store: Counters, subject: str, number: int, deadline_s: float) -> None:
    """Wait until exactly so much is counted.

    Raises:
        TimeoutError: it is another number.
    """
    wait_for(
        lambda: store.used(subject) == number,
        deadline_s,
        f"{subject} has used {number}",
        lambda: f"it has used {store.used(subject)}",
    )
