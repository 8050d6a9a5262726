"""Has connections end so that nothing of a request that was given up reaches the server later."""

import asyncio
import socket
import struct
from typing import Final

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


def reset_at_end(transport: asyncio.BaseTransport) -> None:
    """Have the kernel reset an open connection at its end, and drop what it has not sent.

    Otherwise it goes on sending after the end, for minutes where packets are lost, and old rows
    would be stored after newer ones went another way (decision 0024). Said while all is well, it
    holds for the end of a killed process too.
    """
    connected = transport.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
