"""docs/doctor.md and the code have the same checks and findings."""

import re
from pathlib import Path

from sendlimit.doctor.check import CODES

_ROOT = Path(__file__).parents[3]
_DOCUMENT = (_ROOT / "docs" / "doctor.md").read_text()
_PACKAGE = _ROOT / "milter" / "sendlimit"


def test_document() -> None:
    """The document has every check and, in its table, what it can find; both in their order."""
    _, *parts = re.split(r"^## `(\w+)`$", _DOCUMENT, flags=re.MULTILINE)
    documented = {
        name: tuple(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }

    assert documented == CODES
    assert list(documented) == list(CODES)


def test_codes() -> None:
    """Every finding that the code can make belongs to a check, and no other is listed."""
    doctor = "".join(file.read_text() for file in (_PACKAGE / "doctor").glob("*.py"))
    attachment = (_PACKAGE / "postfix" / "findings.py").read_text()
    made = set(re.findall(r'\b(?:error|warning)\(\s*"([\w-]+)"', doctor))
    made |= set(re.findall(r'\bcode="([\w-]+)"', attachment))

    assert made == {code for codes in CODES.values() for code in codes}
