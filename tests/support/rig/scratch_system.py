"""A throw-away copy of this machine's system, with root and processes of its own.

Programs in it see the real file tree, with the packages that are installed here; what they
write goes to memory. It lives in namespaces for mounts and processes, so that nothing is left
when it ends, whatever was started in it. The network is this machine's.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.rig.process import Process

# /run and /tmp are empty, as after a start of the system, and /srv is for the tests alone. /proc is
# that of the new processes.
_MAKE = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$0"
cd "$0"
mkdir root upper work
mount -t overlay -o lowerdir=/,upperdir="$0/upper",workdir="$0/work" overlay root
mount --rbind /dev root/dev
mount -t proc proc root/proc
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t tmpfs -o mode=755 tmpfs root/srv
mount -t tmpfs -o mode=1777 tmpfs root/tmp
exec chroot root sh -c 'echo ready; exec sleep infinity'
"""


class ScratchSystem:
    """The copy. Paths of its methods are paths in it.

    It needs root's right to mount; without it, the start fails and says so.
    """

    def __init__(self, folder: Path) -> None:
        """Take an empty folder to mount on; nothing is started."""
        self._root = folder / "root"
        self.process = Process(
            "scratch system",
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _MAKE, folder],
            folder.with_suffix(".log"),
        )

    def start(self) -> None:
        """Make the copy and wait until it is there."""
        self.process.start()
        self.process.wait_until(lambda: "ready" in self.process.log_text(), 20, "is mounted")

    def stop(self) -> None:
        """End the copy and everything that runs in it."""
        self.process.kill()

    def run(
        self, *words: str | Path, env: Mapping[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in it to its end; stderr is part of stdout.

        Raises:
            AssertionError: it failed, and this was not to be looked at by the caller.
        """
        done = subprocess.run(
            [*self._enter("--pid"), *words],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
            | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0 or not check, f"{words}: {done.returncode}\n{done.stdout}"
        return done

    def daemon(self, name: str, argv: Sequence[str], log: Path, env: Mapping[str, str]) -> Process:
        """Describe a program that runs in its file tree; signals reach it as any Process.

        Args:
            name: for messages.
            argv: the program and its arguments.
            log: file on this machine.
            env: its variables, on top of this process's.
        """
        return Process(name, [*self._enter(), *argv], log, env=env)

    def path(self, path: str) -> Path:
        """Return where a path of the copy is for this process, while the copy lives."""
        return Path(f"/proc/{self._inner}/root{path}")

    def bind(self, source: Path, path: str) -> None:
        """Show a file or folder of this machine at a path in the copy, as long as it lives."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.touch()
        subprocess.run(
            [
                *("nsenter", f"--target={self._inner}", "--mount"),
                *("mount", "--bind", source, f"{self._root}{path}"),
            ],
            check=True,
            capture_output=True,
            timeout=20,
        )

    @property
    def _inner(self) -> int:
        """Process id of the first process in it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children.split()[0])

    def _enter(self, *namespaces: str) -> list[str]:
        return ["nsenter", f"--target={self._inner}", "--mount", *namespaces, "--root", "--wdns=/"]
