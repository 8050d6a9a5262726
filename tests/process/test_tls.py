"""TLS in the service itself: who is let in, and how a renewed certificate gets into use."""

import contextlib
import signal
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.certificates import Authority, Pair
from tests.process.process_logs import logged, wait_logged
from tests.process.raw_http import NDJSON, Connection
from tests.process.running_service import (
    Launch,
    MakeId,
    QuestDBPorts,
    RunningService,
    Section,
    run_command,
    write_config,
)
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until
from tests.process.tls_http import TlsConnection, post_tls

pytestmark = [pytest.mark.process, pytest.mark.questdb]

METER, GENERATION = "/ingest/meter_usage/ndjson", "/ingest/generation_output/ndjson"
RELOADED = "the configuration was reloaded"
KEPT = "cannot reload the configuration; the old one stays in force"
OPS = "operations-9f31"
_REFUSED = (ssl.SSLError, ConnectionError)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The service's certificate, the authorities, and a client of each."""

    servers: Authority
    clients: Authority
    server: Pair
    client: Pair
    stranger: Pair

    def context(self, client: Pair | None = None) -> ssl.SSLContext:
        """Return the context of a client that trusts the service and shows this certificate."""
        context = ssl.create_default_context(cafile=str(self.servers.pair.cert))
        if client is not None:
            context.load_cert_chain(client.cert, client.key)
        return context

    def settings(self, **metrics: str) -> Section:
        """Clients of the first stream have to show a certificate, those of the second do not."""
        files = {"tls_cert_file": str(self.server.cert), "tls_key_file": str(self.server.key)}
        asking = {**files, "tls_client_ca_file": str(self.clients.pair.cert)}
        return {
            "meter_usage": {"source": asking},
            "generation_output": {"source": files},
            "metrics": {**files, **metrics} if metrics else {},
        }


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    place = tmp_path_factory.mktemp("certificates")
    servers, clients, strangers = (
        Authority.make(place, name) for name in ("servers", "clients", "strangers")
    )
    return Certificates(
        servers,
        clients,
        servers.issue("server"),
        clients.issue("client", usage="clientAuth"),
        strangers.issue("stranger", usage="clientAuth"),
    )


@pytest.fixture(scope="module")
def secured(launch: Launch, certificates: Certificates) -> Iterator[RunningService]:
    with launch(certificates.settings()) as running:
        yield running


@pytest.fixture
def reload(questdb: QuestDBPorts) -> Callable[[RunningService, Section, str], None]:
    """Write another config, send SIGHUP, and return once the event is logged one time more."""

    def reloaded(service: RunningService, settings: Section, event: str = RELOADED) -> None:
        before = len(logged(service, event))
        write_config(service.config, questdb, service.ports, settings)
        service.process.send_signal(signal.SIGHUP)
        wait_logged(service, event, before + 1)

    return reloaded


def served_certificate(port: int, context: ssl.SSLContext) -> bytes:
    with TlsConnection(port, context) as connection:
        certificate = connection.socket.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def always(holds: Callable[[], bool]) -> Callable[[], bool]:
    """Ask 20 times: two generations share the port for a moment, and either may answer."""
    return lambda: all(holds() for _ in range(20))


def in_file(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.cert.read_text())


