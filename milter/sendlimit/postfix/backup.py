"""Keep what Postfix's files were before sendlimit came, so that detach can give it back.

One folder for each configuration directory: `state_dir/postfix-backup/%2Fetc%2Fpostfix/` with
`record.json` and, readable for humans, the files themselves. The folder is for root only.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import quote

from sendlimit.errors import PostfixError
from sendlimit.postfix.attachment import Recorded
from sendlimit.postfix.files import refuse_foreign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.postfix.attachment import FileChange

FOLDER = "postfix-backup"

_RECORD = "record.json"


class _FileRecord(TypedDict):
    without_us: str | None
    attached: str | None


class _Record(TypedDict):
    files: dict[str, _FileRecord]
    made_folders: list[str]


class Backup:
    """The backup of one Postfix configuration."""

    def __init__(self, state_dir: Path, config_directory: Path) -> None:
        """Take sendlimit's state_dir and Postfix's directory; nothing is made yet."""
        self.folder = state_dir / FOLDER / quote(str(config_directory), safe="")
        self.made_folders: list[Path] = []
        self._files: dict[Path, Recorded] = {}
        self._load()

    @property
    def files(self) -> dict[Path, Recorded]:
        """What is known of each file that attach has changed."""
        return dict(self._files)

    def remember(self, changes: Iterable[FileChange], made_folders: Iterable[Path]) -> None:
        """Record what attach is about to change, before it does.

        A file that is still as the last attach left it keeps its older record: its content
        before that one is what detach gives back.

        Raises:
            PostfixError: the backup can't be written.
        """
        for change in changes:
            known = self._files.get(change.path)
            is_ours = known is not None and known.attached == change.before
            without_us = known.without_us if known and is_ours else change.without_us
            self._files[change.path] = Recorded(without_us=without_us, attached=change.after)
        self.made_folders += made_folders
        try:
            self._save()
        except OSError as exc:
            msg = f"the backup can't be written to {self.folder}: {exc.strerror}"
            raise PostfixError(msg) from exc

    def set_aside(self) -> None:
        """After a detach: keep the copies as NAME.detached, and forget what was recorded."""
        if self.folder.exists():
            old = self.folder.with_name(f"{self.folder.name}.detached")
            shutil.rmtree(old, ignore_errors=True)
            self.folder.rename(old)
        self._files.clear()
        self.made_folders.clear()

    def _load(self) -> None:
        path = self.folder / _RECORD
        try:
            refuse_foreign(self.folder.parent)
            refuse_foreign(self.folder)
            record: _Record = json.loads(path.read_text())
            self._files = {Path(name): Recorded(**file) for name, file in record["files"].items()}
            self.made_folders = [Path(name) for name in record["made_folders"]]
        except FileNotFoundError:
            return
        except PermissionError as exc:
            msg = f"only root may read {path}: run this as root (sudo)"
            raise PostfixError(msg) from exc
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            msg = (
                f"{path} can't be read ({exc}): move the folder {self.folder} away; detach then"
                " takes out exactly sendlimit's settings"
            )
            raise PostfixError(msg) from exc

    def _save(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        record: _Record = {
            "files": {
                str(path): {"without_us": file.without_us, "attached": file.attached}
                for path, file in self._files.items()
            },
            "made_folders": [str(path) for path in self.made_folders],
        }
        for path, file in self._files.items():
            if file.without_us is not None:
                _write(self.folder / path.name, file.without_us)
        _write(self.folder / _RECORD, json.dumps(record, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    """Write the whole file or nothing of it, and see it on the disk."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(text.encode(errors="surrogateescape"))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
