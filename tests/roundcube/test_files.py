"""The plugin's files: PHP reads them, both languages are complete, every text is used."""

import json
import re
import subprocess
from pathlib import Path

import pytest

_PLUGIN = Path(__file__).parents[2] / "roundcube" / "sendlimit"
_PHP = sorted(
    path for path in _PLUGIN.rglob("*") if path.suffix in {".php", ".inc"} or path.suffix == ".dist"
)
_CODE = "".join(path.read_text() for path in _PHP if path.suffix == ".php")


def texts(language: str) -> dict[str, str]:
    """Return labels and messages of a language, as PHP reads them."""
    file = _PLUGIN / "localization" / f"{language}.inc"
    script = f"require {str(file)!r}; echo json_encode($labels + $messages);"
    done = subprocess.run(["php", "-r", script], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("path", _PHP, ids=lambda path: str(path.name))
def test_syntax(path: Path) -> None:
    """PHP finds no fault in the file."""
    done = subprocess.run(["php", "-l", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_languages() -> None:
    """German has every text of English, with the same values in it."""
    english, german = texts("en_US"), texts("de_DE")
    assert german.keys() == english.keys()
    values = re.compile(r"\$\w+")
    for label, text in english.items():
        assert sorted(values.findall(german[label])) == sorted(values.findall(text)), label


def test_labels() -> None:
    """Every text is asked for in the code, by its name or by the beginning of it."""
    for label in texts("en_US"):
        beginnings = [label, *(label[: end.end()] for end in re.finditer("_", label))]
        assert any(
            re.search(rf"['\"](?:sendlimit\.)?{re.escape(start)}['\"{{]", _CODE)
            for start in beginnings
        ), label


def test_class_has_the_name_of_its_file() -> None:
    """Roundcube finds a plugin by it."""
    for path in _PHP:
        if path.suffix == ".php":
            assert re.search(rf"^class {path.stem}\b", path.read_text(), re.MULTILINE)
