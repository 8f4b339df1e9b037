"""What a config file means: settings, calendar, wording."""

import tomllib
from datetime import time

import pytest
from pydantic import ValidationError

from sendlimit.config import Config
from sendlimit.config.limits import MAX_LIMIT
from sendlimit.rules.limit import LIMIT_NAMES, LimitName, Setting
from sendlimit.rules.reply import DEFAULT_TEXTS
from sendlimit.rules.window import Window
from support.counting_samples import setting

_DESIGN = """
mode = "enforce"
state_dir = "/var/lib/sendlimit"

[milter]
socket = "unix:/var/spool/postfix/sendlimit/milter.sock"
socket_group = "postfix"
socket_mode = "0660"

[store]
url = "mariadb://sendlimit@localhost/sendlimit?unix_socket=/run/mysqld/mysqld.sock"
password_file = "/etc/sendlimit/store.password"
decision_timeout_s = 2.0
on_failure = "accept"

[calendar]
timezone = "Europe/Berlin"
day_starts_at = "00:00"

[identity]
default_domain = ""
exempt = ["monitoring@example.org"]

[limits]
global.messages_per_day = 999
domain.messages_per_day = "unlimited"
mailbox.messages_per_day = 100

[limits.for."example.org"]
domain.messages_per_day = 5000
mailbox.messages_per_day = 200

[limits.for."news@example.org"]
mailbox.messages_per_day = 2000

[reply]
code = 450
enhanced_status = "4.7.1"
at = "mail"
mailbox = "{used} of {limit}"

[reply.for."Example.de"]
mailbox = "Versandlimit erreicht"

[log]
level = "info"

[metrics]
listen = "127.0.0.1:9140"
"""


def _config(text: str) -> Config:
    return Config.model_validate(tomllib.loads(text))


def test_limits_of_the_documented_file() -> None:
    """Defaults, a domain's and a mailbox's overrides become settings, "unlimited" without a number."""
    assert _config(_DESIGN).settings() == [
        setting("*", "global.messages_per_day", 999),
        setting("*", "domain.messages_per_day", None),
        setting("*", "mailbox.messages_per_day", 100),
        setting("example.org", "domain.messages_per_day", 5000),
        setting("example.org", "mailbox.messages_per_day", 200),
        setting("news@example.org", "mailbox.messages_per_day", 2000),
    ]


@pytest.mark.parametrize("name", LIMIT_NAMES, ids=str)
def test_every_limit_can_be_set(name: LimitName) -> None:
    """Each SCOPE.UNIT_per_WINDOW is a key of the file."""
    assert _config(f"limits.{name} = 7").settings() == [Setting("*", name, 7)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", 0), ("1", 1), (str(MAX_LIMIT), MAX_LIMIT), ('"unlimited"', None)],
)
def test_values_of_a_limit(value: str, expected: int | None) -> None:
    """R10: a whole number from 0 on, or "unlimited"."""
    (found,) = _config(f"limits.mailbox.messages_per_day = {value}").settings()

    assert expected == found.max


def test_subjects_are_made_small() -> None:
    """R2: capitals in the file name the same domain and mailbox."""
    config = _config('[limits.for."News@Example.ORG"]\nmailbox.messages_per_day = 1')

    assert config.settings() == [setting("news@example.org", "mailbox.messages_per_day", 1)]


@pytest.mark.parametrize(
    "text",
    [
        'limits.for."".mailbox.messages_per_day = 1',
        'limits.for." ".mailbox.messages_per_day = 1',
        'limits.for."x.org".global.messages_per_day = 1',
        "limits.global.recipients_per_message = 1",
        "limits.mailbox.messages_per_ever = 1",
        f"limits.mailbox.messages_per_day = {MAX_LIMIT + 1}",
        'limits.mailbox.messages_per_day = "Unlimited"',
        "limits.mailbox.messages_per_day = false",
        'reply.for."x.de".code = 450',
        "reply.code = 399",
        "reply.code = 500",
        'reply.enhanced_status = "4.7"',
        'reply.at = "data"',
        "store.decision_timeout_s = 31",
        "store.decision_timeout_s = nan",
        'milter.socket = "unix:relative"',
        'milter.socket = "inet:0@127.0.0.1"',
        'milter.socket = "inet:65536@127.0.0.1"',
        'milter.socket_mode = "0661"',
        'calendar.day_starts_at = "7:00"',
        'metrics.listen = "127.0.0.1:0"',
    ],
)
def test_what_is_refused(text: str) -> None:
    """Values outside of what is allowed are errors, not guesses."""
    with pytest.raises(ValidationError):
        _config(text)


