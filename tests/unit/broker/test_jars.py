import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from utility_ts_analytics.broker import jars
from utility_ts_analytics.broker.jars import class_path, find_jars, pinned_jars
from utility_ts_analytics.errors import OperatorError

PINS = {"org.a:a:1": b"jar a", "org.b:b-core:2.0": b"jar b"}


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in PINS.items()}
    monkeypatch.setattr(jars, "pinned_jars", lambda: digests)


class Repository:
    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = contents
        self.asked: list[str] = []

    def __call__(self, folder: Path, coordinate: str) -> Path:
        self.asked.append(coordinate)
        path = folder / coordinate.replace(":", "-")
        path.write_bytes(self.contents[coordinate])
        return path


def test_every_jar_is_pinned_without_an_address() -> None:
    assert len(pinned_jars()) > 30
    for coordinate, digest in pinned_jars().items():
        assert len(coordinate.split(":")) == 3
        assert len(bytes.fromhex(digest)) == 32
        assert "/" not in coordinate


@pytest.mark.usefixtures("pins")
def test_jars_are_fetched_once_and_checked_each_time(tmp_path: Path) -> None:
    said: list[str] = []
    environ, repository = {"XDG_CACHE_HOME": str(tmp_path)}, Repository(PINS)
    folder = find_jars(environ, notify=said.append, download=repository)
    assert sorted(path.name for path in folder.iterdir()) == ["a-1.jar", "b-core-2.0.jar"]
    assert repository.asked == list(PINS)
    (folder / "a-1.jar").write_bytes(b"changed")
    (folder / "other.jar").write_bytes(b"not ours")
    find_jars(environ, notify=said.append, download=repository)
    assert repository.asked == [*PINS, "org.a:a:1"]
    assert (folder / "a-1.jar").read_bytes() == b"jar a"
    assert len(said) == 2
    assert class_path(folder) == f"{folder}/a-1.jar:{folder}/b-core-2.0.jar"


@pytest.mark.usefixtures("pins")
def test_wrong_jar_is_never_kept(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(OperatorError, match="its SHA-256 is"):
        find_jars(environ, download=Repository({**PINS, "org.a:a:1": b"evil"}))
    assert not list(tmp_path.glob("*/kafka-*/a-1.jar"))


@pytest.mark.usefixtures("pins")
def test_no_network_is_said_in_one_line(tmp_path: Path) -> None:
    def fail(_: Path, __: str) -> Path:
        raise ConnectionError("no route")

    with pytest.raises(OperatorError, match="no route; run once with network access"):
        find_jars({"XDG_CACHE_HOME": str(tmp_path)}, download=fail)
