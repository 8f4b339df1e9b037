"""What an installation leaves behind: files that no Debian package brought."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bare.machine import Machine

# One line a path: kind, mode, owner, target of a link.
_LIST = """\
find / -xdev '(' -path /srv -o -path /root -o -path /tmp ')' -prune -o \\
  -printf '%p\\t%y %m %u:%g %l\\n'
"""
_CONTENTS = "find /etc -xdev -type f -exec sha256sum '{}' +"
_ALTERNATIVES = " /etc/alternatives/"  # update-alternatives(1) makes links of packages
_PACKAGED = "cat /var/lib/dpkg/info/*.list"
# What apt, systemd, the servers and Python write while they are in use.
_OF_OTHERS = re.compile(
    r"(?!.*sendlimit)(?:/(?:dev|proc|run|sys)(?:/|$)"
    r"|/etc/(?:passwd|group|shadow|gshadow)-$|/etc/\.pwd\.lock$|/etc/ld\.so\.cache$"
    r"|/etc/(?:alternatives|ssl/certs|rc.\.d)/|/etc/systemd/system/[^/]+\.wants/"
    r"|/var/(?:backups|cache|log|mail|tmp)/|/var/lib/(?:apt|dpkg|mysql|systemd)(?:/|$)"
    r"|/var/(?:lib|spool)/postfix/|.*/__pycache__(?:/|$))"
)


@dataclass(frozen=True)
class Files:
    """The files of a system at one moment.

    Attributes:
        facts: kind, mode, owner, link target of each path, and the digest of a file in /etc.
        packaged: paths that Debian packages brought.
    """

    facts: Mapping[str, str]
    packaged: frozenset[str]


def files_of(machine: Machine) -> Files:
    """List a system's files."""
    facts = dict(line.split("\t", 1) for line in machine.read(_LIST).splitlines() if "\t" in line)
    for line in machine.read(_CONTENTS).splitlines():
        digest, path = line.split("  ", 1)
        facts[path] = f"{facts.get(path, '')} {digest}"
    return Files(facts, frozenset(machine.read(_PACKAGED).splitlines()))


def left_behind(before: Files, after: Files) -> list[str]:
    """Return the paths that are new, gone or different, without what is others' work."""
    paths = {
        path
        for path in {*before.facts, *after.facts}
        if before.facts.get(path) != after.facts.get(path)
    }
    came_with_packages = after.packaged - before.packaged
    return sorted(
        path
        for path in paths
        if path not in came_with_packages
        and not _OF_OTHERS.match(path)
        and _ALTERNATIVES not in after.facts.get(path, "")
    )
