"""Root takes the rights of the daemon's user before it serves, in a process of its own here."""

import grp
import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.daemon import rights
from sendlimit.daemon.rights import drop_root

_NOBODY = 65534
_POSTFIX = grp.getgrnam("postfix").gr_gid
Rights = tuple[tuple[int, int, int], tuple[int, int, int], list[int], bool]


@pytest.fixture
def config(folder: Path) -> Config:
    """A state folder of another user's."""
    state = folder / "state"
    state.mkdir()
    os.chown(state, _NOBODY, _NOBODY)
    return Config.model_validate({"state_dir": str(state), "store": {"url": "mariadb://s@h/d"}})


def _in_a_child(config: Config, prepare: Callable[[], object] = lambda: None) -> Rights:
    context = get_context("fork")
    reader, writer = context.Pipe()

    def work() -> None:
        prepare()
        has_dropped = drop_root(config)
        writer.send((os.getresuid(), os.getresgid(), sorted(os.getgroups()), has_dropped))

    child = context.Process(target=work)
    child.start()
    child.join(20)
    assert reader.poll()
    found: Rights = reader.recv()
    return found


def test_rights_of_the_owner(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users and groups are the owner's, and the socket's group stays among them."""
    monkeypatch.setattr(rights, "__file__", "/etc/passwd")
    monkeypatch.setattr(os, "__file__", "/etc/passwd")
    ids = (_NOBODY,) * 3
    assert _in_a_child(config) == (ids, ids, sorted({_NOBODY, _POSTFIX}), True)


def test_sqlite(config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of SQLite's file counts where root owns state_dir."""
    monkeypatch.setattr(rights, "__file__", "/etc/passwd")
    monkeypatch.setattr(os, "__file__", "/etc/passwd")
    store = {"url": f"sqlite:///{config.state_dir}/s.db"}
    own = Config.model_validate({"state_dir": str(folder), "store": store})
    assert _in_a_child(own)[0] == (_NOBODY,) * 3


def test_program_of_roots(config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that the owner may not read stays root's, and says so."""
    program = folder / "program.py"
    program.touch(0o600)
    monkeypatch.setattr(rights, "__file__", str(program))
    root = (0, 0, 0)
    assert _in_a_child(config) == (root, root, sorted(os.getgroups()), False)


def test_nothing_to_drop(config: Config, folder: Path) -> None:
    """In root's folder root serves, and another user keeps its rights."""
    own = config.model_copy(update={"state_dir": str(folder)})
    assert _in_a_child(own)[0] == (0, 0, 0)
    ids = (_NOBODY, _NOBODY, _NOBODY)
    assert _in_a_child(config, lambda: os.setresuid(*ids))[0] == ids
