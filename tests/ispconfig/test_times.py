"""Times of the panel: shown and typed in the zone in which sendlimit counts, whatever PHP's is."""

import json

import pytest

from support.rig.php import EXTENSION, php

_UNTIL = """
require $argv[1].'/interface/lib/classes/sendlimit_form.inc.php';
date_default_timezone_set('Asia/Tokyo');
try { echo json_encode(sendlimit_form::until($argv[2], $argv[3], (int)$argv[4])); }
catch(sendlimit_error $error) { echo json_encode($error->reason); }
"""
_SHOWN = """
require $argv[1].'/interface/lib/classes/sendlimit_words.inc.php';
require $argv[1].'/interface/lib/classes/sendlimit_form.inc.php';
date_default_timezone_set('Asia/Tokyo');
$words = new sendlimit_words('de');
echo $words->moment($argv[2], $argv[3]), '|', sendlimit_form::until_text($argv[2], $argv[3]);
"""
_NOW = 1_780_000_000
"""2026-05-28 20:26:40 UTC."""


@pytest.mark.parametrize(
    ("typed", "zone", "taken"),
    [
        ("2026-07-01 18:00", "Europe/Berlin", "2026-07-01T18:00:00+02:00"),
        ("2026-12-24 18:00", "Europe/Berlin", "2026-12-24T18:00:00+01:00"),
        (" 2026-05-28 22:27 ", "Europe/Berlin", "2026-05-28T22:27:00+02:00"),
        ("2026-05-28 22:26", "Europe/Berlin", "error_until"),
        ("2026-05-28 22:26", "America/New_York", "2026-05-28T22:26:00-04:00"),
        ("2027-03-28 02:30", "Europe/Berlin", "error_until"),
        ("tomorrow", "UTC", "error_until"),
        ("2026-07-01", "UTC", "error_until"),
        ("", "UTC", None),
    ],
)
def test_typed(typed: str, zone: str, taken: str | None) -> None:
    """An end is a local time that there is, and still to come."""
    assert json.loads(php(_UNTIL, EXTENSION, typed, zone, str(_NOW))) == taken


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Berlin", "02.07.2026 00:30|2026-07-02 00:30"),
        ("America/New_York", "01.07.2026 18:30|2026-07-01 18:30"),
    ],
)
def test_shown(zone: str, shown: str) -> None:
    """A moment of the API is shown in that zone, and stands in a form as it would be typed."""
    assert php(_SHOWN, EXTENSION, "2026-07-01T22:30:00Z", zone) == shown
