"""What the plugin takes for an answer of the API: shapes that differ are refused, in PHP itself."""

import json
import subprocess
from pathlib import Path

import pytest

_READER = Path(__file__).parents[2] / "roundcube" / "sendlimit" / "lib" / "sendlimit_usage.php"
_SCRIPT = f"""
require '{_READER}';
try {{
    $usage = sendlimit_usage::read(json_decode(stream_get_contents(STDIN), true, 32, JSON_THROW_ON_ERROR));
    echo $usage->subject;
}} catch (Throwable $problem) {{
    echo 'refused: ', get_class($problem);
}}
"""
_LIMIT = {
    "limit": "mailbox.messages_per_day",
    "max": 100,
    "used": 37,
    "period_end": "2026-11-27T00:00:00Z",
}
_ANSWER = {
    "subject": "alice@example.org",
    "known": True,
    "refused": False,
    "exempt": False,
    "mode": "enforce",
    "at": "2026-11-26T12:00:00Z",
    "limits": [_LIMIT],
}


def read(answer: str) -> str:
    """Return the subject that the plugin reads out of an answer, or how it is refused."""
    done = subprocess.run(
        ["php", "-d", "display_errors=1", "-r", _SCRIPT],
        input=answer,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_right() -> None:
    """What the API answers is taken; keys that a newer one adds do not matter."""
    assert read(json.dumps({**_ANSWER, "new": [1]})) == "alice@example.org"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("", id="nothing"),
        pytest.param("7", id="a number"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="no object"),
        pytest.param("[" * 1000 + "]" * 1000, id="deep"),
        *(
            pytest.param(json.dumps({**_ANSWER, **wrong}), id=str(wrong))
            for wrong in (
                {"subject": None},
                {"known": "yes"},
                {"at": "now"},
                {"at": "2026-13-45T00:00:00Z"},
                {"over_limit": {"<script>": 1}},
                {"limits": "many"},
                {"limits": [7]},
                {"limits": [{**_LIMIT, "used": "37"}]},
                {"limits": [{**_LIMIT, "max": 1.5}]},
                {"limits": [{**_LIMIT, "period_end": None}]},
                {"limits": [{**_LIMIT, "last_episode": {"attempts": 1}}]},
            )
        ),
    ],
)
def test_wrong(answer: str) -> None:
    """Another shape is refused as a whole, with an exception that the client catches."""
    assert read(answer).startswith("refused: ")
