"""Whatever the answer, its head says nothing of what serves, and nobody keeps or guesses at it."""

import contextlib

import pytest
from tests.process.raw_http import JSON, NDJSON, Answer, Connection, ask
from tests.process.running_service import RunningService

pytestmark = [pytest.mark.process, pytest.mark.questdb]


def answers(service: RunningService) -> dict[int, Answer]:
    port, line = service.ports.meter_usage, b'{"ts":"2024-01-01T00:00:00Z","meter_id":"h","kwh":1}'
    found = [
        service.post_lines(line),
        service.post_lines(b"", query="?no"),
        service.post_lines(b"bad"),
        service.post_lines(b"", headers={"content-type": "text/csv"}),
        ask(port, "/nope"),
        ask(port, "/ingest/meter_usage"),
    ]
    with service.connect() as large:
        large.send_head("/ingest/meter_usage", {"content-type": JSON, "content-length": "99999999"})
        found.append(large.answer())
    return {answer.status: answer for answer in found}


def test_every_answer_has_the_same_safe_head(service: RunningService) -> None:
    found = answers(service)
    assert set(found) == {200, 400, 404, 405, 413, 415, 422}
    operations = [service.ask_operations(path) for path in ("/healthz", "/status.json", "/nope")]
    for answer in [*found.values(), *operations]:
        assert answer.headers["server"] == "ingestion"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "granian" not in str(answer).lower()
        assert "python" not in str(answer).lower()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ({f"x-{n}": "1" for n in range(200)}, 431),
        ({"content-length": "1, 2"}, 400),
        ({"content-length": "1", "Content-Length": "2"}, 400),
        ({"no value": "1"}, 400),
    ],
)
def test_head_beyond_the_limits_is_refused_by_the_server_without_its_name(
    head: dict[str, str], status: int, service: RunningService
) -> None:
    with Connection(service.ports.meter_usage) as connection:
        connection.send_head("/ingest/meter_usage/ndjson", {"content-type": NDJSON, **head})
        answer = connection.answer()
    assert answer.status == status
    assert "server" not in answer.headers
    assert answer.body == b""


def test_head_over_its_size_ends_in_431_or_a_closed_connection(service: RunningService) -> None:
    """The HTTP server notices between 64 and 128 KiB; what it has not read resets the rest."""
    with Connection(service.ports.meter_usage) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send_head("/ingest/meter_usage/ndjson", {"x": "y" * 600_000})
        answer = connection.answer_or_closed()
    assert answer is None or answer.status == 431


def test_hundred_headers_are_taken(service: RunningService) -> None:
    head = {f"x-{n}": "1" for n in range(100 - 3)}  # and host, content-type, content-length
    assert service.post_lines(b"", headers=head).status == 200
