"""Begin a mail that is never sent: is it counted, and is its reservation released (R8)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sendlimit.daemon.milter_client import TIMEOUT_S, Answer, Conversation
from sendlimit.doctor.check import Check, found, passed
from sendlimit.postfix.finding import error, warning
from sendlimit.postfix.milter_socket import parse_milter_socket
from sendlimit.rules.reply import UNAVAILABLE_TEXT
from sendlimit.store.health import messages_of_all_days, was_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.config import Config
    from sendlimit.store.connection import Connection

CANARY = "canary@sendlimit.invalid"
"""A login that no account can have: .invalid is reserved (RFC 2606)."""

_COUNTED_S = 2.0
"""The answer follows the commit, but another node of a cluster may show it later."""
_GIVEN_BACK_S = 5.0
_POLL_S = 0.02
_CLOCKS_APART_S = 60
_MACROS = {
    "{auth_type}": "PLAIN",
    "{auth_authen}": CANARY,
    "{mail_addr}": CANARY,
    "{client_addr}": "127.0.0.1",
    "i": "CANARY",
}
_LIKE_ALL = "so it would be with everybody's mail"


def canary(connection: Connection, config: Config, now: int) -> Check:
    """Begin a mail on the daemon's socket and abort it.

    Args:
        connection: to the tables that the daemon should write.
        config: of the daemon.
        now: seconds since 1970.

    Raises:
        StoreError: the tables can't be read.
    """
    spec = config.milter.socket
    timeout_s = TIMEOUT_S + config.store.decision_timeout_s
    before = messages_of_all_days(connection, CANARY)
    try:
        with Conversation(*parse_milter_socket(spec), timeout_s) as conversation:
            answer = conversation.mail(CANARY, _MACROS)
            is_counted = answer.kind == "continue" and _waited(
                lambda: messages_of_all_days(connection, CANARY) == before + 1, _COUNTED_S
            )
            conversation.abort()
    except OSError as failure:
        problem = f"the conversation broke off: {failure.strerror or failure}"
        remedy = "systemctl restart sendlimit; if it stays: journalctl -u sendlimit -n 50"
        return found("canary", error("canary-lost", spec, problem, _LIKE_ALL, remedy))
    if not is_counted:
        is_refused = answer.kind == "refused" or was_refused(
            connection, CANARY, now - _CLOCKS_APART_S
        )
        return _uncounted(answer, spec, is_refused=is_refused)
    if not _waited(lambda: messages_of_all_days(connection, CANARY) == before, _GIVEN_BACK_S):
        problem = f"it was counted and not given back within {_GIVEN_BACK_S:g} s"
        remedy = f"sendlimit usage reset {CANARY} --yes; if it stays: journalctl -u sendlimit -n 50"
        why = "mail that is not sent would use up limits"
        return found("canary", error("canary-kept", spec, problem, why, remedy))
    return passed("canary", f"{CANARY} was counted and given back")


def _uncounted(answer: Answer, spec: str, *, is_refused: bool) -> Check:
    """Return the finding that fits a canary that was not counted."""
    if is_refused and UNAVAILABLE_TEXT not in answer.text:
        words = f": {answer.text}" if answer.text else ""
        return found(
            "canary",
            warning(
                "canary-refused",
                spec,
                f"a limit refuses it{words}",
                "the daemon limits; whether it gives back can't be seen now",
                f"sendlimit show {CANARY}",
            ),
        )
    verb = "refused" if is_refused else "accepted"
    return found(
        "canary",
        error(
            "canary-uncounted",
            spec,
            f"the daemon {verb} it without counting it here",
            f"{_LIKE_ALL}: its database is away, or another one than store.url",
            "systemctl restart sendlimit; if it stays: journalctl -u sendlimit -n 50",
        ),
    )


def _waited(condition: Callable[[], bool], deadline_s: float) -> bool:
    """Repeat until the condition is true; False: it was not before the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True
