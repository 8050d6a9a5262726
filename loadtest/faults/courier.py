"""One producer's connection to the service."""

import http.client
from typing import BinaryIO

from loadtest.posting import Answer, Body, Connection, Target


class Courier:
    """One connection at a time, a new one after each that broke.

    Args:
        target: Where to post, and how.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: Connection | None = None

    def post(self, file: BinaryIO, body: Body) -> Answer:
        """Send a body; any error leaves this without a connection.

        Raises:
            OSError: The connection was refused or broke, or was silent for too long.
            http.client.HTTPException: What came is no whole answer.
        """
        if self._connection is None:
            self._connection = Connection(self._target)
        try:
            return self._connection.post(file, body)
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            self._connection.__exit__()
            self._connection = None
