"""SIGHUP on a real `sendlimit web`."""

import signal
from pathlib import Path

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.process import running
from support.rig.web import Web


def test_reload(folder: Path, store: Counters) -> None:
    """A changed file holds from the reload on, with its map of logins; a broken one changes nothing."""
    logins = folder / "logins"
    logins.write_text("sales alice@example.org\n")
    limits = {"mailbox": {"messages_per_day": 100}}
    identity = {"map_file": str(logins)}
    socket = folder / "milter.sock"
    settings = configuration(folder, socket, store.settings, limits=limits, identity=identity)

    with running(Web(folder, settings)) as web:

        def limit_of_sales() -> tuple[str, int]:
            answer = web.ask("GET", "/v1/usage/sales", over=web.read_socket).json
            return answer["subject"], answer["limits"][0]["max"]

        assert limit_of_sales() == ("alice@example.org", 100)
        good = web.config_file.read_text()
        web.config_file.write_text(good.replace("messages_per_day = 100", "messages_per_day = 7"))
        web.process.send_signal(signal.SIGHUP)
        web.process.wait_until(lambda: limit_of_sales()[1] == 7, 30, "the new limit")

        logins.write_text("sales bob@example.org\n")
        web.process.send_signal(signal.SIGHUP)
        web.process.wait_until(lambda: limit_of_sales()[0] == "bob@example.org", 30, "the new map")

        web.config_file.write_text("[web")
        web.process.send_signal(signal.SIGHUP)
        web.process.wait_until(lambda: "config-rejected" in web.process.log_text(), 30, "a line")
        assert limit_of_sales() == ("bob@example.org", 7)
        assert web.stop() == 0
