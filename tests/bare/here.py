"""How this machine gets packages of Debian and of Python: bare systems get them in the same way."""

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bare.report import CannotTryError

_PLACE = "/srv/here"  # not their own one, where packages of the system may want to write


@dataclass(frozen=True)
class Mirrors:
    """Where packages of Debian come from.

    Attributes:
        debian: the archive of Debian.
        security: the archive of security updates; empty if this machine has none.
        options: this machine's Acquire::http lines (a proxy, for example), as apt.conf has them.
    """

    debian: str
    security: str
    options: str

    def sources(self, suite: str) -> str:
        """Return the lines of sources.list."""
        lines = [f"deb {self.debian} {suite} main"]
        if suite not in {"testing", "unstable", "sid"}:
            lines.append(f"deb {self.debian} {suite}-updates main")
            if self.security:
                lines.append(f"deb {self.security} {suite}-security main")
        return "".join(f"{line}\n" for line in lines)


def mirrors(chosen: str) -> Mirrors:
    """Ask apt where this machine's packages come from.

    Args:
        chosen: an archive of Debian to use instead; empty: apt's.

    Raises:
        CannotTryError: apt knows no archive of Debian.
    """
    words = ["--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"]
    places: dict[str, str] = {}
    for line in _output("apt-get", "indextargets", *words).splitlines():
        label, _, place = line.partition(" ")
        places.setdefault(label, place)
    debian = chosen or places.get("Debian", "")
    if not debian:
        msg = "apt of this machine knows no archive of Debian: name one with --mirror"
        raise CannotTryError(msg)
    options = re.findall(r"^Acquire::https?::.*$", _output("apt-config", "dump"), re.MULTILINE)
    return Mirrors(debian, places.get("Debian-Security", ""), "".join(f"{o}\n" for o in options))


@dataclass(frozen=True)
class PipSettings:
    """What pip is told on this machine about where packages come from.

    Attributes:
        env: the same as variables, for a system that has the paths.
        paths: files and folders of this machine, with the place that env names.
    """

    env: dict[str, str]
    paths: dict[Path, str]


def pip_settings() -> PipSettings:
    """Ask pip for its configuration; a variable goes before a line of a file."""
    env: dict[str, str] = {}
    paths: dict[Path, str] = {}
    lines = _output(sys.executable, "-m", "pip", "config", "list").splitlines()
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2].upper().replace("-", "_")
        words = str(ast.literal_eval(value)).split()
        env[f"PIP_{option}"] = " ".join(_moved(word, paths) for word in words)
    return PipSettings(env, paths)


def _moved(word: str, paths: dict[Path, str]) -> str:
    """Return what a path or file: address of this machine becomes, and note it."""
    scheme, path = ("file://", word[7:]) if word.startswith("file://") else ("", word)
    if not path.startswith("/") or not Path(path).exists():
        return word
    # An index of files links to what lies beside it.
    shown = Path(path).parent if scheme else Path(path)
    paths[shown] = f"{_PLACE}{shown}"
    return f"{scheme}{_PLACE}{path}"


def _output(*argv: str) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    except (subprocess.CalledProcessError, OSError) as exc:
        msg = f"'{' '.join(argv)}' fails: {exc}"
        raise CannotTryError(msg) from exc
