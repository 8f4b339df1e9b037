"""The table [notify]: defaults, and what is wrong said in words."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from sendlimit.config.reading import load
from sendlimit.errors import ConfigError


def _problems(folder: Path, notify: dict[str, Any]) -> list[str]:
    """Return what load() says about a file with this table, without the file's name."""
    file = folder / "sendlimit.toml"
    file.write_text(tomli_w.dumps({"notify": notify}))
    try:
        load(file)
    except ConfigError as error:
        return [problem.removeprefix(f"{file}: ") for problem in error.problems]
    return []


def test_everything(tmp_path: Path) -> None:
    """Every key can be set, an IPv6 address stands in brackets."""
    settings: dict[str, Any] = {
        "warn_at_percent": 100,
        "webhook_url": "https://hooks.example.org:8443/a?b=c",
        "webhook_secret_file": "/etc/sendlimit/webhook.secret",
        "ca_file": "/etc/sendlimit/ca.pem",
        "webhook_format": "sendlimit",
        "webhook_body": "{text}",
        "command": ["/etc/sendlimit/on-notice", "now"],
        "command_timeout_s": 5,
        "mail_to": ["a@example.org", "b@example.org"],
        "mail_owner": True,
        "mail_from": "postmaster@example.org",
        "mail_return_path": "bounces@example.org",
        "smtp_host": "[::1]:10025",
    }
    file = tmp_path / "sendlimit.toml"
    file.write_text(tomli_w.dumps({"notify": settings}))
    notify = load(file).notify

    assert notify is not None
    assert notify.smtp_address == ("::1", 10025)
    assert notify.model_dump(exclude={"texts"}) == settings | {
        "mail_to": tuple(settings["mail_to"]),
        "command": tuple(settings["command"]),
    }


def test_defaults(tmp_path: Path) -> None:
    """Only a receiver must be named; without the table there are no notices."""
    file = tmp_path / "sendlimit.toml"
    file.write_text("[notify]\nmail_owner = true\n")
    notify = load(file).notify
    assert notify is not None

    assert notify.warn_at_percent == 80
    assert notify.smtp_address == ("127.0.0.1", 25)
    assert (notify.mail_from, notify.mail_return_path) == (None, "")
    assert (notify.webhook_url, notify.webhook_secret_file, notify.mail_to) == (None, None, ())
    file.write_text("")
    assert load(file).notify is None


@pytest.mark.parametrize(
    ("notify", "problem"),
    [
        pytest.param(
            {}, "notify: tells nobody; set webhook_url, mail_to, mail_owner or command, or leave the table out", id="no receiver"
        ),
        pytest.param(
            {"warn_at_percent": 0, "mail_owner": True},
            "notify.warn_at_percent: must be greater than or equal to 1", id="0 percent",
        ),
        pytest.param(
            {"warn_at_percent": 101, "mail_owner": True},
            "notify.warn_at_percent: must be less than or equal to 100", id="101 percent",
        ),
        *(
            pytest.param(
                {"webhook_url": url},
                "notify.webhook_url: is not a web address; allowed: https://HOST/PATH or http://HOST/PATH",
                id=f"url {url}",
            )
            for url in ("ftp://example.org/", "https://", "example.org", "https://a b/", "http://h:99999/", "http://[::1/")
        ),
        pytest.param(
            {"webhook_secret_file": "/key", "mail_owner": True},
            "notify: webhook_secret_file needs webhook_url", id="key without webhook",
        ),
        pytest.param(
            {"mail_to": ["postmaster"]},
            "notify.mail_to: 'postmaster' is not a mail address; allowed: \"name@example.org\"", id="mail_to",
        ),
        pytest.param(
            {"mail_owner": True, "mail_from": "a@b.org\nBcc: c@d.org"},
            "notify.mail_from: 'a@b.org\\nBcc: c@d.org' is not a mail address; allowed: \"name@example.org\"", id="mail_from",
        ),
        pytest.param(
            {"mail_owner": True, "mail_return_path": "<>"},
            "notify.mail_return_path: '<>' is not a mail address; allowed: \"name@example.org\"", id="mail_return_path",
        ),
        pytest.param(
            {"mail_owner": True, "smtp_host": "localhost"},
            "notify.smtp_host: 'localhost' is not an address with a port; allowed: \"127.0.0.1:25\", \"[::1]:25\"", id="smtp_host",
        ),
        pytest.param(
            {"mail_owner": True, "texts": {"owner_warning": {"subject": "two\nlines"}}},
            "notify.texts.owner_warning.subject: has a line break or a control character; a subject is one line", id="subject",
        ),
    ],
)  # fmt: skip
def test_mistake(tmp_path: Path, notify: dict[str, Any], problem: str) -> None:
    """Each mistake is one sentence with the key and what is allowed."""
    assert _problems(tmp_path, notify) == [problem]


@pytest.mark.parametrize("key", ["subject", "body"])
def test_placeholder(tmp_path: Path, key: str) -> None:
    """A placeholder that is not known is named, with those that are."""
    texts = {"admin_reached": {key: "{user} is over"}}
    (problem,) = _problems(tmp_path, {"mail_owner": True, "texts": texts})

    assert problem.startswith(
        f"notify.texts.admin_reached.{key}: has an unknown placeholder {{user}}; allowed: {{used}}"
    )
