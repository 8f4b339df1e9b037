"""Run PHP as the panel does, with the classes of the extension."""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

EXTENSION = Path(__file__).parents[3] / "ispconfig"
"""The extension."""

_CALL = """
require $argv[1].'/interface/lib/classes/sendlimit_api.inc.php';
$api = new sendlimit_api(json_decode($argv[2], true));
$results = array();
$began = microtime(true);
foreach(json_decode($argv[3], true) as $call) {
    try {
        $results[] = $api->{$call[0]}(...$call[1]);
    } catch(sendlimit_error $error) {
        $results[] = array('reason' => $error->reason, 'message' => $error->getMessage());
    }
}
echo json_encode(array($results, microtime(true) - $began));
"""


class Called(NamedTuple):
    """What calls of the API's client returned, and how long they took together.

    Attributes:
        results: in the order of the calls; an error is {"reason", "message"}.
        took_s: seconds, without the start of PHP.
    """

    results: list[Any]
    took_s: float


def php(code: str, *arguments: str | Path) -> str:
    """Run code and return what it prints; warnings of PHP are errors.

    Raises:
        AssertionError: it failed, or PHP had something to say.
    """
    strict = ["-d", "display_errors=stderr", "-d", "error_reporting=-1"]
    done = subprocess.run(
        ["php", *strict, "-r", code, "--", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def call_api(servers: dict[int, dict[str, str]], *calls: tuple[str, list[Any]]) -> Called:
    """Call methods of one sendlimit_api, as one page does.

    Args:
        servers: as in sendlimit.conf.php.
        calls: name and arguments of methods.
    """
    return Called(*json.loads(php(_CALL, EXTENSION, json.dumps(servers), json.dumps(calls))))
