"""Start real programs, wait for what they do, and end them for sure."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

# Below Linux' ephemeral ports (32768-60999): no outgoing connection takes a port between
# the moment it is picked and the moment the server binds it.
_PORTS = range(20000, 32000)
_TAIL_LINES = 40

T = TypeVar("T")


def free_port() -> int:
    """Find a free TCP port on 127.0.0.1."""
    for port in random.sample(_PORTS, 200):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    msg = f"no free port in {_PORTS}"
    raise OSError(msg)


@contextlib.contextmanager
def private_folder(purpose: str) -> Iterator[Path]:
    """Make a folder that servers of other users can enter; remove it at the end.

    pytest's tmp_path is closed to all users but root, and its long name does not fit into the
    107 bytes of a unix socket's path.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"sendlimit-{purpose}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def wait_for(
    condition: Callable[[], T],
    deadline_s: float,
    what: str,
    explain: Callable[[], str] = lambda: "",
) -> T:
    """Ask until the condition is true.

    Args:
        condition: asked every few milliseconds; an exception counts as an answer, not as "no".
        deadline_s: seconds after which waiting fails.
        what: what is waited for, for the message.
        explain: gives further text for the message, for example the tail of a log.

    Returns:
        The first true value of the condition.

    Raises:
        TimeoutError: the condition was not true in time.
    """
    end = time.monotonic() + deadline_s
    pause_s = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            msg = f"not within {deadline_s} s: {what}\n{explain()}"
            raise TimeoutError(msg)
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.05)


def accepts_connections(address: Path | int) -> bool:
    """Tell whether a server accepts at a unix socket's path or a port of 127.0.0.1."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as client:
        client.settimeout(1)
        try:
            client.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
        except OSError:
            return False
        return True


class Process:
    """One program with its children, from start to its sure end.

    The program leads its own session, so signals reach its children by process group. When this
    process dies, however it dies, a watchdog kills the group. (PR_SET_PDEATHSIG would not do:
    the kernel forgets it when a program changes its user, as Postfix's master does.)
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        log: Path,
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the program; nothing is started.

        Args:
            name: for messages.
            argv: the program and its arguments.
            log: stdout and stderr are appended here.
            user: system user to run as; None: the user of this process.
            env: variables set on top of this process's environment.
        """
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = log
        self._user = user
        self._env = dict(env or {})
        self._popen: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program and return at once."""
        if self.is_running:
            msg = f"{self.name} runs already"
            raise RuntimeError(msg)
        self._end_watchdog()
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | self._env,
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )
        # It reads until the other end of its stdin is closed in every process.
        self._watchdog = subprocess.Popen(
            ["sh", "-c", 'read -r never; kill -9 "-$0"', str(self._popen.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id of the program that was started last."""
        return self._started().pid

    @property
    def is_running(self) -> bool:
        """True from start until the program has ended."""
        if self._popen is None or self._popen.poll() is not None:
            self._end_watchdog()
            return False
        return True

    def stop(self, deadline_s: float = 20) -> int:
        """Ask the program to end (SIGTERM), kill what is left of it, return its exit code.

        Raises:
            TimeoutError: it did not end in time; it is killed then.
        """
        popen = self._started()
        if self.is_running:
            self.thaw()
            popen.terminate()
        try:
            return popen.wait(deadline_s)
        except subprocess.TimeoutExpired as exc:
            msg = f"{self.name} ignores SIGTERM for {deadline_s} s\n{self.log_tail()}"
            raise TimeoutError(msg) from exc
        finally:
            self.kill()

    def kill(self) -> None:
        """End the program and its children at once (SIGKILL); fine if there are none."""
        if self._popen is not None:
            self._signal_group(signal.SIGKILL)
            self._end_watchdog()
            self._popen.wait()

    def freeze(self) -> None:
        """Stop the program and its children where they are (SIGSTOP)."""
        self._signal_group(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen program go on (SIGCONT)."""
        self._signal_group(signal.SIGCONT)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone, not to its children."""
        self._started().send_signal(number)

    def wait_until(self, condition: Callable[[], T], deadline_s: float, what: str) -> T:
        """Wait as `wait_for`, but fail at once when the program has ended.

        Raises:
            TimeoutError: not in time; the message has the tail of the log.
            ChildProcessError: the program ended; the message has its exit code and the tail.
        """

        def answer() -> T:
            if value := condition():
                return value
            if not self.is_running:
                code = self._started().returncode
                msg = f"{self.name} ended with {code} before: {what}\n{self.log_tail()}"
                raise ChildProcessError(msg)
            return value

        return wait_for(answer, deadline_s, f"{self.name}: {what}", self.log_tail)

    def wait_for_exit(self, deadline_s: float) -> int:
        """Wait until the program ends by itself; return its exit code."""
        popen = self._started()
        wait_for(lambda: not self.is_running, deadline_s, f"end of {self.name}", self.log_tail)
        return popen.wait()

    def log_text(self) -> str:
        """Return all that the program has printed; undecodable bytes as escapes."""
        return self.log.read_text(errors="backslashreplace") if self.log.exists() else ""

    def log_tail(self) -> str:
        """Return the end of the log, for messages."""
        lines = self.log_text().splitlines()[-_TAIL_LINES:]
        return "\n".join([f"--- tail of {self.log}", *lines])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._popen is None:
            msg = f"{self.name} was not started"
            raise RuntimeError(msg)
        return self._popen

    def _end_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.communicate()
            self._watchdog = None

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._started().pid, number)


def end_children() -> None:
    """End what this process has started and not waited for, with what that has started.

    A signal that turns into an exception can come between the start of a program and the line
    that takes note of it.
    """
    for task in Path("/proc/self/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # it leads a group, if Process has started it
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):  # another thread waits for it
                os.waitpid(child, 0)


class Server(Protocol):
    """What the private servers of the rig have in common."""

    process: Process

    def start(self) -> None:
        """Start and wait until the server is of use."""

    def stop(self) -> object:
        """End in good order."""


S = TypeVar("S", bound=Server)


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    """Start a server and end it when the block is left, unless the block has ended it."""
    try:
        server.start()
        yield server
        if server.process.is_running:
            server.stop()
    finally:
        server.process.kill()
