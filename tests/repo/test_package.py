"""The Debian packages have what the rest of the repository says that they have."""

import re
import tomllib
from pathlib import Path

import pytest

from bare.packages import control, dependencies
from sendlimit import __version__

_ROOT = Path(__file__).parents[2]
_DEBIAN = _ROOT / "deploy" / "debian"
_RULES = (_DEBIAN / "rules").read_text()
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
_NAMES = {
    "argon2-cffi": "python3-argon2",
    "prometheus-client": "python3-prometheus-client",
    "pymilter": "python3-milter",
    "tzdata": "tzdata",  # the system's own zones, whose versions are counted in another way
}
_OTHERS = {"sendlimit": {"postfix", "python3"}, "sendlimit-web": set[str]()}
"""What is needed and no library."""


def needed_libraries(lines: list[str]) -> dict[str, str]:
    """Return the Debian packages of libraries in pyproject.toml, with their lowest versions."""
    pairs = (line.split(">=") for line in lines)
    found = {_NAMES.get(name, f"python3-{name.lower()}"): lowest for name, lowest in pairs}
    return found | ({"tzdata": ""} if "tzdata" in found else {})


@pytest.mark.parametrize(
    ("package", "lines"),
    [
        ("sendlimit", _PROJECT["dependencies"]),
        ("sendlimit-web", _PROJECT["optional-dependencies"]["web"]),
    ],
)
def test_it_depends_on_the_libraries_of_the_project(package: str, lines: list[str]) -> None:
    """With Debian's own libraries: the same ones, from the same version on."""
    needs = dependencies(control(_ROOT, "trixie"))[package]
    libraries = {name: lowest for name, lowest in needs.items() if name not in _OTHERS[package]}

    assert {name for name in libraries if name != "sendlimit"} == {*needed_libraries(lines)}
    assert needed_libraries(lines).items() <= libraries.items()


def test_it_needs_the_python_of_the_project() -> None:
    """The lowest Python is that of pyproject.toml."""
    needs = dependencies(control(_ROOT, "trixie"))["sendlimit"]
    assert f">={needs['python3']}" == _PROJECT["requires-python"]


def test_a_bundled_package_depends_on_no_library() -> None:
    """Where the libraries come along, those of Debian are not asked for."""
    needs = dependencies(control(_ROOT, "bookworm"))
    assert {*needs["sendlimit"]} == {"postfix", "tzdata"}
    assert {*needs["sendlimit-web"]} <= {"sendlimit"}


def test_both_kinds_are_the_same_packages() -> None:
    """The two control files differ in what is built and needed, not in what is described."""
    own, bundled = (
        re.findall(
            r"^Package: (.+)$|^Suggests: (.+)$|^(?:Section|Maintainer): (.+)$", text, re.MULTILINE
        )
        for text in (control(_ROOT, "trixie"), control(_ROOT, "bookworm"))
    )
    assert own == bundled


def test_version() -> None:
    """The newest entry of the packages' changelog is this version."""
    newest = (_DEBIAN / "changelog").read_text().partition("\n")[0]
    assert re.fullmatch(rf"sendlimit \({re.escape(__version__)}\) \w+; urgency=\w+", newest)


def test_every_unit_and_template_is_in_a_package() -> None:
    """What lies in systemd/ and etc/ is installed by a line of rules, or stands in a list."""
    examples = (_DEBIAN / "sendlimit.examples").read_text().split()
    installed = [*re.findall(r"(?<=\s)(?:systemd|etc)/[\w.*-]+", _RULES), *examples]
    files = {
        path.relative_to(_ROOT).as_posix()
        for folder in ("systemd", "etc")
        for path in (_ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert {file for file in files if not any(_covers(word, file) for word in installed)} == set()


def _covers(word: str, file: str) -> bool:
    return Path(file).match(word) or file.startswith(f"{word}/")


def test_units_that_start_are_started_by_the_packages() -> None:
    """Each unit with [Install] is enabled by dh_installsystemd, and no other."""
    enabled = set(re.findall(r"\bsendlimit[\w-]*\.(?:service|timer)\b", _started()))
    assert enabled == {
        path.name for path in (_ROOT / "systemd").iterdir() if "\n[Install]\n" in path.read_text()
    }


def _started() -> str:
    return _RULES.split("override_dh_installsystemd:\n")[1].split("\n\n")[0]


def test_what_the_maintainer_scripts_source_is_installed() -> None:
    """Files that sendlimit-setup and postinst source, and those that these source, are in the package."""
    shared = set(re.findall(r"^shared = (.+)$", _RULES, re.MULTILINE)[0].split())
    sources = [_DEBIAN / "sendlimit-setup", _DEBIAN / "sendlimit.postinst"]
    sources.append(_ROOT / "ispconfig" / "install")
    sources += [_ROOT / "script" / name for name in shared]
    sourced = {
        name
        for path in sources
        for name in re.findall(r'^source .*?([\w-]+\.bash)"?$', path.read_text(), re.MULTILINE)
    }
    assert "settings.bash" in sourced
    assert sourced <= shared


def test_pages_for_the_panel_are_beside_what_they_source() -> None:
    """ispconfig/install finds ../script as in the repository; both lie in /usr/share/sendlimit."""
    assert "/usr/share/sendlimit/script $(addprefix script/,$(shared))" in _RULES
    assert "cp -r ispconfig $(web)/usr/share/sendlimit\n" in _RULES
    assert '"$here/../script/' in (_ROOT / "ispconfig" / "install").read_text()


def test_paths_of_a_unit_are_those_of_the_package() -> None:
    """No unit names a folder of script/install once rules has replaced the program's path."""
    for unit in (_ROOT / "systemd").iterdir():
        assert "/opt/" not in unit.read_text().replace("/opt/sendlimit/current/bin/", "/usr/bin/")
    assert "s|/opt/sendlimit/current/bin/|/usr/bin/|" in _RULES
