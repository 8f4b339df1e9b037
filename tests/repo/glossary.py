"""Write the classes in docs/design.md from their docstrings: `.venv/bin/python tests/repo/glossary.py`."""

import ast
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PROGRAM = _ROOT / "milter" / "sendlimit"
_FOLDERS = ("rules", "counting")
DOCUMENT = _ROOT / "docs" / "design.md"
_HEAD = "\n| class | file | what it is |\n|---|---|---|\n"


def rendered() -> str:
    """Return the document as it should be: the last table has a row for each class."""
    return (
        DOCUMENT.read_text().partition(_HEAD)[0]
        + _HEAD
        + "".join(sorted(_rows(), key=lambda row: row.split("`")[1]))
    )


def _rows() -> list[str]:
    """Return a row for each public class: its name, its file, the first sentence of its docstring."""
    return [
        f"| `{node.name}` | `{folder}/{file.name}` | {_first_sentence(node)} |\n"
        for folder in _FOLDERS
        for file in (_PROGRAM / folder).glob("*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def _first_sentence(node: ast.ClassDef) -> str:
    docstring = ast.get_docstring(node) or ""
    return docstring.partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(rendered())
