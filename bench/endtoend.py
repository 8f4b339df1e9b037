"""End to end: mails through a real Postfix, with smtp-source as the client."""

import contextlib
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.contender import Contender
from bench.own import END_TO_END_MAILBOX
from bench.plan import Plan
from bench.sampling import progress
from support.rig.postfix import PrivatePostfix
from support.rig.process import wait_for

NO_MILTER = "no milter"
SESSIONS = 20
MAIL_BYTES = 2000
_DEADLINE_S = 120

# smtp-source can't log in; Postfix takes what a login would have set from this default.
_LOGGED_IN = f"auth_type=PLAIN, auth_authen={END_TO_END_MAILBOX}"


@contextlib.contextmanager
def _postfix(folder: Path, milter: Contender | None) -> Iterator[PrivatePostfix]:
    options = {"smtpd_sasl_auth_enable": "no"}
    if milter is not None:
        options["smtpd_milters"] = milter.address
        options["milter_macro_defaults"] = _LOGGED_IN
        options["milter_default_action"] = "tempfail"  # a broken milter must show
    postfix = PrivatePostfix(folder, sasl_path="private/auth", smtp_options=options, chroot=False)
    postfix.start()
    try:
        yield postfix
    finally:
        postfix.process.kill()


def _mails_per_s(postfix: PrivatePostfix, mails: int, *, reuse: bool) -> float:
    """Send mails as fast as Postfix takes them; wait until the queue is empty again."""
    argv = ["smtp-source", "-s", str(SESSIONS), "-m", str(mails), "-l", str(MAIL_BYTES)]
    argv += ["-d"] if reuse else []
    argv += ["-f", END_TO_END_MAILBOX, "-t", "rcpt@example.org"]
    begin_s = time.monotonic()
    subprocess.run(
        [*argv, f"127.0.0.1:{postfix.smtp_port}"],
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=_DEADLINE_S,
    )
    elapsed_s = time.monotonic() - begin_s
    wait_for(postfix.queue_is_empty, _DEADLINE_S, "an empty queue", postfix.log_tail)
    return mails / elapsed_s


def through_postfix(
    parent: Path, milters: Sequence[Contender], plan: Plan
) -> dict[tuple[str, bool], list[float]]:
    """Measure messages a second without and with these milters, interleaved.

    Returns:
        By milter and whether a client connection is used for many mails: a rate each round.
    """
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    with contextlib.ExitStack() as stack:
        services = [
            (
                milter.name if milter else NO_MILTER,
                stack.enter_context(_postfix(parent / f"postfix{number}", milter)),
            )
            for number, milter in enumerate([None, *milters])
        ]
        for _, postfix in services:
            _mails_per_s(postfix, 2 * SESSIONS, reuse=False)
        for _ in range(plan.rounds):
            for reuse in (False, True):
                for name, postfix in services:
                    try:
                        rate = _mails_per_s(postfix, plan.mails, reuse=reuse)
                    except subprocess.TimeoutExpired:
                        # Seen without any milter, too: a Postfix that greets nobody for a minute.
                        progress(f"Postfix, {name}: not all mail was taken in time; once more")
                        wait_for(postfix.queue_is_empty, _DEADLINE_S, "an empty queue")
                        rate = _mails_per_s(postfix, plan.mails, reuse=reuse)
                    found[name, reuse].append(rate)
                    progress(f"Postfix, {name}{', connection kept' * reuse}: {rate:.0f}/s")
    return found
