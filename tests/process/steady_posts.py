"""Clients that post without a pause, over a new connection each time, and note how it ended."""

import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.process.running_service import RunningService
from tests.process.sample_readings import reading_lines
from tests.process.stored_tables import StoredTables, until

ROWS = 5
"""Of each request."""

BROKEN = 0
"""In the place of a status: the connection broke without an answer."""

_BROKEN = (ConnectionError, http.client.HTTPException)


@dataclass(slots=True)
class SteadyPosts:
    """What several posting threads saw. Counts may lag behind while they run.

    Attributes:
        service: Which they post to.
        run: What the meters of these posts begin with, different in every test.
        token: What every request from now on carries; empty sends none.
        statuses: How often each status came, `BROKEN` among them.
        stored_ids: The meters of requests that got a 200.
        broken_ids: Those of requests that got no answer. Posting again is safe, as always.
        odd: Everything that was neither a 200, nor a 401, nor a broken connection.
    """

    service: RunningService
    run: str
    token: str = ""
    statuses: Counter[int] = field(default_factory=Counter)
    stored_ids: list[str] = field(default_factory=list)
    broken_ids: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def running(self, threads: int = 3) -> Iterator[None]:
        """Post for the length of a `with` block; every thread has ended after it."""
        clients = [threading.Thread(target=self._post_on) for _ in range(threads)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._over.set()
            for client in clients:
                client.join()

    def wait_more(self, count: int = 20) -> None:
        """Return once `count` more requests got a 200."""
        enough = self.statuses[200] + count
        until(lambda: self.statuses[200] >= enough, f"{count} more posts are stored")

    def assert_stored(self, tables: StoredTables) -> set[str]:
        """Every row of a 200 is stored once; of a broken connection, all rows or none.

        Returns:
            The meters of broken connections whose rows are stored: only the answer was lost.
        """
        tables.wait_applied("meter_usage")
        counts = tables.execute(
            f"SELECT meter_id, count() FROM meter_usage WHERE meter_id LIKE '{self.run}-%'"
        )
        stored = {str(meter_id): count for meter_id, count in counts}
        assert {stored.pop(meter_id, 0) for meter_id in self.stored_ids} == {ROWS}
        assert set(stored.values()) <= {ROWS}
        assert set(stored) <= set(self.broken_ids)
        return set(stored)

    def _post_on(self) -> None:
        while not self._over.is_set():
            meter_id, token = f"{self.run}-{next(self._numbers)}", self.token
            headers = {"authorization": f"Bearer {token}"} if token else {}
            try:
                answer = self.service.post_lines(reading_lines(meter_id, ROWS), headers=headers)
            except _BROKEN:
                self.statuses[BROKEN] += 1
                self.broken_ids.append(meter_id)
                continue
            except OSError as error:
                self.odd.append(repr(error))
                continue
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self.stored_ids.append(meter_id)
            elif answer.status != 401:
                self.odd.append(repr(answer))
