"""The commands of docs/howto.md and docs/install.md: what is tried is what the admin reads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOWTO = "docs/howto.md"
INSTALL = "docs/install.md"

_PACKAGES = re.compile(r"^apt-get install -y ([^#\n]+)", re.MULTILINE)


@dataclass(frozen=True)
class HowTo:
    """The document, as somebody on one version of Debian follows it.

    Attributes:
        text: the document.
        debian: "12", "13". A block right below a line that begins with "On Debian 12:" is for
            that version alone.
    """

    text: str
    debian: str

    def commands(self, heading: str) -> Sequence[str]:
        """Return the shell blocks of the section whose heading begins so, in their order.

        Raises:
            ValueError: there is no such section, or no command in it.
        """
        section = re.search(
            rf"^## {re.escape(heading)}.*?(?=^## |\Z)", self.text, re.MULTILINE | re.DOTALL
        )
        found = section and re.findall(
            r"(?:^On Debian (\d+):\n\n)?^```(?:sh|console)\n(.*?)^```",
            section[0],
            re.MULTILINE | re.DOTALL,
        )
        if not found:
            msg = f"no commands below '## {heading}'"
            raise ValueError(msg)
        return [_typed(block) for only_on, block in found if only_on in {"", self.debian}]

    def packages(self) -> list[str]:
        """Return the names of all packages of Debian that it installs."""
        words = {word for line in _PACKAGES.findall(self.text) for word in line.split()}
        return sorted(word for word in words if "sendlimit" not in word)


def read(release: Path, debian: str, document: str = HOWTO) -> HowTo:
    """Read a document of a release."""
    return HowTo((release / document).read_text(), debian)


def _typed(block: str) -> str:
    """Return what is typed: in a console block the lines behind the prompt, else all lines."""
    typed = re.findall(r"^# (.+)$", block, re.MULTILINE)
    is_console = block.startswith("# ") and bool(typed)
    return "".join(f"{line}\n" for line in typed) if is_console else block
