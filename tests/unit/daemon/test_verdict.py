"""What a session answers, and what libmilter makes of it."""

import Milter
import pytest

from sendlimit.daemon.callbacks import Callbacks
from sendlimit.daemon.session import Session
from sendlimit.daemon.verdict import Answer, Verdict
from sendlimit.rules.reply import Reply
from support.doubles.milter_context import MilterContext
from support.doubles.server import Server

_ANSWERS = [
    (Verdict.CONTINUE, Milter.CONTINUE),
    (Verdict.ACCEPT, Milter.ACCEPT),
    (Verdict.NOREPLY, Milter.NOREPLY),
    (Reply("450", "4.7.1", "later"), Milter.TEMPFAIL),
]


def test_no_verdict_is_left_out() -> None:
    """The table of this test has every verdict."""
    assert set(Verdict) < {answer for answer, _ in _ANSWERS}


@pytest.mark.parametrize(("answer", "status"), _ANSWERS)
def test_each_answer_is_a_status(
    answer: Answer, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each verdict is libmilter's status of its name, a reply is TEMPFAIL, at every step."""
    for step in ("mail", "rcpt", "end_of_message"):
        monkeypatch.setattr(Session, step, lambda *_: answer)
    callbacks, context = Callbacks(Server().state), MilterContext()

    assert callbacks.envfrom(context) == status
    assert callbacks.envrcpt(context) == status
    assert callbacks.eom(context) == status
    assert context.replies == [answer] * 3 * isinstance(answer, Reply)
