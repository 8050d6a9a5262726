import hashlib
import sys
from pathlib import Path

import pytest

from utility_ts_analytics.database import questdb_jar
from utility_ts_analytics.database.questdb_jar import download_jar, find_jar
from utility_ts_analytics.errors import OperatorError

CONTENT = b"a jar"
NAME = "questdb-9.3.4.jar"


@pytest.fixture(autouse=True)
def content_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setattr(questdb_jar, "QUESTDB_JAR_SHA256", digest)


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
