"""Notes from the operations server, which asks the ports, to the supervisor.

One small file per worker that has to be replaced, in the service's runtime folder.
"""

from pathlib import Path

from utility_ts_analytics.service.accepting import Identity

_SUFFIX = ".stuck"


def note_stuck(folder: Path, worker: Identity, reason: str) -> None:
    """Ask for the end of a worker; again changes nothing.

    Raises:
        OSError: The note cannot be written.
    """
    server_pid, pid = worker
    path = folder / f"{server_pid}.{pid}{_SUFFIX}"
    written = path.with_suffix(".new")
    written.write_text(reason)
    written.rename(path)


def take_stuck(folder: Path) -> dict[Identity, str]:
    """Return the notes that there are, with their reasons, and remove them."""
    notes = {}
    for path in folder.glob(f"*{_SUFFIX}"):
        server_pid, pid, _ = path.name.split(".")
        notes[int(server_pid), int(pid)] = path.read_text()
        path.unlink()
    return notes
