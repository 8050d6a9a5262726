"""The process of one case: it takes a request and leaves the figures in a file.

    python -m loadtest.bench.child REQUEST OUT

Both are files of JSON. A process of its own, so that its peak of memory is that of the case.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from loadtest.bench.catalogue import BENCHES
from loadtest.bench.request import Request
from loadtest.bench.stopping import exit_on_sigterm


def main(arguments: Sequence[str]) -> int:
    """Measure what the request asks for; 0, or an exception and its text on stderr."""
    asked, out = map(Path, arguments)
    request = msgspec.json.decode(asked.read_bytes(), type=Request)
    out.write_bytes(msgspec.json.encode(BENCHES[request.bench].measure(request)))
    return 0


if __name__ == "__main__":
    exit_on_sigterm()
    sys.exit(main(sys.argv[1:]))
