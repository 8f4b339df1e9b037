"""What documents and comments name is there: files, headings, classes and functions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_FOLDERS = (
    "bench",
    "deploy",
    "docs",
    "etc",
    "ispconfig",
    "milter",
    "script",
    "sql",
    "systemd",
    "tests",
)
FILES = {
    str(path.relative_to(_ROOT))
    for folder in _FOLDERS
    for path in (_ROOT / folder).rglob("*")
    if "__pycache__" not in path.parts
}
DOCUMENTS = sorted(
    [
        *(
            _ROOT / name
            for name in ("README.md", "CHANGELOG.md", "ispconfig/README.md", "roundcube/README.md")
        ),
        *(_ROOT / "docs").rglob("*.md"),
    ]
)
ABOUT_CODE = [_ROOT / "docs" / "design.md", _ROOT / "docs" / "contributing.md"]
"""The documents whose words in capitals are classes, and whose words with () are functions."""
TEXTS = sorted(
    path
    for name in FILES
    if (path := _ROOT / name).suffix in {".py", ".sql", ".toml", ".service", ".timer", ".md", ".c"}
    or path.parent.name == "script"
)


def name_of(path: Path) -> str:
    """Return how a test names a file."""
    return str(path.relative_to(_ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links(path: Path) -> None:
    """Every link to a file of the repository leads to a file, and to a heading that it has."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text()):
        file, _, heading = target.partition("#")
        goal = (path.parent / file) if file else path
        assert goal.exists(), target
        if heading:
            assert heading in anchors(goal.read_text()), target


def anchors(text: str) -> set[str]:
    """Return the headings of a document as links name them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_files(path: Path) -> None:
    """A file or folder of the repository that a text names by its path is there."""
    folders = "|".join(set(_FOLDERS) - {"etc"})  # most files of that folder are the system's
    named = re.findall(
        rf"(?<![\w/.{{}}*-])(?:{folders})/[\w./-]*[\w/](?![\w{{}}<*])",
        path.read_text(errors="replace"),
    )
    assert {name for name in named if name.rstrip("/.") not in FILES} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_modules(path: Path) -> None:
    """A Python file that a document names is there, under this name or the end of its path."""
    ends = {name for file in FILES if file.endswith(".py") for name in _ends_of(file)}
    named = {word for word in code_words(path) if re.fullmatch(r"[\w/]+\.py", word)}
    assert named - ends == set()


def _ends_of(file: str) -> Iterator[str]:
    parts = file.split("/")
    for start in range(len(parts)):
        yield "/".join(parts[start:])


@pytest.mark.parametrize("path", ABOUT_CODE, ids=name_of)
def test_classes_and_functions(path: Path) -> None:
    """A class, method or function that a document about the code names is there."""
    defined = set(definitions())
    named = {
        word.removesuffix("()")
        for word in code_words(path)
        if re.fullmatch(r"[A-Z]\w*[a-z]\w*(\.\w+)*(\(\))?|[a-z_]\w*\(\)", word)
    }
    assert named - defined == set()


def definitions() -> Iterator[str]:
    """Yield every class, function and Class.attribute of program, bench and tests."""
    for file in FILES:
        if file.endswith(".py"):
            for node in ast.walk(ast.parse((_ROOT / file).read_text())):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    yield node.name
                if isinstance(node, ast.ClassDef):
                    for inner in ast.walk(node):
                        if isinstance(inner, ast.FunctionDef):
                            yield f"{node.name}.{inner.name}"
                        elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                            yield f"{node.name}.{inner.attr}"
                        elif isinstance(inner, ast.AnnAssign) and isinstance(
                            inner.target, ast.Name
                        ):
                            yield f"{node.name}.{inner.target.id}"


def code_words(path: Path) -> set[str]:
    """Return what a document shows in backticks, outside of its blocks."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", text))
