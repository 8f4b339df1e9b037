"""Keep Postfix's files as they were before attach, so that detach can restore them.

One folder for each configuration directory: `state_dir/postfix-backup/%2Fetc%2Fpostfix/` with
`record.json` and readable copies of the files. Only root may use the folder.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import quote

from sendlimit.errors import PostfixError
from sendlimit.postfix.attachment import BackupEntry
from sendlimit.postfix.private_folder import opened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.postfix.attachment import FileChange

FOLDER = "postfix-backup"

_RECORD = "record.json"


class _FileRecord(TypedDict):
    """A BackupEntry as earlier releases have written it; the keys stay."""

    without_us: str | None
    attached: str | None


class _Record(TypedDict):
    files: dict[str, _FileRecord]
    made_folders: list[str]


class Backup:
    """The backup of one Postfix configuration; it is read at once and written by `record`.

    Attributes:
        folder: where it is stored.
        made_folders: the folders that attach made, outermost first.
    """

    def __init__(self, state_dir: Path, config_directory: Path) -> None:
        self.folder = state_dir / FOLDER / quote(str(config_directory), safe="")
        self.made_folders: list[Path] = []
        self._files: dict[Path, BackupEntry] = {}
        self._load()

    @property
    def files(self) -> dict[Path, BackupEntry]:
        """The entry of each file that attach has changed."""
        return dict(self._files)

    def record(self, changes: Iterable[FileChange], made_folders: Iterable[Path]) -> None:
        """Record the files that attach is about to change.

        A file that was not changed since the last attach keeps its older entry: detach restores
        the text before the first attach.

        Raises:
            PostfixError: the backup can't be written.
        """
        for change in changes:
            known = self._files.get(change.path)
            is_ours = known is not None and known.attached == change.before
            without_sendlimit = (
                known.without_sendlimit if known and is_ours else change.without_sendlimit
            )
            self._files[change.path] = BackupEntry(
                without_sendlimit=without_sendlimit, attached=change.after
            )
        self.made_folders += made_folders
        try:
            self._save()
        except OSError as exc:
            msg = f"the backup can't be written to {self.folder}: {exc.strerror}"
            raise PostfixError(msg) from exc

    def archive(self) -> None:
        """Rename the folder to NAME.detached and forget all entries, after a detach."""
        with contextlib.suppress(FileNotFoundError), opened(self.folder.parent) as backups:
            backups.rename(self.folder.name, f"{self.folder.name}.detached")
        self._files.clear()
        self.made_folders.clear()

    def _load(self) -> None:
        path = self.folder / _RECORD
        try:
            with opened(self.folder.parent) as backups, backups.subfolder(self.folder.name) as own:
                record: _Record = json.loads(own.read(_RECORD))
            self._files = {
                Path(name): BackupEntry(
                    without_sendlimit=file["without_us"], attached=file["attached"]
                )
                for name, file in record["files"].items()
            }
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
        record: _Record = {
            "files": {
                str(path): {"without_us": file.without_sendlimit, "attached": file.attached}
                for path, file in self._files.items()
            },
            "made_folders": [str(path) for path in self.made_folders],
        }
        with (
            opened(self.folder.parent, make=True) as backups,
            backups.subfolder(self.folder.name, make=True) as own,
        ):
            for path, file in self._files.items():
                if file.without_sendlimit is not None:
                    own.write(path.name, file.without_sendlimit)
            own.write(_RECORD, json.dumps(record, indent=1) + "\n")
