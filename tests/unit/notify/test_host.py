"""The name of this server in notices."""

import socket

from sendlimit.notify.host import host_name


def test_it_is_the_name_that_the_system_gives() -> None:
    """The name is the full one, and DNS is asked for it once at most."""
    assert host_name() == socket.getfqdn()
    before = host_name.cache_info().hits
    host_name()
    assert host_name.cache_info().hits == before + 1
