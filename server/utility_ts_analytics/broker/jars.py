"""Finds the jars of Kafka: in the user's cache, else from Maven Central."""

from collections.abc import Callable, Mapping
from pathlib import Path

from utility_ts_analytics.database.embedded_questdb.jar import (
    DOWNLOAD_FAILURES,
    cache_dir,
    download_jar,
    sha256_of,
)
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.owned_folder import owned_folder

KAFKA_VERSION = "4.1.2"

_PINS = Path(__file__).with_name("jars.txt")

Download = Callable[[Path, str], Path]
"""Resolves the jar of a coordinate into a directory and returns the path of the file."""


def pinned_jars() -> dict[str, str]:
    """Return the SHA-256 of every jar by its coordinate, `group:artifact:version`."""
    lines = (line for line in _PINS.read_text().splitlines() if not line.startswith("#"))
    return {coordinate: digest for digest, coordinate in map(str.split, lines)}


def find_jars(
    environ: Mapping[str, str],
    *,
    notify: Callable[[str], None] = lambda _: None,
    download: Download = download_jar,
) -> Path:
    """Return the folder with the jars of Kafka, fetching missing ones once per user.

    It is in `$XDG_CACHE_HOME` or `~/.cache`, under `utility-ts-analytics/`. Each file is checked
    against its pinned SHA-256 each time (0.1 s) and before it gets its name there, so an incomplete
    or changed file is never run but fetched again.

    Args:
        environ: Where to look for `XDG_CACHE_HOME` and `HOME`.
        notify: Told in one line before a download starts (40 MB).
        download: Fetches a file; replaced in tests.

    Raises:
        OperatorError: A jar cannot be fetched; one line that says what to do.
    """
    folder = cache_dir(environ) / f"kafka-{KAFKA_VERSION}"
    wanted = {folder / _file_name(name): (name, digest) for name, digest in pinned_jars().items()}
    missing = [jar for jar, (_, digest) in wanted.items() if not _is_right(jar, digest)]
    if missing:
        notify(f"fetching Kafka {KAFKA_VERSION} (40 MB, once) into {folder}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with owned_folder("download-", folder.parent) as repository:
                for jar in missing:
                    name, digest = wanted[jar]
                    _fetch(jar, name, digest, repository, download)
        except DOWNLOAD_FAILURES as error:
            cause = (str(error).splitlines() or [type(error).__name__])[0]
            raise OperatorError(
                f"cannot get Kafka from Maven Central: {cause}; run once with network access"
            ) from error
    return folder


def class_path(folder: Path) -> str:
    """Return the pinned jars of a folder as Java takes them; other files there are not run."""
    return ":".join(str(folder / _file_name(name)) for name in pinned_jars())


def _fetch(jar: Path, coordinate: str, digest: str, repository: Path, download: Download) -> None:
    fetched = download(repository, coordinate)
    found = sha256_of(fetched)
    if found != digest:
        raise OperatorError(
            f"cannot use {jar.name} as downloaded: its SHA-256 is {found}, not {digest}; try again"
        )
    fetched.replace(jar)


def _file_name(coordinate: str) -> str:
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def _is_right(jar: Path, digest: str) -> bool:
    try:
        return sha256_of(jar) == digest
    except OSError:
        return False
