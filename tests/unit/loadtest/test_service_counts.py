"""What the service says of itself, and that nothing is in flight any more."""

import json
from collections.abc import Iterator
from typing import ClassVar

import pytest
from loadtest.service_counts import ServiceCounts, Worker, all_counts, settled, wait_calm
from tests.unit.loadtest.http_server import Handler, closed_port, serving


class Status(Handler):
    """Answers with one document after the other; the last one stays."""

    documents: ClassVar[list[str]]

    def reply(self) -> None:
        self.answer(200, self.documents[0].encode())
        del self.documents[: len(self.documents) > 1]


def document(in_flight: int, **fields: object) -> str:
    stream = {"stored_rows": 12, "failed_rows": 3, "in_flight_rows": in_flight}
    other = {**stream, "in_flight_rows": 0}
    return json.dumps({"streams": {"meter_usage": {**stream, **fields}, "other": other}})


@pytest.fixture
def port() -> Iterator[int]:
    with serving(Status) as port:
        yield port


def test_counts_are_those_of_the_stream(port: int) -> None:
    states = {9: "serving", 4: "gone", 7: "draining"}
    workers = [{"pid": pid, "state": state} for pid, state in states.items()]
    Status.documents = [document(1, received_rows=20, rejected_by_reason={"a": 4}, workers=workers)]
    counts = all_counts("127.0.0.1", port)["meter_usage"]
    expected = tuple(Worker(pid, state) for pid, state in states.items())
    assert counts == ServiceCounts(12, 3, 1, 20, {"a": 4}, expected)
    assert counts.pids == [7, 9]


@pytest.mark.parametrize("text", ["no json", "{}", '{"streams": {}}'])
def test_another_kind_of_service_is_an_error(port: int, text: str) -> None:
    Status.documents = [text]
    with pytest.raises(RuntimeError, match=r"cannot read /status\.json"):
        all_counts("127.0.0.1", port)


def test_only_what_was_counted_in_between_is_left() -> None:
    before = ServiceCounts(10, 1, 5, 20, {"a": 1, "b": 4})
    after = ServiceCounts(110, 3, 0, 140, {"a": 1, "b": 9, "c": 2}, (Worker(1, "serving"),))
    assert after.since(before) == ServiceCounts(100, 2, 0, 120, {"b": 5, "c": 2}, after.workers)
    assert ServiceCounts(4, 0, 0).since(ServiceCounts(1, 0, 0)) == ServiceCounts(3, 0, 0)


def test_counts_are_settled_once_two_agree_and_nothing_is_in_flight() -> None:
    said = [ServiceCounts(1, 0, 2), ServiceCounts(1, 0, 2), ServiceCounts(3, 0, 0)]
    said.append(said[-1])
    answers = iter(said)
    assert settled(lambda: next(answers), agree_s=0) == said[-1]
    assert next(answers, None) is None
    assert settled(lambda: said[0], timeout_s=0, agree_s=0) == said[0]


def test_rows_that_show_up_again_are_waited_for(port: int) -> None:
    Status.documents = [document(it) for it in (3, 0, 0, 2, 0)]
    wait_calm(port, timeout_s=10.0)
    assert Status.documents == [document(0)]


def test_rows_that_never_leave_and_a_service_that_does_not_answer_are_errors(port: int) -> None:
    Status.documents = [document(1)]
    for asked in (port, closed_port()):
        with pytest.raises(RuntimeError, match="no row is in flight"):
            wait_calm(asked, timeout_s=0.05)