def test_client_with_a_certificate_is_let_in(
    secured: RunningService, certificates: Certificates, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    context = certificates.context(certificates.client)
    body = reading_lines(meter_id, 5_000, step_s=1)
    answer = post_tls(secured.ports.meter_usage, context, METER, body, {"content-type": NDJSON})
    assert answer.accepted_all().accepted == 5_000
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(5_000)


def test_client_without_a_certificate_of_the_authority_is_refused(
    secured: RunningService, certificates: Certificates, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, port = make_id("m"), secured.ports.meter_usage
    for client in (None, certificates.stranger, certificates.server):
        with pytest.raises(_REFUSED):
            post_tls(port, certificates.context(client), METER, reading_lines(meter_id, 1), {})
    with Connection(port) as plain:
        plain.send_head(METER, {"content-length": "0"})
        assert plain.answer_or_closed() is None
    assert tables.count_meter(meter_id) == 0


def test_stream_without_a_client_authority_asks_for_no_certificate(
    secured: RunningService, certificates: Certificates
) -> None:
    line = b'{"ts":"2024-01-01T00:00:00Z","plant_id":"tls","mw":1}'
    port = secured.ports.generation_output
    for client in (None, certificates.stranger):
        answer = post_tls(port, certificates.context(client), GENERATION, line, {})
        assert answer.accepted_all().accepted == 1


def test_nothing_older_than_tls_1_3_is_spoken(
    secured: RunningService, certificates: Certificates
) -> None:
    context = certificates.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="protocol version"):
        TlsConnection(secured.ports.generation_output, context)


def test_renewed_certificate_is_in_use_after_a_reload_and_no_request_fails(
    secured: RunningService,
    certificates: Certificates,
    reload: Callable[[RunningService, Section], None],
    tables: StoredTables,
    make_id: MakeId,
) -> None:
    port, context = secured.ports.meter_usage, certificates.context(certificates.client)
    old, meter_id = in_file(certificates.server), make_id("m")
    assert served_certificate(port, context) == old
    body = reading_lines(meter_id, 2_000, step_s=1)
    with TlsConnection(port, context) as upload:
        upload.send_head(METER, {"content-type": NDJSON, "transfer-encoding": "chunked"})
        upload.send_chunk(body[:50_000])
        certificates.servers.issue("server")
        new = in_file(certificates.server)
        assert served_certificate(port, context) == old != new, "not before SIGHUP"
        reload(secured, certificates.settings())
        until(always(lambda: served_certificate(port, context) == new), "the old one has let go")
        upload.send_chunk(body[50_000:])
        upload.end_chunks()
        assert upload.answer().accepted_all().accepted == 2_000
    assert tables.count_meter(meter_id) == 2_000
    assert always(lambda: served_certificate(port, context) == new)()


def test_certificate_that_does_not_fit_changes_nothing_and_is_named(
    secured: RunningService,
    certificates: Certificates,
    reload: Callable[[RunningService, Section, str], None],
) -> None:
    key = certificates.server.key
    good = key.read_bytes()
    key.write_bytes(certificates.client.key.read_bytes())
    try:
        reload(secured, certificates.settings(), KEPT)
        problems = logged(secured, KEPT)[-1]["problems"]
        assert isinstance(problems, list)
        assert [problem.partition(":")[0] for problem in problems] == [
            "meter_usage.source.tls_cert_file",
            "generation_output.source.tls_cert_file",
        ]
        context = certificates.context(certificates.client)
        assert post_tls(secured.ports.meter_usage, context, METER, b"", {}).status == 200
    finally:
        key.write_bytes(good)


def test_operations_port_speaks_tls_and_asks_for_its_token(
    secured: RunningService,
    certificates: Certificates,
    reload: Callable[[RunningService, Section], None],
    tmp_path: Path,
) -> None:
    reload(secured, certificates.settings(auth_bearer_token=OPS))
    context = certificates.context()

    def status(path: str, authorization: str = "") -> int:
        headers = {"authorization": authorization} if authorization else {}
        with TlsConnection(secured.ports.operations, context) as connection:
            connection.send_head(path, headers, "GET")
            return connection.answer("GET").status

    def served() -> bool:
        with contextlib.suppress(*_REFUSED):
            return status("/healthz") == 200
        return False

    until(always(served), "the operations port speaks TLS")
    until(lambda: status("/readyz") == 200, "no token is asked for")
    assert status("/status.json") == status("/status.json", "Bearer wrong") == 401
    assert status("/status.json", f"Bearer {OPS}") == 200
    told = run_command("status", "--config", str(secured.config), cwd=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "meter_usage: 1 workers serving" in told.stdout
    without = secured.config.read_text().replace(OPS, "another")
    (tmp_path / "other.toml").write_text(without)
    told = run_command("status", "--config", str(tmp_path / "other.toml"), cwd=tmp_path)
    assert (told.returncode, "it answers 401" in told.stderr) == (1, True)


def test_bad_files_are_all_named_at_the_start(
    questdb: QuestDBPorts, certificates: Certificates, secured: RunningService, tmp_path: Path
) -> None:
    files = {"tls_cert_file": "none.crt", "tls_key_file": str(certificates.client.key)}
    streams: dict[str, Section] = {
        name: {"source": files} for name in ("meter_usage", "generation_output")
    }
    config = write_config(
        tmp_path / "c.toml", questdb, secured.ports, {**streams, "metrics": files}
    )
    for command in ("serve", "check"):
        told = run_command(command, "--config", str(config), cwd=tmp_path)
        assert told.returncode == {"serve": 2, "check": 1}[command]
        for path in ("meter_usage.source", "generation_output.source", "metrics"):
            assert f"{path}.tls_cert_file: cannot read none.crt" in told.stdout + told.stderr
