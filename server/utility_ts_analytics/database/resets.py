"""Ends connections so that nothing of a request that was given up reaches the server later."""

import asyncio
import socket
import struct
from typing import Final

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


def drop_unsent(transport: asyncio.BaseTransport) -> None:
    """Have the kernel reset a connection when it is closed, and drop what it has not sent.

    Otherwise it goes on sending after the close, for minutes where packets are lost, and old rows
    would be stored after newer ones went another way (decision 0024). Does nothing where the
    connection is closing already: its descriptor may be another's.
    """
    if not transport.is_closing():
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
