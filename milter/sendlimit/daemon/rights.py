"""Root does not serve in another user's folder: the daemon takes that user's rights, for good.

By hand `sendlimit serve` would be root, with the user's files under it: a link there would lead
it anywhere, and what it makes there the user's own daemon could not open at its next start.
"""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.store.location import SQLiteLocation, parse_url
from sendlimit.store.owner import first_owner

if TYPE_CHECKING:
    from sendlimit.config import Config


def drop_root(config: Config) -> bool:
    """Take the rights of the user who owns state_dir, or the folder of SQLite's file; only as root.

    The group of milter.socket_group is kept, so that the socket can be given to it. Where root
    owns these folders, nothing changes. To be called before the first thread.

    Returns:
        False: that user may not read this program, which stays root's.
    """
    owner = _owner(config) if os.geteuid() == 0 else None
    if owner is None:
        return True
    uid, gid = owner
    groups = {gid}
    with suppress(KeyError):
        groups.update(os.getgrouplist(pwd.getpwuid(uid).pw_name, gid))
    with suppress(KeyError):
        groups.add(grp.getgrnam(config.milter.socket_group).gr_gid)
    before = os.getgroups()
    os.setgroups([*groups])
    os.setegid(gid)
    os.seteuid(uid)
    # What is imported later is read with the new rights.
    is_readable = all(
        os.access(file, os.R_OK, effective_ids=True) for file in (os.__file__, __file__)
    )
    os.seteuid(0)
    if is_readable:
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    else:
        os.setegid(0)
        os.setgroups(before)
    return is_readable


def _owner(config: Config) -> tuple[int, int] | None:
    location = parse_url(config.store.url)
    folders = [Path(config.state_dir)]
    if isinstance(location, SQLiteLocation):
        folders.append(Path(location.path).parent)
    found = (first_owner(folder / "file") for folder in folders if folder.is_dir())
    return next((owner for owner in found if owner is not None), None)
