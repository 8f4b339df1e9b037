"""What a config file means: settings, calendar, wording."""

from datetime import time

from sendlimit.rules.window import Window
from support.config_samples import config_of
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


def test_limits_of_the_documented_file() -> None:
    """Defaults, a domain's and a mailbox's overrides become settings, "unlimited" without a number."""
    assert config_of(_DESIGN).settings() == [
        setting("*", "global.messages_per_day", 999),
        setting("*", "domain.messages_per_day", None),
        setting("*", "mailbox.messages_per_day", 100),
        setting("example.org", "domain.messages_per_day", 5000),
        setting("example.org", "mailbox.messages_per_day", 200),
        setting("news@example.org", "mailbox.messages_per_day", 2000),
    ]


def test_calendar() -> None:
    """Zone and start of the day come from the file."""
    calendar = config_of(
        'calendar = {timezone = "Asia/Kolkata", day_starts_at = "06:30"}'
    ).make_calendar()

    assert calendar.timezone.key == "Asia/Kolkata"
    assert calendar.day_starts_at == time(6, 30)


def test_calendar_of_the_system() -> None:
    """Without a zone the system's is used, and days can be cut by it."""
    calendar = config_of("").make_calendar()

    assert calendar.period(Window.DAY, 1_800_000_000).start <= 1_800_000_000


def test_wording() -> None:
    """Code, status and texts come from the file; a domain's texts are found in small letters."""
    wording = config_of(_DESIGN).wording()

    assert (wording.code, wording.enhanced_status) == ("450", "4.7.1")
    assert wording.texts == {"mailbox": "{used} of {limit}"}
    assert wording.by_domain == {"example.de": {"mailbox": "Versandlimit erreicht"}}
