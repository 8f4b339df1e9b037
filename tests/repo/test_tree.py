"""The tree: the test of a file lies under the file's own path, and what supports tests uses public names only."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_CODE = _ROOT / "milter" / "sendlimit"
_TESTS = _ROOT / "tests" / "unit"
_SUPPORT = sorted((_ROOT / "tests" / "support").rglob("[!_]*.py"))


def files() -> set[str]:
    """Return the files that need a test, as paths below milter/sendlimit."""
    return {
        str(file.relative_to(_CODE))
        for file in _CODE.rglob("*.py")
        if file.stem not in {"__init__", "__main__"}
    }


def its_tests(file: str) -> set[Path]:
    """Return the tests of a file: test_NAME.py and test_NAME_PART.py under the same path."""
    path = _TESTS / file
    name = f"test_{path.stem}"
    return {*path.parent.glob(f"{name}.py"), *path.parent.glob(f"{name}_*.py")}


def test_each_file_has_its_test() -> None:
    """Each NAME.py of the program has test_NAME.py, or test_NAME_PART.py, under the same path."""
    missing = {file for file in files() if not its_tests(file)}
    assert missing == set()


def test_each_test_has_its_file() -> None:
    """A test of tests/unit is about the file, or the package, of that name in the program."""
    packages = {
        _TESTS / init.parent.relative_to(_CODE) / f"test_{init.parent.name}.py"
        for init in _CODE.rglob("__init__.py")
    }
    known = {test for file in files() for test in its_tests(file)} | packages
    found = {*_TESTS.rglob("test_*.py")}
    assert {str(test.relative_to(_TESTS)) for test in found - known} == set()


@pytest.mark.parametrize(
    "double", _SUPPORT, ids=[str(path.relative_to(_ROOT)) for path in _SUPPORT]
)
def test_a_double_uses_public_names_only(double: Path) -> None:
    """A double, or what else supports tests, uses no private name of another object or of a base class of the code."""
    tree = ast.parse(double.read_text())
    assert {*foreign_names(tree)} == set()


def test_private_names_are_found() -> None:
    """What the check of the doubles is for is what it finds."""
    text = """
from sendlimit.counting.committer_thread import CommitterThread

class Stepped(CommitterThread):
    def __init__(self, other):
        self._mine = other._theirs

    def _run(self):
        return self._mine, self._stopping
"""
    assert {*foreign_names(ast.parse(text))} == {"_theirs", "_run", "_stopping"}


def foreign_names(tree: ast.Module) -> Iterator[str]:
    """Yield the private names in a double that belong to something else."""
    own: set[str] = set()
    for definition in ast.walk(tree):
        if isinstance(definition, ast.ClassDef):
            names = _private_names_of(definition)
            inherited = {name for base in _bases(tree, definition) for name in dir(base)}
            yield from sorted(names & inherited)
            own |= names
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in own:
            yield node.attr


def _private_names_of(definition: ast.ClassDef) -> set[str]:
    """Return the private methods of a class, and the private attributes that it assigns to self."""
    methods = {
        node.name
        for node in definition.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    attributes = {
        node.attr
        for node in ast.walk(definition)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return {name for name in methods | attributes if _is_private(name)}


def _bases(tree: ast.Module, definition: ast.ClassDef) -> Iterator[object]:
    """Yield the classes of the code that a class of a double inherits from."""
    modules = {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    }
    for base in definition.bases:
        if isinstance(base, ast.Name) and (modules.get(base.id) or "").startswith("sendlimit"):
            yield getattr(importlib.import_module(modules[base.id]), base.id)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")
