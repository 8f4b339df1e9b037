"""docs/doctor.md and the code have the same checks and findings."""

import re
from pathlib import Path

from sendlimit.doctor.check import CODES

_ROOT = Path(__file__).parents[2]
_DOCUMENT = (_ROOT / "docs" / "doctor.md").read_text()
_PACKAGE = _ROOT / "milter" / "sendlimit"


def test_document() -> None:
    """The table has every check and what it can find, in the order of the report."""
    documented: dict[str, list[str]] = {}
    check = ""
    for named, finding in re.findall(
        r"^\| (?:`([\w-]+)` )?\| `([\w-]+)` \|", _DOCUMENT, re.MULTILINE
    ):
        check = named or check
        documented.setdefault(check, []).append(finding)

    assert [*documented.items()] == [(name, [*codes]) for name, codes in CODES.items()]


def test_codes() -> None:
    """Every finding that the code can make belongs to a check, and no other is listed."""
    files = [path for room in ("doctor", "postfix") for path in (_PACKAGE / room).glob("*.py")]
    code = "".join(file.read_text() for file in files)
    made = set(re.findall(r'\b(?:error|warning)\(\s*"([\w-]+)"', code))

    assert made == {code for codes in CODES.values() for code in codes}
