"""The empty daemons that sendlimit is measured beside, as the load generator sees them."""

import re
import subprocess
from pathlib import Path

import pytest
from bench import load, own

MAIL, RCPT, END_OF_MESSAGE, CONTINUE = "M", "R", "E", "c"
AT_END = [END_OF_MESSAGE, CONTINUE]


@pytest.mark.parametrize(
    ("options", "name", "at_rcpt"),
    [
        pytest.param({}, own.EMPTY, [], id="empty"),
        pytest.param({"direct": True}, own.DIRECT, [], id="direct"),
        pytest.param({"answers_rcpt": True}, own.EMPTY_RCPT, [RCPT, CONTINUE], id="answers RCPT"),
    ],
)
def test_what_is_answered(
    folder: Path, options: dict[str, bool], name: str, at_rcpt: list[str]
) -> None:
    """MAIL and end of message are answered by each, RCPT by the one that is called so."""
    with own.empty(folder / "empty", **options) as contender:
        assert contender.name == name
        assert conversation(contender.address) == [MAIL, CONTINUE, *at_rcpt, *AT_END]


def test_as_with_a_limit_on_external_mail(folder: Path) -> None:
    """With a limit on external mail sendlimit has the same conversation as the empty daemon that answers RCPT."""
    more = own.everything_on(folder / "more", external=True)
    store = {"url": f"sqlite:///{folder}/sendlimit.db"}
    with (
        own.empty(folder / "empty", answers_rcpt=True) as empty,
        own.sendlimit(
            folder / "sendlimit", name="sendlimit", store=store, counted=lambda: 0, more=more
        ) as sendlimit,
    ):
        assert conversation(sendlimit.address) == conversation(empty.address)


def conversation(address: str) -> list[str]:
    """Send one mail and return the commands and answers from MAIL to the end of message, without macros."""
    done = subprocess.run(
        [load.compiled(), "--trace", "--count", "1", address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    letters = re.findall(r"^(?:MTA->|<-flt) (\w)", done.stderr, re.MULTILINE)
    return [letter for letter in letters if letter not in "OADQH"]
