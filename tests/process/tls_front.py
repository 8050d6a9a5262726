"""TLS before QuestDB, which has none: Caddy for HTTP, and a small proxy for the PostgreSQL wire."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.certificates import Pair
from tests.process.caddy_proxy import LOG_NAME, caddy_process
from tests.process.running_service import PROJECT, free_ports
from tests.process.stored_tables import until

_SSL_REQUEST_BYTES = 8

CADDYFILE = PROJECT / "infra" / "caddy" / "questdb.Caddyfile"
TOKEN = "caddy-lets-this-in-7c1d"  # noqa: S105


@contextlib.contextmanager
def caddy_front(place: Path, pair: Pair, upstream: int) -> Iterator[int]:
    """Run Caddy with the project's file on 127.0.0.1 and 127.0.0.2; yield its port.

    Args:
        place: For its files; is made.
        pair: The certificate that it shows, whatever name it is asked for.
        upstream: Port of QuestDB's HTTP server.
    """
    place.mkdir()
    [port] = free_ports(1)
    environment = {
        "QUESTDB_SITES": f"https://:{port}",
        "QUESTDB_BIND": "127.0.0.1 127.0.0.2",
        "QUESTDB_CERT": str(pair.cert),
        "QUESTDB_KEY": str(pair.key),
        "QUESTDB_TOKEN": TOKEN,
        "QUESTDB_UPSTREAM": f"127.0.0.1:{upstream}",
    }
    with caddy_process(CADDYFILE, place, environment) as process:

        def listens() -> bool:
            assert process.poll() is None, (place / LOG_NAME).read_text()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 5).close()
                return True
            return False

        until(listens, "Caddy listens")
        yield port


@contextlib.contextmanager
def pgwire_front(pair: Pair, upstream: int, *, negotiates: bool) -> Iterator[int]:
    """Speak TLS to clients on 127.0.0.1 and pass their bytes on; yield the port.

    Args:
        pair: The certificate that it shows.
        upstream: Port of QuestDB's pgwire.
        negotiates: Whether it answers PostgreSQL's SSLRequest; else TLS is all it knows.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.set_alpn_protocols(["postgresql"])
    with socket.create_server(("127.0.0.1", 0)) as listening, contextlib.ExitStack() as held:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    held.enter_context(client)
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        def serve(client: socket.socket) -> None:
            with contextlib.suppress(OSError), client:
                if negotiates:
                    client.recv(_SSL_REQUEST_BYTES, socket.MSG_WAITALL)
                    client.sendall(b"S")
                with (
                    context.wrap_socket(client, server_side=True) as inner,
                    socket.create_connection(("127.0.0.1", upstream)) as server,
                ):
                    up = threading.Thread(target=_pump, args=(inner, server), daemon=True)
                    up.start()
                    _pump(server, inner)
                    up.join()

        threading.Thread(target=accept, daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
