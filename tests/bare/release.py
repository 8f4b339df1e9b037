"""The release that is tried: what is committed, unpacked, and what its trials install."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bare import howto, packages
from bare.deployments import packages_of
from bare.report import CannotTryError

ROOT = Path(__file__).parents[2]


@contextmanager
def unpacked() -> Iterator[Path]:
    """Unpack what is committed: what is not must not help.

    Raises:
        CannotTryError: this is not a checkout.
    """
    folder = Path(tempfile.mkdtemp(prefix="sendlimit-release-"))
    try:
        # A checkout may be another user's.
        git: list[str | Path] = ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT]
        try:
            archive = subprocess.run(
                [*git, "archive", "HEAD"], capture_output=True, check=True
            ).stdout
        except subprocess.CalledProcessError as exc:
            msg = f"git archive fails: {exc.stderr.decode(errors='replace').strip()}"
            raise CannotTryError(msg) from exc
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield folder
    finally:
        shutil.rmtree(folder)


def debian_packages(release: Path, suite: str, *, deployments: bool = False) -> list[str]:
    """Return the names of all packages of Debian that are installed in a bare system of a suite."""
    of_bootstrap = subprocess.run(
        [release / "script/bootstrap", "--packages"], capture_output=True, text=True, check=True
    ).stdout.split()
    of_documents = {
        name
        for document in (howto.HOWTO, howto.INSTALL)
        for name in howto.HowTo((release / document).read_text(), "").packages()
    }
    of_deployments = packages_of(release) if deployments else ()
    return sorted({*of_bootstrap, *of_documents, *packages.needed(release, suite), *of_deployments})
