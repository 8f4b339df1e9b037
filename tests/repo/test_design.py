"""docs/design.md and docs/contributing.md show the tree, the layers and the classes that are there."""

import importlib
import re
import tomllib
from enum import EnumType
from pathlib import Path

from repo import glossary

_ROOT = Path(__file__).parents[2]
_DESIGN = (_ROOT / "docs" / "design.md").read_text()
_CONTRIBUTING = (_ROOT / "docs" / "contributing.md").read_text()
_PROGRAM = _ROOT / "milter" / "sendlimit"


def test_layers() -> None:
    """docs/design.md has the layers that import-linter checks, in their order."""
    tools = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]
    contract = tools["importlinter"]["contracts"][0]
    table = _DESIGN.split("| layer |")[1].split("\n\n")[0]
    documented = [
        re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    ]

    assert documented == [re.findall(r"\w+", layer) for layer in contract["layers"]]


def test_glossary() -> None:
    """The glossary has each class of rules/ and counting/ with its own first sentence, and no other."""
    how = "run .venv/bin/python tests/repo/glossary.py"

    assert glossary.DOCUMENT.read_text() == glossary.rendered(), how


def test_threads() -> None:
    """The table of threads names each file of the daemon that starts one."""
    starts = re.compile(r"\b(?:Thread|QueueListener|ThreadingWSGIServer)\(")
    files = {
        file.relative_to(_PROGRAM).as_posix()
        for folder in ("counting", "daemon", "notify")
        for file in (_PROGRAM / folder).glob("*.py")
        if starts.search(file.read_text())
    }

    assert {file for file in files if f"`{file}`" not in _section("Threads")} == set()
    assert files


def test_state_machines() -> None:
    """Each state machine in the table has its states in the file that the table names, and no other."""
    rows = re.findall(r"^\| .+ \| `(\S+)` \| (.+) \|$", _section("State machines"), re.MULTILINE)
    assert rows
    for file, states in rows:
        module = importlib.import_module(f"sendlimit.{file.removesuffix('.py').replace('/', '.')}")
        words = set(re.split(r"[^a-z]+", states)) - {"then", "or", "it", "ends"}
        enums = [
            set(" ".join(value.__members__).lower().replace("_", " ").split())
            for value in vars(module).values()
            if isinstance(value, EnumType)
        ]
        assert words in enums, file


def _section(heading: str) -> str:
    """Return what stands under a heading of the design."""
    return re.split(r"^#", _DESIGN.split(f"# {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_picture_of_the_tree() -> None:
    """The picture has every folder of the program and each file of counting/; what it names lies there."""
    picture = _DESIGN.split("```text\n")[1].split("```")[0]
    folder = _PROGRAM
    folders: set[str] = set()
    named: set[Path] = set()
    for line in picture.splitlines()[1:]:
        words = re.findall(r"[\w/.]+(?:\.py|/)(?=[\s;,]|$)", line)
        if words and words[0].endswith("/"):
            folder = _PROGRAM / words.pop(0)
            folders.add(folder.name)
        elif line.startswith("  ") and not line.startswith("    "):
            folder = _PROGRAM
        assert [word for word in words if not (folder / word).exists()] == [], line
        named |= {folder / word for word in words}

    assert folders == {init.parent.name for init in _PROGRAM.glob("*/__init__.py")}
    assert {*(_PROGRAM / "counting").glob("[!_]*.py")} <= named


def test_libraries() -> None:
    """docs/design.md gives a reason for each library that the program needs, and for no other."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[^\w-]", line)[0].lower() for line in project["dependencies"]}
    table = _DESIGN.split("| library | why |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| ([\w, -]+?) \|", table, re.MULTILINE)

    assert {name.lower() for row in rows for name in row.split(", ")} == needed


def test_table_of_folders() -> None:
    """The table of docs/contributing.md has every folder of the repository, of tests and of script."""
    rows = re.findall(r"^\| (`.+?) \|", _CONTRIBUTING.split("| folder |")[1], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w./]+)`", row)}
    parts = {
        path.relative_to(_ROOT).as_posix()
        for folder in (_ROOT, _ROOT / "tests")
        for path in folder.iterdir()
        if path.is_dir() and (path.name[0] not in "._") and any(path.rglob("*.*"))
    }
    ignored = set((_ROOT / ".gitignore").read_text().replace("/", "").split())

    assert {part for part in parts if part not in ignored} <= named | {"milter", "tests", "docs"}
    assert {name for name in named if not (_ROOT / name).exists()} == set()


def test_scripts() -> None:
    """docs/contributing.md says what each script is for that is made to be called."""
    shown = set(re.findall(r"^(script/[\w-]+)", _CONTRIBUTING, re.MULTILINE))
    scripts = {f"script/{path.name}" for path in (_ROOT / "script").iterdir() if not path.suffix}

    assert shown == scripts
