"""A taken port is found before anything starts, and stays claimed."""

import socket

import pytest

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.service.ports import Listener, claim_or_raise


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_port_that_someone_listens_on_is_refused_with_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listener = Listener("metrics.bind_addr", "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OperatorError, match=r"change metrics\.bind_addr"):
            claim_or_raise(listener)


def test_a_port_shared_by_so_reuseport_is_refused_too() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OperatorError):
            claim_or_raise(Listener("x", "127.0.0.1", taken.getsockname()[1]))


def test_a_second_instance_cannot_claim_while_workers_can_bind() -> None:
    listener = Listener("x", "127.0.0.1", free_port())
    with claim_or_raise(listener), socket.socket() as worker:
        with pytest.raises(OperatorError):
            claim_or_raise(listener)
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind((listener.host, listener.port))
        worker.listen()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"192\.0\.2\.1"):
        claim_or_raise(Listener("x", "192.0.2.1", 1))
