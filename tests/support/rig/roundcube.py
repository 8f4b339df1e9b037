"""Debian's Roundcube in a private folder, with the plugin of this repository, behind PHP's own server."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from support.rig.process import Process, accepts_connections, free_port

USER = "www-data"
"""Whom Roundcube runs as, as behind a web server."""
PLUGIN = Path(__file__).parents[3] / "roundcube" / "sendlimit"

_SHARE = Path("/usr/share/roundcube")
_DEFAULTS = Path("/etc/roundcube")
_WORKERS = "4"
_INDEX = f"""\
<?php
define('INSTALL_PATH', __DIR__ . '/');
require '{_SHARE}/index.php';
"""
_CONFIG: Mapping[str, object] = {
    "des_key": "0123456789abcdef01234567",
    "smtp_user": "%u",
    "smtp_pass": "%p",
    "plugins": ["sendlimit"],
    "create_default_folders": True,
    "enable_spellcheck": False,
    "log_driver": "file",
    "mail_domain": "example.org",
    "product_name": "Webmail",
    "auto_create_user": True,
    "htmleditor": 0,
    "draft_autosave": 0,
    "max_disclosed_recipients": 0,
}


class Roundcube:
    """Webmail on a port of 127.0.0.1; what users do with it is in `rig.webmail`.

    Attributes:
        url: of its first page.
    """

    def __init__(
        self,
        folder: Path,
        *,
        imap_port: int,
        submission_port: int,
        plugin: Mapping[str, object],
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Write the configuration; nothing is started.

        Args:
            folder: an empty or missing folder whose parents user www-data can enter.
            imap_port: of Dovecot.
            submission_port: of Postfix.
            plugin: the plugin's own settings, such as `sendlimit_socket`.
            settings: further ones of Roundcube.
        """
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._config = folder / "config"
        self._database = folder / "data" / "roundcube.db"
        self._plugin = plugin
        self._settings = {
            **_CONFIG,
            "db_dsnw": f"sqlite:///{self._database}?mode=0640",
            "imap_host": f"127.0.0.1:{imap_port}",
            "smtp_host": f"127.0.0.1:{submission_port}",
            "log_dir": f"{folder}/logs",
            "temp_dir": f"{folder}/temp",
            **(settings or {}),
        }
        for name in ("config", "plugins", "data", "logs", "temp"):
            (folder / name).mkdir(parents=True)
        for name in ("data", "logs", "temp"):
            shutil.chown(folder / name, USER, USER)
        for name in ("program", "skins", "SQL"):
            (folder / name).symlink_to(_SHARE / name)
        for name in ("defaults.inc.php", "mimetypes.php"):
            (self._config / name).symlink_to(_DEFAULTS / name)
        for plugin_folder in (_SHARE / "plugins").iterdir():
            (folder / "plugins" / plugin_folder.name).symlink_to(plugin_folder)
        shutil.copytree(PLUGIN, folder / "plugins" / "sendlimit")
        self._plugin_config = folder / "plugins" / "sendlimit" / "config.inc.php"
        (folder / "index.php").write_text(_INDEX)
        self._log = folder / "logs" / "errors.log"
        self.configure({})
        uncached = folder / "uncached"  # else a change would be noticed two seconds late
        uncached.write_text(f"{self._config}/*\n{self._plugin_config}\n")
        self.process = Process(
            "roundcube",
            [
                "php",
                "-d",
                f"opcache.blacklist_filename={uncached}",
                "-S",
                f"127.0.0.1:{port}",
                "-t",
                folder,
            ],
            folder / "php.log",
            user=USER,
            env={"PHP_CLI_SERVER_WORKERS": _WORKERS},
        )
        self._port = port

    def configure(
        self, settings: Mapping[str, object], plugin: Mapping[str, object] | None = None
    ) -> None:
        """Replace settings of Roundcube and of the plugin; the others are as at first."""
        _write(self._config / "config.inc.php", {**self._settings, **settings})
        _write(self._plugin_config, {**self._plugin, **(plugin or {})})

    def set_identity(self, login: str, address: str) -> None:
        """Give a user who has logged in another address, as users can."""
        statement = (
            "UPDATE identities SET email = ? "
            "WHERE user_id = (SELECT user_id FROM users WHERE username = ?)"
        )
        with contextlib.closing(sqlite3.connect(self._database, timeout=10)) as users, users:
            changed = users.execute(statement, (address, login)).rowcount
        assert changed == 1

    def errors(self) -> str:
        """Return Roundcube's error log, and what PHP complains about."""
        found = self._log.read_text() if self._log.exists() else ""
        lines = self.process.log_text().splitlines()
        return found + "\n".join(line for line in lines if "PHP " in line)

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self.process.start()
        self.process.wait_until(lambda: accepts_connections(self._port), 20, "listens")

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        return self.process.stop()


def _write(file: Path, settings: Mapping[str, object]) -> None:
    """Write settings as PHP; JSON in single quotes, read by PHP's own parser of it."""
    text = json.dumps(dict(settings)).replace("\\", "\\\\").replace("'", "\\'")
    file.write_text(f"<?php\n$config = json_decode('{text}', true) + ($config ?? []);\n")