@pytest.mark.parametrize(
    "text",
    [
        "store.decision_timeout_s = 1",
        "store.decision_timeout_s = 0.25",
        'milter.socket = "inet:10040@127.0.0.1"',
        'milter.socket = "inet6:10040@[::1]"',
        'milter.socket = "local:/run/x.sock"',
        'milter.socket_mode = "660"',
        'metrics.listen = "[::1]:9140"',
        "identity.exempt = []",
        "reply.code = 421",
    ],
)
def test_what_is_allowed(text: str) -> None:
    """The forms that the documentation names are taken."""
    _config(text)


def test_calendar() -> None:
    """Zone and start of the day come from the file."""
    calendar = _config(
        'calendar = {timezone = "Asia/Kolkata", day_starts_at = "06:30"}'
    ).make_calendar()

    assert calendar.timezone.key == "Asia/Kolkata"
    assert calendar.day_starts_at == time(6, 30)


def test_calendar_of_the_system() -> None:
    """Without a zone the system's is used, and days can be cut by it."""
    calendar = _config("").make_calendar()

    assert calendar.period(Window.DAY, 1_800_000_000).start <= 1_800_000_000


def test_wording() -> None:
    """Code, status and texts come from the file; a domain's texts are found in small letters."""
    wording = _config(_DESIGN).wording()

    assert (wording.code, wording.enhanced_status) == ("450", "4.7.1")
    assert wording.texts == {"mailbox": "{used} of {limit}"}
    assert wording.by_domain == {"example.de": {"mailbox": "Versandlimit erreicht"}}


def test_texts_that_are_not_set_have_defaults() -> None:
    """`sendlimit config` shows the default texts."""
    reply = _config("").reply

    assert (reply.mailbox, reply.domain) == (DEFAULT_TEXTS["mailbox"], DEFAULT_TEXTS["domain"])
    assert (reply.global_, reply.message) == (DEFAULT_TEXTS["global"], DEFAULT_TEXTS["message"])


def test_a_domains_text_does_not_set_the_others() -> None:
    """A domain with a mailbox text of its own keeps the general ones for the rest."""
    wording = _config('reply.global = "Server"\nreply.for."x.de".mailbox = "Grenze"').wording()

    assert wording.by_domain["x.de"] == {"mailbox": "Grenze"}
    assert wording.texts == {"global": "Server"}


def test_socket_path() -> None:
    """Only unix sockets have a file."""
    assert str(_config('milter.socket = "unix:/run/m.sock"').milter.path) == "/run/m.sock"
    assert _config('milter.socket = "inet:1@127.0.0.1"').milter.path is None


def test_config_does_not_change() -> None:
    """Threads may share a configuration: it is frozen."""
    with pytest.raises(ValidationError):
        _config("").mode = "observe"  # type: ignore[misc]


def test_every_key_is_described() -> None:
    """Each key of the file says what it means, for docs/configuration.md."""
    undescribed = []

    def look(model: type, path: str) -> None:
        for name, field in model.model_fields.items():  # type: ignore[attr-defined]
            candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
            inner = [
                item
                for item in candidates
                if isinstance(item, type) and hasattr(item, "model_fields")
            ]
            for item in inner:
                look(item, f"{path}{field.alias or name}.")
            if not inner and not field.description:
                undescribed.append(path + name)

    look(Config, "")
    assert undescribed == []
