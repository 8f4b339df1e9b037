"""The HTTP server that Prometheus asks."""

import socket

import pytest
import requests
from prometheus_client import CollectorRegistry, Gauge

from sendlimit.daemon.metrics_server import MetricsServer
from support.rig.process import free_port


@pytest.fixture
def registry() -> CollectorRegistry:
    """One metric with a value."""
    registry = CollectorRegistry()
    Gauge("sendlimit_sample", "A sample.", registry=registry).set(7)
    return registry


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_answers_until_it_is_stopped(registry: CollectorRegistry, host: str) -> None:
    """Prometheus gets text in its own format, by IPv4 and IPv6; after stop() the port is free."""
    port = free_port()
    server = MetricsServer(registry, host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
    answer = requests.get(url, timeout=10)
    server.stop()

    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "sendlimit_sample 7.0" in answer.text
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


def test_silent_client_is_hung_up_on(registry: CollectorRegistry) -> None:
    """A client that connects and asks nothing keeps no thread; others are answered meanwhile."""
    port = free_port()
    server = MetricsServer(registry, "127.0.0.1", port, request_s=0.05)
    with socket.create_connection(("127.0.0.1", port), 20) as silent:
        assert requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).ok
        assert silent.recv(1) == b""
    server.stop()


def test_address_in_use(registry: CollectorRegistry) -> None:
    """An address that another program listens on is an OSError."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        MetricsServer(registry, "127.0.0.1", taken.getsockname()[1])
