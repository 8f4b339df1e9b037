"""`sendlimit notify test` with real receivers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sendlimit.cli import run
from support.notice_receivers import smtp_server, webhook_receiver
from support.rig.process import free_port

_TAKES = ["220 mx", "250 mx", "250 ok", "250 ok", "354 go", "250 taken", "221 bye"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def notify_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command with these lines in [notify]; return exit code, stdout, stderr."""

    def call(lines: str, *words: str) -> tuple[int, str, str]:
        config = tmp_path / "sendlimit.toml"
        config.write_text(lines)
        code = run(["notify", "test", "--config", str(config), *words])
        return code, *capsys.readouterr()

    return call


def test_each_route(notify_test: Run) -> None:
    """Each route gets one test; the owner's goes to the mailbox that is named."""
    with webhook_receiver() as receiver, smtp_server(_TAKES) as (port, lines):
        code, printed, words = notify_test(
            f'[notify]\nwebhook_url = "{receiver.url}"\nmail_owner = true\n'
            f'smtp_host = "127.0.0.1:{port}"\nmail_from = "a@example.org"\n',
            "--owner",
            "Alice@Example.org",
        )

    assert (code, printed.split(), words) == (0, ["webhook", "sent", "owner", "sent"], "")
    assert receiver.events() == ["test"]
    assert "RCPT TO:<ALICE@EXAMPLE.ORG>" in [line.upper() for line in lines]
    assert "Subject: A test of sendlimit" in lines


def test_owner_is_not_named(notify_test: Run) -> None:
    """Without a mailbox the owner's route is not tried, and that is said."""
    code, printed, words = notify_test("[notify]\nmail_owner = true\n")

    assert (code, printed.strip()) == (0, "")
    assert "--owner MAILBOX" in words


def test_failure(notify_test: Run) -> None:
    """A receiver that is away or refuses makes exit code 1; the reason has no URL in it."""
    with webhook_receiver() as receiver:
        receiver.statuses = [404]
        code, printed, _ = notify_test(f'[notify]\nwebhook_url = "{receiver.url}"\n', "--json")
    assert code == 1
    assert json.loads(printed) == [{"route": "webhook", "sent": False, "reason": "HTTP status 404"}]

    url = f"http://127.0.0.1:{free_port()}/secret-part"
    code, printed, _ = notify_test(f'[notify]\nwebhook_url = "{url}"\n')
    assert (code, printed.split()) == (1, ["webhook", "Connection", "refused"])


def test_no_table(notify_test: Run) -> None:
    """Without [notify] there is nothing to test: an error that says so."""
    code, _, words = notify_test("")

    assert code == 1
    assert "[notify] is not there" in words
