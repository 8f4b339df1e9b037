"""What people use today, from Debian's packages: each in a private folder, on loopback.

Everything keeps the package's defaults but for addresses, folders, the log level and the limit.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.contender import LIMIT_PER_DAY, Contender
from bench.footprint import session
from support.rig.process import Process, accepts_connections, free_port, wait_for

_START_DEADLINE_S = 30
_DAY_S = 86400

# smtpd keeps its connection to a policy service over many mails and sends the next request as
# soon as it has one.
_POLICY_LOAD: dict[str, float | str | bool] = {
    "policy": True,
    "mails_per_connection": 100,
    "think_ms": 0,
}

# The proxy scans by itself, as the package's own documentation sets it up; nothing but the
# module `ratelimit` is loaded. The factors of 1 make the limit a fixed one.
_RSPAMD_CONF = """\
options {{
  pidfile = "{folder}/rspamd.pid";
  tempdir = "{folder}";
  filters = "";
  url_tld = "{folder}/tlds";
  cache_file = "{folder}/symbols.cache";
  control_socket = "{folder}/control.sock mode=0600";
  hs_cache_dir = "{folder}";
  local_addrs = [];
  dns {{ nameserver = ["127.0.0.1:1"]; }}
}}
logging {{ type = "console"; level = "warning"; }}
worker "rspamd_proxy" {{
  bind_socket = "{folder}/milter.sock mode=0666";
  count = 1;
  milter = yes;
  timeout = 120s;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
redis {{ servers = "127.0.0.1:{redis_port}"; }}
modules {{ path = "/usr/share/rspamd/plugins/ratelimit.lua"; }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
ratelimit {{
  rates {{ user = {{ bucket = [{{ burst = {limit}; rate = "{limit} / 1d"; }}]; }} }}
  max_rate_mult = 1;
  max_bucket_mult = 1;
}}
"""

_POLICYD_CONF = """\
debug: False
user: "policyd-rate-limit"
group: "policyd-rate-limit"
pidfile: "{folder}/policyd.pid"
sqlite_config:
  database: "{folder}/db.sqlite3"
backend: 0
SOCKET: "{folder}/policy.sock"
socket_permission: 0666
limits:
  - [{limit}, {day_s}]
limits_by_id: {{}}
limit_by_sasl: True
limit_by_sender: False
limit_by_ip: False
limited_networks: []
success_action: "dunno"
fail_action: "defer_if_permit Rate limit reach, retry later"
db_error_action: "dunno"
report: False
delay_to_close: 300
"""

_POSTFWD_RULE = (
    "id=LIMIT; sasl_username=~/./;"
    " action=rate(sasl_username/{limit}/{day_s}/450 4.7.1 too many mails)\n"
)
# The arguments of Debian's /etc/default/postfwd.
_POSTFWD_ARGS = ("--summary=600", "--cache=600", "--cache-rdomain-only", "--cache-no-size")


@contextlib.contextmanager
def running(process: Process, address: Path | int) -> Iterator[Process]:
    """Start a program, wait until it listens, and end it with the block."""
    process.start()
    try:
        process.wait_until(
            lambda: accepts_connections(address), _START_DEADLINE_S, f"listens on {address}"
        )
        yield process
    finally:
        process.kill()


def _own_folder(folder: Path, user: str) -> Path:
    folder.mkdir()
    shutil.chown(folder, user)
    return folder


@contextlib.contextmanager
def rspamd(parent: Path) -> Iterator[Contender]:
    """Run rspamd's milter proxy with a limit for each user, and a redis for its counters."""
    folder = _own_folder(parent / "rspamd", "_rspamd")
    redis_folder = _own_folder(parent / "redis", "redis")
    redis_port = free_port()
    (folder / "tlds").write_text("test\n")  # compiling the package's long list takes 10 s
    (folder / "rspamd.conf").write_text(
        _RSPAMD_CONF.format(folder=folder, redis_port=redis_port, limit=LIMIT_PER_DAY)
    )
    redis = Process(
        "redis-server",
        ["redis-server", "--bind", "127.0.0.1", "--port", str(redis_port), "--dir", redis_folder],
        redis_folder / "redis.log",
        user="redis",
    )
    proxy = Process(
        "rspamd",
        ["rspamd", "--no-fork", "--config", folder / "rspamd.conf"],
        folder / "rspamd.log",
        user="_rspamd",
    )
    with running(redis, redis_port), running(proxy, folder / "milter.sock"):
        yield Contender(
            name="rspamd + redis",
            address=f"unix:{folder}/milter.sock",
            daemon=proxy.pid,
            store=redis.pid,
            load_options={"decision": "eom"},
        )


@contextlib.contextmanager
def policyd_rate_limit(parent: Path) -> Iterator[Contender]:
    """Run policyd-rate-limit with a limit for each user, counting in SQLite."""
    folder = _own_folder(parent / "policyd", "policyd-rate-limit")
    (folder / "policyd.yaml").write_text(
        _POLICYD_CONF.format(folder=folder, limit=LIMIT_PER_DAY, day_s=_DAY_S)
    )
    process = Process(
        "policyd-rate-limit",
        ["policyd-rate-limit", "--file", folder / "policyd.yaml"],
        folder / "policyd.log",
    )
    with running(process, folder / "policy.sock"):
        yield Contender(
            name="policyd-rate-limit",
            address=f"unix:{folder}/policy.sock",
            daemon=process.pid,
            load_options=_POLICY_LOAD,
        )


@contextlib.contextmanager
def postfwd(parent: Path) -> Iterator[Contender]:
    """Run postfwd with a limit for each user, counting in its cache daemon.

    It always leaves its parent (its rate limits do not work in the foreground), so it is found
    and ended by its pid file.
    """
    folder = _own_folder(parent / "postfwd", "postfw")
    rules = folder / "postfwd.cf"
    rules.write_text(_POSTFWD_RULE.format(limit=LIMIT_PER_DAY, day_s=_DAY_S))
    pid_file = folder / "postfwd.pid"
    port = free_port()
    argv = ["postfwd", *_POSTFWD_ARGS, "--daemon", f"--file={rules}", f"--pidfile={pid_file}"]
    argv += ["--interface=127.0.0.1", f"--port={port}", "--user=postfw", "--group=postfw"]
    argv += ["--cache_proto=unix", f"--cache_port={folder}/cache.sock"]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=_START_DEADLINE_S)
    wait_for(pid_file.exists, _START_DEADLINE_S, "postfwd's pid file")
    pid = int(pid_file.read_text())
    try:
        wait_for(lambda: accepts_connections(port), _START_DEADLINE_S, "postfwd listens")
        yield Contender(
            name="postfwd", address=f"inet:127.0.0.1:{port}", daemon=pid, load_options=_POLICY_LOAD
        )
    finally:
        _end_session(pid)


def _end_session(leader: int) -> None:
    """Kill all processes of a session; those that are born meanwhile, too."""

    def is_over() -> bool:
        members = session(leader)
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        return not members

    wait_for(is_over, _START_DEADLINE_S, f"end of session {leader}")
