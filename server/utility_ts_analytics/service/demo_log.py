"""The log of `dev --kafka`: an embedded broker with its topics, and `consume` beside the server."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog

from utility_ts_analytics.broker.embedded_kafka import EmbeddedKafka
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Address, BindAddress, Config, url_of
from utility_ts_analytics.config.kafka import ClientSettings
from utility_ts_analytics.consume.shard_map import dead_letter_topic
from utility_ts_analytics.database.embedded_questdb.server_settings import free_ports
from utility_ts_analytics.errors import EXIT_OK, OperatorError
from utility_ts_analytics.service.child_process import start_child
from utility_ts_analytics.service.consume_assembly import consume_plan
from utility_ts_analytics.service.generations import STOP_MARGIN_S
from utility_ts_analytics.service.listeners.ports import claim_or_raise
from utility_ts_analytics.service.plans import Listener
from utility_ts_analytics.service.supervisor import Supervisor
from utility_ts_analytics.sinks.kafka.topic import make_topics

_PARTITIONS: Final = 4
_RETENTION_MIB: Final = 64
_PORT_MAX: Final = 65_535

_log = structlog.get_logger("dev")


class DemoLog:
    """One broker and one `consume`, for the length of two `with` blocks.

    Args:
        data_dir: Of the broker.
        config: Of the service, as if it wrote into QuestDB.
        clock: For waits.
        notify: Told in one line when something slow begins.

    Attributes:
        addresses: Where the broker and the operations port of `consume` listen, by what is there.
            Empty before `broker`.
        exit_code: Of `consume`, once `consumer` was left; 0 before.
    """

    def __init__(
        self, data_dir: Path, config: Config, clock: Clock, *, notify: Callable[[str], None]
    ) -> None:
        self.addresses: Mapping[str, str] = {}
        self.exit_code = EXIT_OK
        self._config = config
        self._clock = clock
        self._kafka = EmbeddedKafka(data_dir, retention_mib=_RETENTION_MIB, notify=notify)

    @contextlib.contextmanager
    def broker(self) -> Iterator[Config]:
        """Run the broker with all topics; yields the configuration of the server before it.

        Raises:
            OperatorError: The broker does not start, or the topics cannot be made.
        """
        with self._kafka as running:
            self._config = _into_log(self._config, Address.parse(running.addr))
            # In a process of its own: this one forks, and must not have had Kafka's threads.
            maker = start_child(partial(_told, partial(_make_topics, self._config)))
            maker.join()
            if maker.exitcode:
                raise OperatorError("cannot make the topics of the embedded Kafka")
            metrics = msgspec.structs.replace(
                self._config.metrics, bind_addr=_address_beside(self._config.metrics.bind_address)
            )
            self._consume = msgspec.structs.replace(self._config, metrics=metrics)
            self.addresses = {
                "status page of consume": f"{url_of(metrics)}/",
                "Kafka broker": running.addr,
            }
            yield self._config

    @contextlib.contextmanager
    def consumer(self) -> Iterator[None]:
        """Run `consume`. This process gets SIGTERM if it fails."""
        consume = partial(_consume, self._consume, self._clock, os.getpid())
        child = start_child(partial(_told, consume))
        try:
            yield
        finally:
            child.terminate()
            child.join(self._consume.server.drain_timeout_s + 2 * STOP_MARGIN_S)
            child.kill()
            child.join()
            self.exit_code = child.exitcode or EXIT_OK


def _into_log(config: Config, broker: Address) -> Config:
    """Return a configuration whose streams all go to this broker, which asks for no login."""
    streams = {
        name: msgspec.structs.replace(
            stream, sink=msgspec.structs.replace(stream.sink, kind="kafka", fallback="none")
        )
        for name, stream in config.streams.items()
    }
    kafka = msgspec.structs.replace(config.kafka, brokers=(broker,), client=ClientSettings())
    return msgspec.structs.replace(config, kafka=kafka, **streams)


def _make_topics(config: Config) -> int:
    kafka = config.kafka
    partitions = {kafka.topics.of(name): _PARTITIONS for name in config.streams}
    letters = {dead_letter_topic(kafka, name): 1 for name in config.streams}
    make_topics(kafka, partitions | letters)
    return EXIT_OK


def _address_beside(address: BindAddress) -> BindAddress:
    """Return the next port of the same host, or a free one if that is in use."""
    beside = min(address.port + 1, _PORT_MAX)
    try:
        claim_or_raise(Listener("metrics.bind_addr", address.host, beside)).close()
    except OperatorError:
        beside = free_ports(1)[0]
    return BindAddress(address.host, beside)


def _consume(config: Config, clock: Clock, parent_pid: int) -> int:
    code = 1
    try:
        code = Supervisor(consume_plan(config), load=None, clock=clock).run()
    finally:
        if code:
            os.kill(parent_pid, signal.SIGTERM)
    return code


def _told(work: Callable[[], int]) -> int:
    """Return what `work` does; an error for the operator is logged."""
    try:
        return work()
    except OperatorError as error:
        _log.error("the log cannot run", error=str(error))
        return error.exit_code
